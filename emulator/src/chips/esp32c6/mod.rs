//! Espressif ESP32-C6, after its Technical Reference Manual (version 1.1): UARTs, I2C0, GP-SPI2, system timer and timer groups with
//! their alarms and watchdogs, GPIO, interrupt matrix, SPI flash behind its MMU, random numbers, the core clock,
//! clock calibration, analog registers, the mask ROM's functions, and the blocks of `passthrough_registers`.
//!
//! The second-stage bootloader runs natively (`boot`). An ELF file's segments become an app image in flash at
//! 0x1_0000. At each start the image is checked, its mapped segments go to the MMU, and the others are copied to RAM.
//! An image that is already in flash, as `espflash save-image` makes it, starts the same way.
//!
//! USB-Serial-JTAG is a serial port of its own, with the number after the UARTs'.
//!
//! Not modelled: radios, DMA, other serial interfaces, converters (their registers store what is written),
//! cryptographic accelerators, sleep, the low-power core, JTAG, strapping pins, flash encryption. An access to one of
//! their registers is a typed fault.

mod app_image;
mod arithmetic;
mod blocks;
mod boot;
#[cfg(test)]
mod bus_tests;
mod clocks;
mod flash;
mod gpio;
mod i2c;
mod interrupts;
mod partitions;
mod passthrough_registers;
mod rom;
mod rom_calls;
mod rom_drivers;
mod rom_heap;
mod rom_table;
#[cfg(test)]
mod rom_tests;
mod rom_text;
mod rom_watchdog;
mod rwdt;
mod spi2;
mod systimer;
#[cfg(test)]
mod tests;
mod timg;
mod uart;
mod usb_serial_jtag;
mod watchdog;

use std::collections::BTreeMap;

use self::flash::Flash;
use self::gpio::{Gpio, PINS};
use self::i2c::I2c;
use self::interrupts::{Interrupts, Sources};
use self::passthrough_registers::PassthroughRegisters;
use self::rom::{Arguments, Store};
use self::rwdt::Rwdt;
use self::spi2::Spi2;
use self::systimer::Systimer;
use self::timg::Timg;
use self::uart::Uart;
use self::usb_serial_jtag::UsbSerialJtag;
use self::watchdog::Action;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, Request, ResetKind, RiscVOptions,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::machine::Image;
use crate::machine::time::PS_PER_SECOND;
use crate::parts::{I2cPins, SpiPins};

const UARTS: [u32; 2] = [0x6000_0000, 0x6000_1000];
const SPI0: u32 = 0x6000_2000;
const SPI1: u32 = 0x6000_3000;
const I2C0: u32 = 0x6000_4000;
const TIMG: [u32; 2] = [0x6000_8000, 0x6000_9000];
const SYSTIMER: u32 = 0x6000_a000;
const USB_SERIAL_JTAG: u32 = 0x6000_f000;
const INTMTX: u32 = 0x6001_0000;
const SPI2: u32 = 0x6008_1000;
const IO_MUX: u32 = 0x6009_0000;
const GPIO: u32 = 0x6009_1000;
const PCR: u32 = clocks::PCR;
const ANA_MST: u32 = 0x600a_f800;
const EFUSE: u32 = 0x600b_0800;
const LP_WDT: u32 = 0x600b_1c00;
const RNG_DATA: u32 = 0x600b_2808;
const INTPRI_FROM_CPU: u32 = 0x600c_5090;
const PLIC_MX: u32 = 0x2000_1000;
const PLIC_UX: u32 = 0x2000_1400;

const RAM: u32 = 0x4080_0000;
const RAM_BYTES: u32 = 0x8_0000;
const LP_RAM: u32 = 0x5000_0000;
const LP_RAM_BYTES: u32 = 0x4000;

/// Interrupt sources (table 10-1): GPIO, the low-power watchdog, the UARTs, USB-Serial-JTAG, and for each timer group
/// timer and watchdog.
const GPIO_SOURCE: u32 = 30;
const RWDT_SOURCE: u32 = 18;
const UART_SOURCES: [u32; 2] = [43, 44];
const USB_SERIAL_JTAG_SOURCE: u32 = 48;
const I2C_SOURCE: u32 = 50;
const SPI2_SOURCE: u32 = 72;
const TIMG_SOURCES: [[u32; 2]; 2] = [[51, 53], [54, 56]];

