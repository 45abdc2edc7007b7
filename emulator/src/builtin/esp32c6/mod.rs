//! Espressif ESP32-C6, after its Technical Reference Manual (version 1.1), as far as a program on esp-hal needs that polls:
//! UARTs, system timer, GPIO levels, the core clock, clock calibration, analog registers, the mask ROM's functions, and the
//! blocks of `held`. The second-stage bootloader's work is done natively: flash segments of an ELF file are where the MMU
//! would map them, RAM segments are copied at each start.
//!
//! Not here: radios, DMA, watchdogs (switching one on is a fault), alarms, SPI flash access, peripherals of the low-power
//! core, USB. A register of those is a typed fault.

mod held;
mod rom;
mod systimer;
#[cfg(test)]
mod tests;
mod uart;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use self::held::Held;
use self::rom::Call;
use self::systimer::Systimer;
use self::uart::Uart;
use super::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, Request, ResetKind, RiscVOptions,
};
use super::memory::{GuestMemory, Region, RegionKind};
use super::time::{Token, VirtualTime};
use crate::image::Image;

const UARTS: [u32; 2] = [0x6000_0000, 0x6000_1000];
const TIMG: [u32; 2] = [0x6000_8000, 0x6000_9000];
const SYSTIMER: u32 = 0x6000_a000;
const INTMTX: u32 = 0x6001_0000;
const PCR: u32 = 0x6009_6000;
const ANA_MST: u32 = 0x600a_f800;
const EFUSE: u32 = 0x600b_0800;
const LP_WDT: u32 = 0x600b_1c00;
const PLIC_MX: u32 = 0x2000_1000;

/// Flash, as the MMU maps it.
const FLASH: u32 = 0x4200_0000;
const FLASH_BYTES: u32 = 0x40_0000;
const RAM: u32 = 0x4080_0000;
const RAM_BYTES: u32 = 0x8_0000;
const LP_RAM: u32 = 0x5000_0000;
const LP_RAM_BYTES: u32 = 0x4000;

/// Interrupt sources of the UARTs (table 10-1).
const UART_SOURCES: [u32; 2] = [43, 44];
const UART_TX_TOKENS: [Token; 2] = [0, 1];
const UART_RX_TOKENS: [Token; 2] = [2, 3];

/// The PLL's root clock after its fixed division by 3, and the crystal.
const PLL_ROOT_HZ: u32 = 160_000_000;
const XTAL_HZ: u32 = 40_000_000;
const RC_FAST_HZ: u32 = 17_500_000;
const RC_SLOW_HZ: u32 = 136_000;
const XTAL32K_HZ: u32 = 32_768;
/// Pins of the package.
const PINS: u16 = 31;

/// The chip.
#[derive(Clone, Hash)]
pub struct Esp32C6 {
    /// The factory's MAC address.
    mac: [u8; 6],
    held: Held,
    uarts: [Uart; 2],
    systimer: Systimer,
    /// Analog registers behind I2C_ANA_MST: slave and register.
    analog: BTreeMap<(u8, u8), u8>,
    gpio_out: u32,
    gpio_enable: u32,
    outside: BTreeMap<u16, bool>,
    /// What the bootloader copies to RAM, and where the image starts.
    ram_segments: Vec<(u32, Vec<u8>)>,
    entry: u32,
}

