//! SiFive FE310-G002, after its manual (v1p4): memory map, peripherals, interrupt wiring, and the serial flash on the
//! board. Not modelled: sleep, OTP programming, the debug module; an access
//! to one of their registers is a typed fault.

mod aon;
mod blocks;
mod gpio;
mod i2c;
mod nor;
mod pmu;
mod prci;
mod pwm;
mod qspi;
mod spi;
#[cfg(test)]
mod tests;
mod uart;

use self::aon::Aon;
use self::gpio::Gpio;
use self::i2c::I2c;
use self::prci::Prci;
use self::pwm::Pwm;
use self::qspi::Qspi;
use self::spi::Spi;
use self::uart::Uart;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::core::riscv::clint::Clint;
use crate::core::riscv::plic::Plic;
use crate::parts::I2cPins;

/// Where execution starts (chapter 5): the mode-select ROM.
const RESET_PC: u32 = 0x1004;
const MASK_ROM: u32 = 0x1_0000;
const CLINT: u32 = 0x0200_0000;
const PLIC: u32 = 0x0c00_0000;
const AON: u32 = 0x1000_0000;
const PRCI: u32 = 0x1000_8000;
const GPIO: u32 = 0x1001_2000;
const UARTS: [u32; 2] = [0x1001_3000, 0x1002_3000];
const QSPI0: u32 = 0x1001_4000;
const I2C0: u32 = 0x1001_6000;
const PWMS: [u32; pwm::COUNT] = [0x1001_5000, 0x1002_5000, 0x1003_5000];
/// SPI1 and SPI2.
const SPIS: [u32; spi::COUNT] = [0x1002_4000, 0x1003_4000];

/// PLIC sources (table 26).
const WATCHDOG_SOURCE: u32 = 1;
const RTC_SOURCE: u32 = 2;
const UART_SOURCES: [u32; 2] = [3, 4];
const QSPI_SOURCE: u32 = 5;
const SPI_SOURCES: [u32; spi::COUNT] = [6, 7];
const GPIO_SOURCE: u32 = 8;
/// The first of each one's four.
const PWM_SOURCES: [u32; pwm::COUNT] = [40, 44, 48];
const I2C_SOURCE: u32 = 52;
const SOURCES: u32 = 52;

/// The pins of the UARTs' lines (table 53): sending and receiving, both IOF 0.
const UART_PINS: [(u16, u16); 2] = [(17, 16), (18, 23)];

const MTIME_TOKEN: Token = 0;
const WATCHDOG_TOKEN: Token = 1;
const RTC_TOKEN: Token = 2;
const QSPI_TOKEN: Token = 3;
const UART_TX_TOKENS: [Token; 2] = [4, 5];
const UART_RX_TOKENS: [Token; 2] = [6, 7];
const I2C_TOKEN: Token = 8;
const SPI_TOKENS: [Token; spi::COUNT] = [9, 10];
const PWM_TOKENS: [Token; pwm::COUNT] = [11, 12, 13];

/// The chip.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
pub struct Fe310 {
    clint: Clint,
    plic: Plic,
    aon: Aon,
    prci: Prci,
    gpio: Gpio,
    uarts: [Uart; 2],
    qspi: Qspi,
    spis: [Spi; spi::COUNT],
    i2c: I2c,
    pwms: [Pwm; pwm::COUNT],
    /// Levels reported to the PLIC last.
    reported_levels: u64,
}

impl Default for Fe310 {
    fn default() -> Self {
        Self {
            clint: Clint::new(aon::LFCLK_HZ, MTIME_TOKEN),
            plic: Plic::new(SOURCES, 7),
            aon: Aon::new(WATCHDOG_TOKEN, RTC_TOKEN),
            prci: Prci::new(),
            gpio: Gpio::default(),
            uarts: [0, 1].map(|index| Uart::new(index as u8, UART_TX_TOKENS[index], UART_RX_TOKENS[index])),
            qspi: Qspi::new(QSPI_TOKEN),
            spis: [0, 1].map(|index| Spi::new(index, SPI_TOKENS[index])),
            i2c: I2c::new(I2C_TOKEN),
            pwms: std::array::from_fn(|index| Pwm::new(index, PWM_TOKENS[index])),
            reported_levels: 0,
        }
    }
}

impl Fe310 {
    /// Number of UARTs.
    pub const UARTS: u8 = 2;
    /// Number of pins.
    pub const PINS: u16 = gpio::PINS;

    /// Puts the levels of SPI `index`'s select pins on them.
    fn drive_selects(&mut self, fabric: &mut Fabric, index: usize) {
        let levels = self.spis[index].select_levels();
        let pins = spi::CS_PINS[index].iter().enumerate();
        let (all, low) = pins.fold((0, 0), |(all, low), (select, pin)| {
            let bit = 1 << pin;
            (all | bit, low | if levels >> select & 1 == 0 { bit } else { 0 })
        });
        self.gpio.set_iof0_low(fabric, all, low);
    }