const UART_TX_TOKENS: [Token; 2] = [0, 1];
const UART_RX_TOKENS: [Token; 2] = [2, 3];
/// Timer and watchdog of each group.
const TIMG_TOKENS: [Token; 2] = [4, 6];
const SYSTIMER_TOKEN: Token = 8;
const RWDT_TOKEN: Token = 11;
/// Three of them.
const USB_TOKENS: Token = 12;

const I2C_TOKEN: Token = 16;
const SPI2_TOKEN: Token = 17;
/// The low-power timer: UPDATE, its bit, and the buffers for its time.
const LP_TIMER_UPDATE: u32 = 0x600b_0c10;
const MAIN_TIMER_UPDATE: u32 = 1 << 28;
const LP_TIMER_BUF0: u32 = 0x600b_0c14;
/// A register of the analog slave I2C_ULP, and its flags O_DONE_FLAG and BG_O_DONE_FLAG (`soc/regi2c_ulp.h` of ESP-IDF).
const OCODE_DONE: (u8, u8) = (0x61, 3);
const OCODE_FLAGS: u8 = 1 << 3 | 1 << 0;
/// Bits of PCR's I2C_CONF and SPI2_CONF that hold a peripheral in reset.
const RST_EN: u32 = 1 << 1;
/// The number of the port behind USB-Serial-JTAG, after the UARTs.
const USB_PORT: u8 = 2;

/// Reset causes (table 8-1, and `soc/reset_reasons.h` of ESP-IDF).
const CAUSE_POWER_ON: u32 = 1;
const CAUSE_SOFTWARE: u32 = 3;
const CAUSE_SOFTWARE_CPU: u32 = 12;
const CAUSE_RWDT: u32 = 16;
/// Causes of a reset of the whole core and of the CPU alone, by timer groups and by the low-power watchdog.
const CAUSE_TIMG: [[u32; 2]; 2] = [[7, 11], [8, 17]];
const CAUSE_RWDT_CORE: [u32; 2] = [9, 13];

/// The chip.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
pub struct Esp32C6 {
    /// The factory's MAC address.
    mac: [u8; 6],
    passthrough: PassthroughRegisters,
    interrupts: Interrupts,
    uarts: [Uart; 2],
    usb: UsbSerialJtag,
    i2c: I2c,
    spi2: Spi2,
    timg: [Timg; 2],
    systimer: Systimer,
    rwdt: Rwdt,
    gpio: Gpio,
    flash: Flash,
    /// Analog registers behind I2C_ANA_MST: slave and register.
    analog: BTreeMap<(u8, u8), u8>,
    /// Arguments of the native ROM function that is about to be called.
    arguments: Arguments,
    /// The result of the last one since the reset.
    result: Option<u64>,
    /// `ets_printf` has nobody who takes its bytes.
    is_printing_off: bool,
    /// The cause of the requested reset.
    cause: u32,
    /// A loaded program, to be written to flash before the next start.
    app: Option<Vec<u8>>,
}

