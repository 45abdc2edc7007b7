//! Nordic nRF52840, after its Product Specification v1.7 (PS): memory map, peripherals, and the connections between
//! them.
//!
//! Peripherals are modelled as far as firmware uses them; each has a module, named as in the PS. A register that is
//! not modelled is a typed fault, never a silent zero. Not modelled at all: SPI, SPIS, TWI,
//! TWIS, QSPI, CryptoCell.

mod block;
mod blocks;
mod clock;
mod egu;
mod ficr;
mod gpio;
mod gpiote;
mod lfclk;
mod nvmc;
mod power;
mod ppi;
mod pwm;
mod radio;
mod rng;
mod rtc;
mod saadc;
mod serial;
mod temp;
#[cfg(test)]
mod tests;
mod timer;
mod uarte;
mod usbd;
mod wdt;

use self::block::{Bus, Lines, Peripheral, Signal};
use self::clock::Clock;
use self::egu::Egu;
use self::ficr::Ficr;
use self::gpio::Gpio;
use self::gpiote::Gpiote;
use self::nvmc::Nvmc;
use self::ppi::Ppi;
use self::pwm::Pwm;
use self::radio::Radio;
use self::rng::Rng;
use self::rtc::Rtc;
use self::saadc::Saadc;
use self::serial::Serial;
use self::temp::Temp;
use self::timer::Timer;
use self::uarte::Uarte;
use self::usbd::{Errata, Usbd};
use self::wdt::Wdt;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, Request, ResetKind,
    UsbAction, UsbStatus,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::machine::Heard;

const GPIO_BASE: u32 = 0x5000_0000;
/// P1's registers lie 0x300 behind P0's.
const GPIO_STRIDE: u32 = 0x300;
const NVMC_ID: u8 = 0x1e;
const PPI_ID: u8 = 0x1f;
/// Limit of signals that one access or event may cause. More means that PPI is wired in a loop, which oscillates on
/// silicon.
const SIGNALS_MAX: usize = 1_000;

/// The chip.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
pub struct Nrf52840 {
    lines: Lines,
    ficr: Ficr,
    clock: Clock,
    uarte: [Uarte; 2],
    serial: [Serial; 4],
    saadc: Saadc,
    gpiote: Gpiote,
    timer: [Timer; 5],
    rtc: [Rtc; 3],
    temp: Temp,
    rng: Rng,
    wdt: Wdt,
    egu: [Egu; 6],
    nvmc: Nvmc,
    ppi: Ppi,
    pwm: [Pwm; 4],
    usbd: Usbd,
    errata: Errata,
    radio: Radio,
}