    /// Puts the levels of PWM `index`'s outputs on its pins.
    fn drive_pwm(&mut self, fabric: &mut Fabric, index: usize) {
        let outputs = self.pwms[index].outputs();
        let pins = pwm::PINS[index].iter().enumerate();
        let (all, high) = pins.fold((0, 0), |(all, high), (output, pin)| {
            (all | 1 << pin, high | (outputs >> output & 1) << pin)
        });
        self.gpio.set_iof1(fabric, all, high);
    }

    /// Brings the PLIC's wires up to date.
    fn wire(&mut self, fabric: &mut Fabric) {
        let mut levels = u64::from(self.gpio.interrupts()) << GPIO_SOURCE;
        let mut wire = |source: u32, level: bool| levels |= u64::from(level) << source;
        wire(WATCHDOG_SOURCE, self.aon.watchdog_interrupt());
        wire(RTC_SOURCE, self.aon.clock_interrupt(fabric.now()));
        for (source, uart) in UART_SOURCES.into_iter().zip(&self.uarts) {
            wire(source, uart.interrupt());
        }
        wire(QSPI_SOURCE, self.qspi.interrupt());
        for (first, pwm) in PWM_SOURCES.into_iter().zip(&self.pwms) {
            (0..4).for_each(|index| wire(first + index, pwm.interrupts() >> index & 1 != 0));
        }
        wire(I2C_SOURCE, self.i2c.interrupt());
        for (source, spi) in SPI_SOURCES.into_iter().zip(&self.spis) {
            wire(source, spi.interrupt());
        }
        let mut changed = levels ^ self.reported_levels;
        self.reported_levels = levels;
        while changed != 0 {
            let source = changed.trailing_zeros();
            self.plic.set_level(fabric, source, levels >> source & 1 != 0);
            changed &= changed - 1;
        }
    }
}