impl Esp32C6 {
    /// A chip in factory state; its MAC address is derived from the machine's `seed`, and its flash's id from that.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut mac = [0x40, 0x4c, 0xca, 0, 0, 0];
        mac[3..].copy_from_slice(&seed[..3]);
        // More of the seed than the address has is nobody's business.
        let mut unique_id = [0; 8];
        unique_id[..6].copy_from_slice(&mac);
        Self {
            mac,
            passthrough: PassthroughRegisters::default(),
            interrupts: Interrupts::default(),
            uarts: [0, 1].map(|index| Uart::new(index as u8, UART_TX_TOKENS[index], UART_RX_TOKENS[index])),
            usb: UsbSerialJtag::new(USB_PORT, USB_TOKENS),
            i2c: I2c::new(I2C_TOKEN),
            spi2: Spi2::new(SPI2_TOKEN),
            timg: TIMG_TOKENS.map(Timg::new),
            systimer: Systimer::new(SYSTIMER_TOKEN),
            rwdt: Rwdt::new(RWDT_TOKEN, clocks::RC_SLOW_HZ),
            gpio: Gpio::default(),
            flash: Flash::new(u64::from_le_bytes(unique_id)),
            analog: BTreeMap::new(),
            arguments: [0; 9],
            result: None,
            is_printing_off: false,
            cause: 0,
            app: None,
        }
    }

    fn read_word(&mut self, fabric: &mut Fabric, addr: u32) -> Result<u32, AccessFault> {
        let offset = addr & 0xfff;
        match addr & !0xfff {
            page if page == UARTS[0] => return self.uarts[0].read(offset),
            page if page == UARTS[1] => return self.uarts[1].read(offset),
            page if page == TIMG[0] => return self.timg[0].read(offset, clocks::XTAL_HZ, clocks::SLOW_HZ),
            page if page == TIMG[1] => return self.timg[1].read(offset, clocks::XTAL_HZ, clocks::SLOW_HZ),
            SPI0 => return Ok(self.flash.read_spi0(offset)),
            SPI1 => return Ok(self.flash.read_spi1(offset)),
            SYSTIMER => return self.systimer.read(offset),
            I2C0 => return self.i2c.read(offset),
            SPI2 => return self.spi2.read(offset),
            USB_SERIAL_JTAG => return self.usb.read(fabric, offset),
            INTMTX => return self.interrupts.read_matrix(offset, self.sources()),
            IO_MUX => return self.gpio.read_mux(offset),
            GPIO => return Ok(self.gpio.read(offset)),
            _ => {}
        }
        Ok(match addr {
            rom::RESULT => self.result.ok_or(AccessFault::Unmapped)? as u32,
            _ if addr == rom::RESULT + 4 => (self.result.ok_or(AccessFault::Unmapped)? >> 32) as u32,
            PLIC_MX..PLIC_UX => return self.interrupts.read_controller(offset),
            LP_WDT..0x600b_2000 => return self.rwdt.read(addr - LP_WDT),
            INTPRI_FROM_CPU..0x600c_50a0 => self.interrupts.read_from_cpu((addr - INTPRI_FROM_CPU) as usize / 4),
            RNG_DATA => {
                let mut word = [0; 4];
                fabric.entropy(&mut word);
                u32::from_le_bytes(word)
            }
            // ANA_CONF0: the PLL is calibrated.
            _ if addr == ANA_MST + 0x18 => self.passthrough.get(addr) | 1 << 24,
            // RD_MAC_SYS_0 and 1; every other fuse is unburnt.
            _ if addr == EFUSE + 0x44 => u32::from_be_bytes([self.mac[2], self.mac[3], self.mac[4], self.mac[5]]),
            _ if addr == EFUSE + 0x48 => u32::from(self.mac[0]) << 8 | u32::from(self.mac[1]),
            EFUSE..0x600b_0c00 => 0,
            _ => return self.passthrough.read(addr),
        })
    }

    fn write_word(&mut self, fabric: &mut Fabric, addr: u32, value: u32) -> Result<(), AccessFault> {
        let offset = addr & 0xfff;
        match addr & !0xfff {
            page if page == UARTS[0] => return self.uarts[0].write(fabric, offset, value),
            page if page == UARTS[1] => return self.uarts[1].write(fabric, offset, value),
            page if page == TIMG[0] => return self.timg[0].write(fabric, offset, value),
            page if page == TIMG[1] => return self.timg[1].write(fabric, offset, value),
            SPI0 => return self.flash.write_spi0(fabric.memory_mut(), offset, value),
            SPI1 => return self.flash.write_spi1(fabric, offset, value),
            SYSTIMER => return self.systimer.write(fabric, offset, value),
            I2C0 => {
                let (hz, pins) = (clocks::i2c_hz(&self.passthrough), self.i2c_pins());
                return self.i2c.write(fabric, hz, pins, offset, value);
            }
            SPI2 => {
                let done = self
                    .spi2
                    .write(fabric, clocks::spi2_hz(&self.passthrough), offset, value);
                self.drive_cs0(fabric);
                return done;
            }
            USB_SERIAL_JTAG => return self.usb.write(fabric, offset, value),
            INTMTX => return self.interrupts.write_matrix(offset, value),
            IO_MUX => return self.gpio.write_mux(fabric, offset, value),
            GPIO => {
                self.gpio.write(fabric, offset, value);
                return Ok(());
            }
            _ => {}
        }
        match addr {
            PLIC_MX..PLIC_UX => self.interrupts.write_controller(offset, value)?,
            LP_WDT..0x600b_2000 => self.rwdt.write(fabric, addr - LP_WDT, value)?,
            INTPRI_FROM_CPU..0x600c_50a0 => {
                self.interrupts
                    .write_from_cpu((addr - INTPRI_FROM_CPU) as usize / 4, value);
            }
            _ if addr & !7 == ANA_MST => self.transfer_analog(addr, value)?,
            LP_TIMER_UPDATE => self.take_lp_time(fabric, value),
            _ => self.passthrough.write(addr, value)?,
        }
        if addr & !0xfff == PCR {
            self.update_clocks(fabric);
            match addr - PCR {
                clocks::I2C_CONF if value & RST_EN != 0 => self.i2c.reset(fabric, self.i2c_pins()),
                clocks::SPI2_CONF if value & RST_EN != 0 => {
                    self.spi2.reset(fabric);
                    self.gpio.set_cs0(fabric, None);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The pins that the matrix gives to I2C0; `None` unless it has both.
    fn i2c_pins(&self) -> Option<I2cPins> {
        Some(I2cPins {
            scl: self.gpio.output_of(gpio::I2CEXT0_SCL)?,
            sda: self.gpio.output_of(gpio::I2CEXT0_SDA)?,
        })
    }

    /// The pins that GP-SPI2 has; `None` unless it has a clock.
    fn spi2_pins(&self) -> Option<SpiPins> {
        Some(SpiPins {
            sck: self.gpio.output_of(gpio::FSPICLK)?,
            mosi: self.gpio.output_of(gpio::FSPID),
            miso: self.gpio.input_of(gpio::FSPIQ),
        })
    }

    /// Puts the level of GP-SPI2's select on its pin.
    fn drive_cs0(&mut self, fabric: &mut Fabric) {
        self.gpio.set_cs0(fabric, self.spi2.cs0());
    }

    /// I2C_CTRL of the analog master: one byte to or from a slave's register, at once.
    fn transfer_analog(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        let place = (value as u8, (value >> 8) as u8);
        if value >> 24 & 1 != 0 {
            self.analog.insert(place, (value >> 16) as u8);
            return self.passthrough.write(addr, value & !(1 << 25));
        }
        let data = match place {
            // The calibration of the band gap is done.
            OCODE_DONE => OCODE_FLAGS,
            _ => self.analog.get(&place).copied().unwrap_or(0),
        };
        self.passthrough.write(addr, value & 0xffff | u32::from(data) << 16)
    }

    /// The low-power timer's UPDATE: its time at the slow clock is to be read from BUF0, the one before from BUF1.
    fn take_lp_time(&mut self, fabric: &Fabric, value: u32) {
        if value & MAIN_TIMER_UPDATE == 0 {
            return;
        }
        let ticks = u128::from(fabric.now().as_ps()) * u128::from(clocks::RC_SLOW_HZ) / u128::from(PS_PER_SECOND);
        let before = [0, 4].map(|offset| self.passthrough.get(LP_TIMER_BUF0 + offset));
        let words = [ticks as u32, (ticks >> 32) as u32 & 0xffff, before[0], before[1]];
        for (word, addr) in words.into_iter().zip((LP_TIMER_BUF0..).step_by(4)) {
            let kept = self.passthrough.write(addr, word);
            debug_assert!(kept.is_ok(), "the block is there");
        }
    }

    fn update_clocks(&mut self, fabric: &mut Fabric) {
        fabric.set_cpu_hz(clocks::cpu_hz(&self.passthrough));
        for (index, uart) in self.uarts.iter_mut().enumerate() {
            uart.set_clock(fabric, clocks::uart_hz(&self.passthrough, index));
        }
        for (index, timg) in self.timg.iter_mut().enumerate() {
            timg.set_clocks(fabric, clocks::timg(&self.passthrough, index));
        }
    }

    /// The interrupt sources that are raised.
    fn sources(&self) -> Sources {
        let set = |source: u32, raised: bool| Sources::from(raised) << source;
        let mut sources = self.interrupts.raised_by_cpu() | self.systimer.interrupts();
        sources |= set(GPIO_SOURCE, self.gpio.interrupt()) | set(RWDT_SOURCE, self.rwdt.interrupt());
        sources |= set(USB_SERIAL_JTAG_SOURCE, self.usb.interrupt());
        sources |= set(I2C_SOURCE, self.i2c.interrupt()) | set(SPI2_SOURCE, self.spi2.interrupt());
        for (source, uart) in UART_SOURCES.into_iter().zip(&self.uarts) {
            sources |= set(source, uart.interrupt());
        }
        for ([timer, watchdog], timg) in TIMG_SOURCES.into_iter().zip(&self.timg) {
            let asked = timg.interrupts();
            sources |= set(timer, asked & timg::T0 != 0) | set(watchdog, asked & timg::WDT != 0);
        }
        sources
    }

    fn route(&mut self, fabric: &mut Fabric) {
        let sources = self.sources();
        self.interrupts.route(fabric, sources);
    }

    /// The action of a watchdog's stage. `causes`: of a reset of the core, and of the CPU alone.
    fn bite(&mut self, fabric: &mut Fabric, action: Action, causes: [u32; 2]) {
        self.cause = match action {
            Action::Nothing | Action::Interrupt => return,
            Action::ResetCpu => causes[1],
            Action::ResetSystem => causes[0],
            Action::ResetEverything => CAUSE_RWDT,
        };
        fabric.request(Request::Reset(ResetKind::Watchdog));
    }
}

impl Chip for Esp32C6 {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "ESP32-C6",
            regions: vec![
                Region::new("rom", rom::BASE, rom::BYTES, RegionKind::Flash),
                Region::new("flash window", flash::WINDOW, flash::WINDOW_BYTES, RegionKind::Flash),
                Region::new("flash", flash::ARRAY, flash::BYTES, RegionKind::Behind),
                Region::new("ram", RAM, RAM_BYTES, RegionKind::Ram),
                Region::new("lp ram", LP_RAM, LP_RAM_BYTES, RegionKind::Ram),
            ],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: rom::RESET_PC,
                identity: [0x612, 0x8000_0002, 2],
                interrupts: 0xffff_fffe,
                pmp_entries: 16,
                reservations: true,
                misaligned: true,
                mtvec_mask: 0xffff_ff00,
                // Always vectored (1.5).
                mtvec_fixed: 1,
                // Performance counter (its registers), GPIO, PMA, and the core's configuration.
                plain_csrs: PLAIN_CSRS,
            }),
            cpu_hz: clocks::PLL_ROOT_HZ,
            blocks: blocks::BLOCKS,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if !is_device(addr) {
            return Err(AccessFault::Unmapped);
        }
        let word = reserved(self.read_word(fabric, addr & !3))?;
        self.route(fabric);
        let mask = (1_u64 << (8 * size.bytes())) - 1;
        Ok(word >> (8 * (addr & 3)) & mask as u32)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match rom::store(addr) {
            Some(Store::Argument(index)) => {
                self.arguments[index] = value;
                return Ok(());
            }
            Some(Store::Call(call)) => {
                return self.call(fabric, call);
            }
            Some(Store::Arithmetic(function)) => {
                let [first, second, third, fourth, ..] = self.arguments;
                self.result = Some(function([first, second, third, fourth]));
                return Ok(());
            }
            None => {}
        }
        if fabric.memory().region(addr).is_some() {
            return Err(AccessFault::Denied);
        }
        if !is_device(addr) {
            return Err(AccessFault::Unmapped);
        }
        if size != AccessSize::Word {
            return Err(AccessFault::Width);
        }
        let done = self.write_word(fabric, addr, value);
        self.route(fabric);
        reserved(done)
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        for index in 0..2 {
            if token == UART_TX_TOKENS[index] {
                self.uarts[index].sent(fabric);
            } else if token == UART_RX_TOKENS[index] {
                self.uarts[index].arrived(fabric);
            } else if token == TIMG_TOKENS[index] {
                self.timg[index].alarm_due(fabric);
            } else if token == TIMG_TOKENS[index] + 1 {
                let action = self.timg[index].watchdog_due(fabric);
                self.bite(fabric, action, CAUSE_TIMG[index]);
            }
        }
        match token {
            I2C_TOKEN => {
                let (hz, pins) = (clocks::i2c_hz(&self.passthrough), self.i2c_pins());
                self.i2c.due(fabric, hz, pins);
            }
            SPI2_TOKEN => {
                let pins = self.spi2_pins();
                self.spi2.due(fabric, pins);
                self.drive_cs0(fabric);
            }
            USB_TOKENS..I2C_TOKEN => self.usb.due(fabric, token),
            SYSTIMER_TOKEN..RWDT_TOKEN => self.systimer.due(fabric, (token - SYSTIMER_TOKEN) as usize),
            RWDT_TOKEN => {
                let action = self.rwdt.due(fabric);
                self.bite(fabric, action, CAUSE_RWDT_CORE);
            }
            _ => {}
        }
        self.route(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        self.passthrough = PassthroughRegisters::default();
        self.interrupts = Interrupts::default();
        for uart in &mut self.uarts {
            uart.reset(fabric);
        }
        self.usb.reset(fabric);
        self.i2c.reset(fabric, self.i2c_pins());
        self.spi2.reset(fabric);
        self.timg = TIMG_TOKENS.map(Timg::new);
        self.systimer.reset(fabric);
        self.rwdt = Rwdt::new(RWDT_TOKEN, clocks::RC_SLOW_HZ);
        self.gpio.reset(fabric);
        self.analog.clear();
        let cause = match kind {
            ResetKind::PowerOn | ResetKind::Pin | ResetKind::WakeUp => CAUSE_POWER_ON,
            ResetKind::Software | ResetKind::Lockup | ResetKind::Watchdog => match self.cause {
                0 => CAUSE_SOFTWARE,
                cause => cause,
            },
        };
        self.cause = 0;
        self.is_printing_off = false;
        self.result = None;
        let memory = fabric.memory_mut();
        if let Some(app) = self.app.take() {
            boot::install(memory, &app);
        }
        self.flash.reset(memory);
        let entry = boot::start(&mut self.flash, memory).unwrap_or(rom::NO_APP);
        let done = rom::boot(memory, entry, cause);
        debug_assert!(done.is_ok(), "the chip's description has ROM");
        self.update_clocks(fabric);
        self.rwdt.begin(fabric);
    }

    fn boot_image(&mut self, image: &Image) {
        self.app = boot::app_of(image);
    }

    fn place_name(&self, addr: u32) -> Option<&'static str> {
        rom::name(addr)
    }

    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]) {
        if let Some(uart) = self.uarts.get_mut(usize::from(index)) {
            uart.input(fabric, bytes);
        } else if index == USB_PORT {
            self.usb.input(fabric, bytes);
        }
    }

    fn uart_input_room(&self, index: u8) -> usize {
        match index {
            USB_PORT => self.usb.room(),
            _ => self.uarts.get(usize::from(index)).map_or(0, Uart::room),
        }
    }

    fn uart_busy(&self, index: u8) -> bool {
        match index {
            USB_PORT => self.usb.is_busy(),
            _ => self.uarts.get(usize::from(index)).is_some_and(Uart::is_busy),
        }
    }

    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        self.gpio.input(pin, level);
        self.route(fabric);
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        (pin < PINS).then(|| self.gpio.level(pin)).flatten()
    }
}