impl Nrf52840 {
    /// A chip in factory state; its FICR is derived from the machine's `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            lines: Lines {
                gpio: Gpio::new(),
                lfclk: lfclk::LfClock::default(),
                signals: Default::default(),
                powered_off: false,
                hfxo: false,
                usb_supply: false,
                ppi_hears: Vec::new(),
            },
            ficr: Ficr::new(seed),
            clock: Clock::new(),
            uarte: [0, 1].map(|index| Uarte::new(uarte::IDS[index as usize], index)),
            serial: serial::IDS.map(Serial::new),
            saadc: Saadc::new(),
            gpiote: Gpiote::new(),
            timer: [0, 1, 2, 3, 4].map(|index: usize| Timer::new(timer::IDS[index], timer::COMPARES[index])),
            rtc: [0, 1, 2].map(|index: usize| Rtc::new(rtc::IDS[index], rtc::COMPARES[index])),
            temp: Temp::new(),
            rng: Rng::new(),
            wdt: Wdt::new(),
            egu: egu::IDS.map(Egu::new),
            nvmc: Nvmc::new(),
            ppi: Ppi::new(),
            pwm: pwm::IDS.map(Pwm::new),
            usbd: Usbd::new(),
            errata: Errata::default(),
            radio: Radio::new(),
        }
    }

    /// Number of UARTs.
    pub const UARTS: u8 = 2;
    /// Number of pins.
    pub const PINS: u16 = gpio::PINS;

    /// The peripheral with `id`, and its context besides the fabric.
    fn peripheral(&mut self, id: u8) -> Option<(&mut dyn Peripheral, &mut Lines)> {
        let lines = &mut self.lines;
        let peripheral: &mut dyn Peripheral = match id {
            clock::ID => &mut self.clock,
            radio::ID => &mut self.radio,
            2 => &mut self.uarte[0],
            3 | 4 => &mut self.serial[usize::from(id) - 3],
            gpiote::ID => &mut self.gpiote,
            saadc::ID => &mut self.saadc,
            8..=10 => &mut self.timer[usize::from(id) - 8],
            11 => &mut self.rtc[0],
            temp::ID => &mut self.temp,
            rng::ID => &mut self.rng,
            wdt::ID => &mut self.wdt,
            17 => &mut self.rtc[1],
            20..=25 => &mut self.egu[usize::from(id) - 20],
            26 | 27 => &mut self.timer[usize::from(id) - 23],
            28 => &mut self.pwm[0],
            NVMC_ID => &mut self.nvmc,
            PPI_ID => &mut self.ppi,
            33 | 34 => &mut self.pwm[usize::from(id) - 32],
            35 => &mut self.serial[2],
            36 => &mut self.rtc[2],
            usbd::ID => &mut self.usbd,
            40 => &mut self.uarte[1],
            45 => &mut self.pwm[3],
            47 => &mut self.serial[3],
            _ => return None,
        };
        Some((peripheral, lines))
    }

    /// Delivers every signal to its receivers, until none is left.
    fn drain_signals(&mut self, fabric: &mut Fabric) {
        for _ in 0..SIGNALS_MAX {
            let Some(signal) = self.lines.signals.pop_front() else {
                return;
            };
            let mut bus = Bus {
                fabric,
                lines: &mut self.lines,
            };
            match signal {
                Signal::Event(event) => {
                    for task in self.ppi.tasks(event) {
                        self.trigger(fabric, task);
                    }
                }
                Signal::Pin { pin, level } => self.gpiote.pin_changed(&mut bus, pin, level),
                Signal::Detect => {
                    self.gpiote.port_detected(&mut bus);
                    if self.lines.powered_off {
                        fabric.request(Request::Reset(ResetKind::WakeUp));
                    }
                }
                Signal::Usb => self.usbd.supply_changed(&mut bus),
                Signal::LfClock => {
                    for rtc in &mut self.rtc {
                        rtc.lfclk_changed(&mut bus);
                    }
                }
            }
        }
        self.lines.signals.clear();
        fabric.log_fault(0x4001_f000, AccessSize::Word, None, AccessFault::UnmodelledUse);
    }

    /// Triggers the task whose register is at `task`, for PPI.
    fn trigger(&mut self, fabric: &mut Fabric, task: u32) {
        let done = match peripheral_id(task).and_then(|id| self.peripheral(id)) {
            Some((peripheral, lines)) => block::write(peripheral, &mut Bus { fabric, lines }, task & 0xfff, 1),
            None => Err(AccessFault::Unmodelled),
        };
        if let Err(fault) = done {
            fabric.log_fault(task, AccessSize::Word, Some(1), fault);
        }
        self.started_watchdog(fabric);
    }

    /// The watchdog keeps the low-frequency clock on.
    fn started_watchdog(&mut self, fabric: &mut Fabric) {
        if self.wdt.is_running() && self.lines.lfclk.since.is_none() {
            let lines = &mut self.lines;
            self.clock.force_lfclk(&mut Bus { fabric, lines });
        }
    }
}