impl Esp32C6 {
    /// A chip from the factory; its MAC address comes from the machine's `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut mac = [0x40, 0x4c, 0xca, 0, 0, 0];
        mac[3..].copy_from_slice(&seed[..3]);
        Self {
            mac,
            held: Held::default(),
            uarts: [0, 1].map(|index| Uart::new(index as u8, UART_TX_TOKENS[index], UART_RX_TOKENS[index])),
            systimer: Systimer::default(),
            analog: BTreeMap::new(),
            gpio_out: 0,
            gpio_enable: 0,
            outside: BTreeMap::new(),
            ram_segments: Vec::new(),
            entry: FLASH,
        }
    }

    fn read_word(&mut self, addr: u32) -> Result<u32, AccessFault> {
        let offset = addr & 0xfff;
        match addr & !0xfff {
            page if page == UARTS[0] => return self.uarts[0].read(offset),
            page if page == UARTS[1] => return self.uarts[1].read(offset),
            SYSTIMER => return self.systimer.read(offset),
            _ => {}
        }
        Ok(match addr {
            0x6009_1004 => self.gpio_out,
            0x6009_1020 => self.gpio_enable,
            0x6009_103c => self.gpio_in(),
            // RTCCALICFG: a measurement is done as soon as it is begun.
            _ if TIMG.contains(&(addr & !0xfff)) && offset == 0x68 => self.held.get(addr) | 1 << 15,
            _ if TIMG.contains(&(addr & !0xfff)) && offset == 0x6c => self.calibration(addr & !0xfff) << 7 | 1,
            // ANA_CONF0: the PLL is calibrated.
            _ if addr == ANA_MST + 0x18 => self.held.get(addr) | 1 << 24,
            // RD_MAC_SYS_0 and 1; every other fuse is unburnt.
            _ if addr == EFUSE + 0x44 => u32::from_be_bytes([self.mac[2], self.mac[3], self.mac[4], self.mac[5]]),
            _ if addr == EFUSE + 0x48 => u32::from(self.mac[0]) << 8 | u32::from(self.mac[1]),
            EFUSE..0x600b_0c00 => 0,
            _ => return self.held.read(addr),
        })
    }

    fn write_word(&mut self, fabric: &mut Fabric, addr: u32, value: u32) -> Result<(), AccessFault> {
        let offset = addr & 0xfff;
        match addr & !0xfff {
            page if page == UARTS[0] => return self.uarts[0].write(fabric, offset, value),
            page if page == UARTS[1] => return self.uarts[1].write(fabric, offset, value),
            SYSTIMER => return self.systimer.write(fabric, offset, value),
            page if TIMG.contains(&page) && offset == 0x48 && value >> 31 != 0 => {
                return Err(AccessFault::UnmodelledUse);
            }
            _ => {}
        }
        match addr {
            0x6009_1004..=0x6009_100c | 0x6009_1020..=0x6009_1028 => self.write_gpio(fabric, offset, value),
            // WDTCONFIG0 and the like with the watchdog on.
            LP_WDT if value >> 31 != 0 => return Err(AccessFault::UnmodelledUse),
            _ if addr & !7 == ANA_MST => self.transfer_analog(addr, value)?,
            _ => self.held.write(addr, value)?,
        }
        if addr & !0xfff == PCR {
            self.update_clocks(fabric);
        }
        Ok(())
    }

    /// I2C_CTRL of the analog master: one byte to or from a slave's register, at once.
    fn transfer_analog(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        let place = (value as u8, (value >> 8) as u8);
        if value >> 24 & 1 != 0 {
            self.analog.insert(place, (value >> 16) as u8);
            return self.held.write(addr, value & !(1 << 25));
        }
        let data = self.analog.get(&place).copied().unwrap_or(0);
        self.held.write(addr, value & 0xffff | u32::from(data) << 16)
    }

    /// How many crystal clocks the asked-for number of slow clocks took.
    fn calibration(&self, timg: u32) -> u32 {
        let cfg = self.held.get(timg + 0x68);
        let hz = match cfg >> 13 & 3 {
            0 => RC_SLOW_HZ,
            1 => RC_FAST_HZ,
            _ => XTAL32K_HZ,
        };
        (u64::from(cfg >> 16 & 0x7fff) * u64::from(XTAL_HZ) / u64::from(hz)) as u32
    }

    /// PCR.SYSCLK_CONF and CPU_FREQ_CONF decide the core clock, UARTn_SCLK_CONF the UARTs'.
    fn update_clocks(&mut self, fabric: &mut Fabric) {
        let (sysclk, freq) = (self.held.get(PCR + 0x110), self.held.get(PCR + 0x118));
        let hz = match sysclk >> 16 & 3 {
            1 => PLL_ROOT_HZ / ((freq >> 8 & 0xff) + 1),
            2 => RC_FAST_HZ / ((freq & 0xff) + 1),
            _ => XTAL_HZ / ((freq & 0xff) + 1),
        };
        fabric.set_cpu_hz(hz);
        for (index, uart) in self.uarts.iter_mut().enumerate() {
            let sclk = self.held.get(PCR + 4 + 12 * index as u32);
            let source = match sclk >> 20 & 3 {
                1 => 80_000_000,
                2 => RC_FAST_HZ,
                _ => XTAL_HZ,
            };
            uart.set_clock(source / ((sclk >> 12 & 0xff) + 1));
        }
    }

    fn write_gpio(&mut self, fabric: &mut Fabric, offset: u32, value: u32) {
        let before: Vec<Option<bool>> = (0..PINS).map(|pin| self.driven(pin)).collect();
        match offset {
            0x04 => self.gpio_out = value,
            0x08 => self.gpio_out |= value,
            0x0c => self.gpio_out &= !value,
            0x20 => self.gpio_enable = value,
            0x24 => self.gpio_enable |= value,
            _ => self.gpio_enable &= !value,
        }
        for (pin, before) in (0..PINS).zip(before) {
            if self.driven(pin) != before {
                fabric.pin_changed(pin, self.driven(pin));
            }
        }
    }

    fn driven(&self, pin: u16) -> Option<bool> {
        (self.gpio_enable >> pin & 1 != 0).then_some(self.gpio_out >> pin & 1 != 0)
    }

    fn gpio_in(&self) -> u32 {
        (0..PINS).fold(0, |bits, pin| {
            bits | u32::from(self.pin_level(pin) == Some(true)) << pin
        })
    }

    /// Interrupt matrix and PLIC_MX (chapters 1.6 and 10): sources to CPU interrupts, enabled and above the threshold.
    fn route(&self, fabric: &mut Fabric) {
        let mut lines = 0;
        for (source, uart) in UART_SOURCES.into_iter().zip(&self.uarts) {
            if uart.interrupt() {
                lines |= 1 << (self.held.get(INTMTX + 4 * source) & 31);
            }
        }
        let threshold = self.held.get(PLIC_MX + 0x90);
        let enabled = self.held.get(PLIC_MX);
        for line in 1..32 {
            let urgent = self.held.get(PLIC_MX + 0x10 + 4 * line) >= threshold.max(1);
            let level = (lines & enabled) >> line & 1 != 0 && urgent;
            fabric.set_irq(line as u16, level);
        }
    }

    fn call(&self, fabric: &mut Fabric, call: Call, argument: u32) {
        match call {
            Call::DelayUs => fabric.stall_until(fabric.now() + VirtualTime::from_us(u64::from(argument))),
            Call::UpdateCpuFrequency => {}
            Call::SoftwareReset => fabric.request(Request::Reset(ResetKind::Software)),
        }
    }
}