impl Chip for Fe310 {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "FE310-G002",
            regions: vec![
                Region::new("mode select", 0x1000, 0x1000, RegionKind::Flash),
                Region::new("mask rom", MASK_ROM, 0x2000, RegionKind::Flash),
                Region::new("otp", 0x2_0000, 0x2000, RegionKind::Flash),
                Region::new("itim", 0x0800_0000, 0x2000, RegionKind::Ram),
                Region::new("flash", nor::BASE, nor::BYTES, RegionKind::Flash),
                Region::new("dtim", 0x8000_0000, 0x4000, RegionKind::Ram),
            ],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: RESET_PC,
                // SiFive, E31; the release of the core in this chip.
                identity: [0x489, 0x8000_0001, 0x2019_0228],
                interrupts: 1 << 3 | 1 << 7 | 1 << 11,
                pmp_entries: 8,
                // DTIM supports AMOs. LR and SC work only in cacheable memory, and there is none (3.5).
                reservations: false,
                misaligned: false,
                mtvec_mask: !2,
                mtvec_fixed: 0,
                // The feature-disable and branch-prediction CSRs of the E31 (manual 3.9).
                plain_csrs: &[(0x7c0, 0), (0x7c1, 0)],
            }),
            cpu_hz: prci::RESET_HZ,
            blocks: blocks::BLOCKS,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if let Some(offset) = within(addr, CLINT, Clint::BYTES) {
            return reserved(self.clint.read(fabric, offset, size));
        }
        if let Some(offset) = within(addr, PLIC, Plic::BYTES) {
            return reserved(self.plic.read(fabric, offset, size));
        }
        let offset = device(addr, size)?;
        let value = match addr & !0xfff {
            AON => self.aon.read(fabric, offset),
            PRCI => self.prci.read(fabric, offset),
            GPIO => self.gpio.read(offset),
            QSPI0 => self.qspi.read(offset),
            I2C0 => self.i2c.read(offset),
            page if PWMS.contains(&page) => {
                let index = (page >> 16 & 3) as usize - 1;
                let value = self.pwms[index].read(fabric, offset);
                self.drive_pwm(fabric, index);
                value
            }
            page if page == SPIS[0] => self.spis[0].read(offset),
            page if page == SPIS[1] => self.spis[1].read(offset),
            page if page == UARTS[0] => self.uarts[0].read(offset),
            page if page == UARTS[1] => self.uarts[1].read(offset),
            _ => Err(AccessFault::Unmodelled),
        };
        // Reading a receive register takes a byte away.
        self.wire(fabric);
        reserved(value)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        if let Some(offset) = within(addr, CLINT, Clint::BYTES) {
            return reserved(self.clint.write(fabric, offset, value, size));
        }
        if let Some(offset) = within(addr, PLIC, Plic::BYTES) {
            return reserved(self.plic.write(fabric, offset, value, size));
        }
        if fabric.memory().region(addr).is_some() {
            // ROM, OTP, and mapped flash: read-only.
            return Err(AccessFault::Denied);
        }
        let offset = device(addr, size)?;
        let done = match addr & !0xfff {
            AON => self.aon.write(fabric, offset, value),
            PRCI => {
                let done = self.prci.write(fabric, offset, value);
                self.pwms.iter_mut().for_each(|pwm| pwm.set_clock(fabric));
                done
            }
            GPIO => self.gpio.write(fabric, offset, value),
            QSPI0 => self.qspi.write(fabric, offset, value),
            I2C0 => self.i2c.write(fabric, offset, value),
            page if PWMS.contains(&page) => {
                let index = (page >> 16 & 3) as usize - 1;
                let done = self.pwms[index].write(fabric, offset, value);
                self.drive_pwm(fabric, index);
                done
            }
            page if SPIS.contains(&page) => {
                let index = usize::from(page == SPIS[1]);
                let done = self.spis[index].write(fabric, offset, value);
                self.drive_selects(fabric, index);
                done
            }
            page if page == UARTS[0] => self.uarts[0].write(fabric, offset, value),
            page if page == UARTS[1] => self.uarts[1].write(fabric, offset, value),
            _ => Err(AccessFault::Unmodelled),
        };
        self.wire(fabric);
        reserved(done)
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        match token {
            MTIME_TOKEN => self.clint.wake(fabric),
            WATCHDOG_TOKEN => self.aon.wake_watchdog(fabric),
            RTC_TOKEN => self.aon.wake_clock(fabric),
            QSPI_TOKEN => self.qspi.wake(fabric),
            I2C_TOKEN => {
                let has = self.gpio.has_function(i2c::SCL, 0) && self.gpio.has_function(i2c::SDA, 0);
                let pins = has.then_some(I2cPins {
                    scl: i2c::SCL,
                    sda: i2c::SDA,
                });
                self.i2c.wake(fabric, pins);
            }
            _ if PWM_TOKENS.contains(&token) => {
                let index = (token - PWM_TOKENS[0]) as usize;
                self.pwms[index].wake(fabric);
                self.drive_pwm(fabric, index);
            }
            _ if SPI_TOKENS.contains(&token) => {
                let index = (token - SPI_TOKENS[0]) as usize;
                let pins = Spi::pins(index, |pin| self.gpio.has_function(pin, 0));
                self.spis[index].wake(fabric, pins);
                self.drive_selects(fabric, index);
            }
            _ => {
                for index in 0..2 {
                    let (tx, rx) = UART_PINS[index];
                    if token == UART_TX_TOKENS[index] {
                        self.uarts[index].sent(fabric, self.gpio.has_function(tx, 0));
                    } else if token == UART_RX_TOKENS[index] {
                        self.uarts[index].arrived(fabric, self.gpio.has_function(rx, 0));
                    }
                }
            }
        }
        self.wire(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        self.clint.reset(fabric);
        self.plic.reset();
        self.aon.reset(kind);
        self.prci = Prci::new();
        self.gpio.reset(fabric);
        for uart in &mut self.uarts {
            uart.reset(fabric);
        }
        self.qspi.reset();
        for spi in &mut self.spis {
            spi.reset();
        }
        self.i2c = I2c::new(I2C_TOKEN);
        self.pwms = std::array::from_fn(|index| Pwm::new(index, PWM_TOKENS[index]));
        self.reported_levels = 0;
        self.wire(fabric);
    }

    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]) {
        if let Some(uart) = self.uarts.get_mut(usize::from(index)) {
            uart.input(fabric, bytes);
        }
    }

    fn uart_input_room(&self, index: u8) -> usize {
        self.uarts.get(usize::from(index)).map_or(0, Uart::room)
    }

    fn uart_busy(&self, index: u8) -> bool {
        self.uarts.get(usize::from(index)).is_some_and(Uart::is_busy)
    }

    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        self.gpio.drive_outside(pin, level);
        self.wire(fabric);
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.gpio.level(pin)
    }
}

fn within(addr: u32, base: u32, bytes: u32) -> Option<u32> {
    let offset = addr.wrapping_sub(base);
    (offset < bytes).then_some(offset)
}

/// The offset of a register within its peripheral's page; the registers take words.
fn device(addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
    match addr {
        // Peripherals, and the debug module.
        0x1000_0000..0x1003_6000 | 0..0x1000 => match size {
            AccessSize::Word => Ok(addr & 0xfff),
            _ => Err(AccessFault::Width),
        },
        _ => Err(AccessFault::Unmapped),
    }
}

/// Writes the factory contents of a board: the ROMs' jump to flash with both MSEL pins high (chapter 5), and a
/// bootloader there that starts the image at `boot`. An image that begins at the start of flash has its own bootloader.
pub fn prepare(memory: &mut GuestMemory, boot: u32) {
    let mut jump = |from: u32, to: u32| {
        // lui t0, %hi(to); jr t0
        let code = [0x0000_02b7 | to & 0xffff_f000, 0x0002_8067];
        let bytes: Vec<u8> = code.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        let written = memory.write(from, &bytes);
        debug_assert!(written.is_ok(), "the chip's description has ROM and flash");
    };
    jump(RESET_PC, MASK_ROM);
    jump(MASK_ROM, nor::BASE);
    if boot != nor::BASE {
        jump(nor::BASE, boot);
    }
}