impl Chip for Nrf52840 {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "nRF52840",
            regions: vec![
                Region::new("flash", 0, nvmc::FLASH_BYTES, RegionKind::Flash),
                Region::new("uicr", nvmc::UICR_BASE, nvmc::UICR_BYTES, RegionKind::Flash),
                Region::new("ram", 0x2000_0000, 0x4_0000, RegionKind::Ram),
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 48,
                priority_bits: 3,
                fpu: true,
                mpu_regions: 8,
                // PS 3.1: bit-banding is not implemented.
                bit_band: false,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
            }),
            cpu_hz: 64_000_000,
            blocks: blocks::BLOCKS,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if addr & !0xfff == ficr::BASE {
            // The factory's page is memory: any width.
            return Ok(narrowed(self.ficr.read(addr & 0xffc), addr, size));
        }
        if ficr::ROM_TABLE_ID.contains(&addr) {
            return Ok(narrowed(ficr::rom_table_id(addr & !3), addr, size));
        }
        if size != AccessSize::Word {
            return Err(width_fault(addr));
        }
        if let Some((port, offset)) = gpio_register(addr) {
            return reserved(self.lines.gpio.read(port, offset));
        }
        if Errata::ADDRESSES.contains(&addr) {
            return Ok(self.errata.read(addr));
        }
        if peripheral_id(addr) == Some(usbd::ID) {
            let lines = &mut self.lines;
            self.usbd.count_frames(&mut Bus { fabric, lines });
        }
        let (peripheral, lines) = peripheral_id(addr)
            .and_then(|id| self.peripheral(id))
            .ok_or(absent(addr))?;
        let value = block::read(peripheral, &mut Bus { fabric, lines }, addr & 0xfff);
        self.drain_signals(fabric);
        reserved(value)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        if addr < nvmc::FLASH_BYTES || addr.wrapping_sub(nvmc::UICR_BASE) < nvmc::UICR_BYTES {
            let lines = &mut self.lines;
            return self.nvmc.program(&mut Bus { fabric, lines }, addr, value, size);
        }
        if addr & !0xfff == ficr::BASE {
            return Err(AccessFault::Denied);
        }
        if size != AccessSize::Word {
            return Err(width_fault(addr));
        }
        let done = if let Some((port, offset)) = gpio_register(addr) {
            let lines = &mut self.lines;
            lines.gpio.write(fabric, &mut lines.signals, port, offset, value)
        } else if Errata::ADDRESSES.contains(&addr) {
            self.errata.write(addr, value);
            Ok(())
        } else {
            let (peripheral, lines) = peripheral_id(addr)
                .and_then(|id| self.peripheral(id))
                .ok_or(absent(addr))?;
            block::write(peripheral, &mut Bus { fabric, lines }, addr & 0xfff, value)
        };
        self.started_watchdog(fabric);
        self.drain_signals(fabric);
        reserved(done)
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        let (id, what) = ((token >> 16) as u8, token as u16);
        if let Some((peripheral, lines)) = self.peripheral(id) {
            peripheral.wake(&mut Bus { fabric, lines }, what);
        }
        self.drain_signals(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        self.lines.powered_off = false;
        self.lines.hfxo = false;
        self.lines.signals.clear();
        self.lines.ppi_hears.clear();
        self.clock.power.reset(kind);
        self.clock.reset();
        self.gpiote = Gpiote::new();
        for (index, timer) in self.timer.iter_mut().enumerate() {
            *timer = Timer::new(timer::IDS[index], timer::COMPARES[index]);
        }
        for (index, rtc) in self.rtc.iter_mut().enumerate() {
            *rtc = Rtc::new(rtc::IDS[index], rtc::COMPARES[index]);
        }
        self.temp = Temp::new();
        self.rng = Rng::new();
        self.egu = egu::IDS.map(Egu::new);
        self.nvmc.reset();
        self.ppi = Ppi::new();
        self.pwm = pwm::IDS.map(Pwm::new);
        self.serial = serial::IDS.map(Serial::new);
        self.saadc = Saadc::new();
        let lines = &mut self.lines;
        let mut bus = Bus { fabric, lines };
        self.wdt.reset(&mut bus, kind);
        if !self.wdt.is_running() {
            bus.lines.lfclk.since = None;
        }
        for uarte in &mut self.uarte {
            uarte.reset(&mut bus);
        }
        self.errata = Errata::default();
        self.radio.reset(&mut bus);
        self.usbd.reset(&mut bus);
        if self.usbd.is_plugged() {
            self.clock.usb_after_reset(&mut bus, kind);
        }
        lines.gpio.reset(fabric, &mut lines.signals);
        self.lines.signals.clear();
    }

    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]) {
        let lines = &mut self.lines;
        if let Some(uarte) = self.uarte.get_mut(usize::from(index)) {
            uarte.input(&mut Bus { fabric, lines }, bytes);
        }
        self.drain_signals(fabric);
    }

    fn uart_input_room(&self, index: u8) -> usize {
        self.uarte.get(usize::from(index)).map_or(0, Uarte::inbound_room)
    }

    fn uart_busy(&self, index: u8) -> bool {
        self.uarte.get(usize::from(index)).is_some_and(Uarte::is_busy)
    }

    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        let lines = &mut self.lines;
        lines.gpio.drive_outside(fabric, &mut lines.signals, pin, level);
        if level == Some(false) && self.is_reset_pin(fabric, pin) {
            fabric.request(Request::Reset(ResetKind::Pin));
        }
        self.drain_signals(fabric);
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.lines.gpio.level(pin)
    }

    fn usb_status(&self) -> Option<UsbStatus> {
        Some(self.usbd.status())
    }

    fn usb_action(&mut self, fabric: &mut Fabric, action: UsbAction) {
        let was_plugged = self.usbd.is_plugged();
        let lines = &mut self.lines;
        let mut bus = Bus { fabric, lines };
        self.usbd.act(&mut bus, action);
        match (was_plugged, self.usbd.is_plugged()) {
            (false, true) => self.clock.usb_plugged(&mut bus),
            (true, false) => self.clock.usb_unplugged(&mut bus),
            _ => {}
        }
        self.drain_signals(fabric);
    }

    fn usb_busy(&self) -> bool {
        self.usbd.is_busy()
    }

    fn has_radio(&self) -> bool {
        true
    }

    fn hear(&mut self, fabric: &mut Fabric, heard: Heard) {
        let lines = &mut self.lines;
        self.radio.hear(&mut Bus { fabric, lines }, heard);
        self.drain_signals(fabric);
    }

    /// PS 5.3.6.5 "Reset behavior": CPU lockup.
    fn resets_on_lockup(&self) -> bool {
        true
    }
}