impl Chip for Esp32C6 {
    fn description(&self) -> ChipDescription {
        let region = |name, base, bytes, kind| Region {
            name,
            base,
            bytes,
            kind,
        };
        ChipDescription {
            name: "ESP32-C6",
            regions: vec![
                region("rom", rom::BASE, rom::BYTES, RegionKind::Flash),
                region("flash", FLASH, FLASH_BYTES, RegionKind::Flash),
                region("ram", RAM, RAM_BYTES, RegionKind::Ram),
                region("lp ram", LP_RAM, LP_RAM_BYTES, RegionKind::Ram),
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
            cpu_hz: PLL_ROOT_HZ,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if !is_device(addr) {
            return Err(AccessFault::Unmapped);
        }
        let word = self.read_word(addr & !3)?;
        self.route(fabric);
        let mask = (1_u64 << (8 * size.bytes())) - 1;
        Ok(word >> (8 * (addr & 3)) & mask as u32)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        if let Some(call) = rom::call(addr).filter(|_| addr < rom::BASE + rom::BYTES) {
            self.call(fabric, call, value);
            return Ok(());
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
        done
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        for (index, uart) in self.uarts.iter_mut().enumerate() {
            if token == UART_TX_TOKENS[index] {
                uart.sent(fabric);
            } else if token == UART_RX_TOKENS[index] {
                uart.arrived(fabric);
            }
        }
        self.route(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        self.held = Held::default();
        for uart in &mut self.uarts {
            uart.reset(fabric);
        }
        self.systimer.reset(fabric);
        self.analog.clear();
        (self.gpio_out, self.gpio_enable) = (0, 0);
        // Reset causes (table 8-1).
        let reason = match kind {
            ResetKind::PowerOn | ResetKind::Pin | ResetKind::WakeUp => 1,
            ResetKind::Software | ResetKind::Lockup => 3,
            ResetKind::Watchdog => 16,
        };
        let memory = fabric.memory_mut();
        let mut done = rom::boot(memory, self.entry, reason);
        for (addr, bytes) in &self.ram_segments {
            done = done.and_then(|()| memory.write(*addr, bytes));
        }
        debug_assert!(done.is_ok(), "ROM and the image's segments are memory");
        self.update_clocks(fabric);
    }

    fn boot_image(&mut self, image: &Image) {
        let in_ram = |addr: u32| addr.wrapping_sub(RAM) < RAM_BYTES || addr.wrapping_sub(LP_RAM) < LP_RAM_BYTES;
        let segments = image.segments.iter().filter(|segment| in_ram(segment.addr));
        self.ram_segments = segments.map(|segment| (segment.addr, segment.bytes.clone())).collect();
        self.entry = image.symbol("_start").unwrap_or(FLASH);
    }

    fn place_name(&self, addr: u32) -> Option<&'static str> {
        rom::name(addr)
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

    fn pin_input(&mut self, _fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        match level {
            Some(level) => self.outside.insert(pin, level),
            None => self.outside.remove(&pin),
        };
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.driven(pin).or_else(|| self.outside.get(&pin).copied())
    }

    fn hash_state(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }

    fn snapshot(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }
}

const PLAIN_CSRS: &[(u16, u32)] = &[
    // tcontrol; triggers themselves there are none.
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
    (0xbd0, 0),
    (0xbd1, 0),
    (0xbd2, 0),
    (0xbd3, 0),
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