const PLAIN_CSRS: &[(u16, u32)] = &[
    // mideleg: interrupts of user mode are not modelled.
    (0x303, 0),
    // tcontrol; there are no triggers.
    (0x7a5, 0),
    (0x7c0, 0),
    (0x7c1, 0),
    (0x7c5, 0),
    (0x7e0, 0),
    (0x7e1, 0),
    (0x803, 0),
    (0x804, 0),
    (0x805, 0),
    (0xbc0, 0),
    (0xbc1, 0),
    (0xbc2, 0),
    (0xbc3, 0),
    (0xbc4, 0),
    (0xbc5, 0),
    (0xbc6, 0),
    (0xbc7, 0),
    (0xbc8, 0),
    (0xbc9, 0),
    (0xbca, 0),
    (0xbcb, 0),
    (0xbcc, 0),
    (0xbcd, 0),
    (0xbce, 0),
    (0xbcf, 0),
    (0xbd0, 0),
    (0xbd1, 0),
    (0xbd2, 0),
    (0xbd3, 0),
    (0xbd4, 0),
    (0xbd5, 0),
    (0xbd6, 0),
    (0xbd7, 0),
    (0xbd8, 0),
    (0xbd9, 0),
    (0xbda, 0),
    (0xbdb, 0),
    (0xbdc, 0),
    (0xbdd, 0),
    (0xbde, 0),
    (0xbdf, 0),
];

/// The core's own blocks, and the peripherals.
fn is_device(addr: u32) -> bool {
    (0x2000_0000..0x2000_2000).contains(&addr) || (0x6000_0000..0x6010_0000).contains(&addr)
}

/// Writes the mask ROM.
pub fn prepare(memory: &mut GuestMemory) {
    let filled = rom::fill(memory);
    debug_assert!(filled.is_ok(), "the chip's description has ROM");
}