impl Nrf52840 {
    /// PS 4.5.1.2: a pin resets the chip when both UICR.PSELRESET name it.
    fn is_reset_pin(&self, fabric: &Fabric, pin: u16) -> bool {
        let names = |offset| {
            let psel = fabric.memory().read_u32(nvmc::UICR_BASE + offset);
            psel.is_ok_and(|psel| psel & 0x8000_003f == u32::from(pin))
        };
        names(0x200) && names(0x204)
    }
}

/// The part of the word around `addr` that a load of `size` at `addr` gives.
fn narrowed(word: u32, addr: u32, size: AccessSize) -> u32 {
    word >> (8 * (addr & 3)) & size.mask()
}

/// The id of the peripheral on whose page `addr` is.
fn peripheral_id(addr: u32) -> Option<u8> {
    (0x4000_0000..0x4003_0000).contains(&addr).then_some((addr >> 12) as u8)
}

/// Port and offset of a GPIO register.
fn gpio_register(addr: u32) -> Option<(u16, u32)> {
    match addr.checked_sub(GPIO_BASE)? {
        offset @ 0x000..0x800 => Some((0, offset)),
        offset @ 0x800..0x1000 => Some((1, offset - GPIO_STRIDE)),
        _ => None,
    }
}

/// Why an address is refused: not modelled, or absent on silicon too.
fn absent(addr: u32) -> AccessFault {
    match addr {
        // APB, AHB peripherals, QSPI's execute-in-place window, the code bus's alias of RAM
        0x4000_0000..0x4003_0000 | 0x5000_0000..0x5002_b000 | 0x1200_0000..0x1a00_0000 | 0x0080_0000..0x0084_0000 => {
            AccessFault::Unmodelled
        }
        _ => AccessFault::Unmapped,
    }
}

/// Registers accept words only; at other addresses the width is not the error.
fn width_fault(addr: u32) -> AccessFault {
    let known = peripheral_id(addr).is_some() || gpio_register(addr).is_some();
    if known { AccessFault::Width } else { absent(addr) }
}

/// Writes the manufacturer's data of a new chip: the reset pin (UICR), and a bootloader that starts the image whose
/// vector table is at `boot`. An image with data at address 0 has its own.
pub fn prepare(memory: &mut GuestMemory, reset_pin: Option<u16>, boot: u32) {
    let mut write = |addr, bytes: &[u8]| {
        let written = memory.write(addr, bytes);
        debug_assert!(written.is_ok(), "the chip's description has flash and UICR");
    };
    if let Some(pin) = reset_pin {
        for offset in [0x200, 0x204] {
            write(nvmc::UICR_BASE + offset, &u32::from(pin).to_le_bytes());
        }
    }
    if boot != 0 {
        // The last steps of the real bootloader when it is not asked to stay.
        write(0, &drydock_assets::cortex_m_start_code(0, 0x2004_0000, boot));
    }
}
