//! Renesas RA4M1, after its user's manual R01UH0887: memory map, peripherals, and the routing of events to interrupt
//! lines.
//!
//! Peripherals are modelled as far as firmware uses them; a register that is not modelled is a typed fault, never a
//! silent zero. Not modelled at all: the secure crypto engine with its random number generator, whose registers Renesas
//! does not document (the only noise is LOCO's jitter, see `agt`), DTC and DMAC, ELC, CAN, USB, CTSU,
//! SLCDC, crystals (boards have none), Standby and Snooze, the MPUs besides the core's. Code flash
//! stays readable while it is programmed (programming from code flash is refused instead), and data flash is readable
//! before it is enabled. Supplies never fail: the battery backup function and the voltage monitors only keep their
//! registers.
//!
//! A peripheral whose module is stopped reads as zero and loses stores, as on silicon; here the access is also logged.

mod adc;
mod agt;
mod blocks;
mod counter;
mod crc;
mod dac;
mod faci;
mod gpt;
mod icu;
mod iic;
mod ports;
mod rtc;
mod sci;
mod spi;
mod spmon;
mod system;
#[cfg(test)]
mod tests;
mod watchdog;

use self::adc::Adc;
use self::agt::Agt;
use self::crc::Crc;
use self::dac::Dac;
use self::faci::Faci;
use self::gpt::Gpt;
use self::icu::Icu;
use self::iic::Iic;
use self::ports::Ports;
use self::rtc::Rtc;
use self::sci::Sci;
use self::spi::Spi;
use self::spmon::StackMonitors;
use self::system::{Clocks, System};
use self::watchdog::Watchdog;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::machine::entropy::EntropyStream;
use crate::parts::{I2cPins, SpiPins};

const SYSTEM: u32 = 0x4001_e000;
const PFS: u32 = 0x4004_0800;
const SCIS: [u32; sci::COUNT] = [0x4007_0000, 0x4007_0020, 0x4007_0040, 0x4007_0120];
/// The register with the address of the factory data, and that data (the board support package reads the unique id
/// there).
const FMIFRT: u32 = 0x407f_b19c;
const FACTORY: u32 = 0x0100_1c00;
const UNIQUE_ID: u32 = FACTORY + 0x14;
/// The part number, where probe-rs' target file has it.
const PART_NUMBER: u32 = 0x0100_3c24;
const PART: &[u8; 16] = b"R7FA4M1AB3CFM   ";
/// Option-setting memory in code flash: OFS0 and OFS1 (7.2). The words of the security MPU follow; it is not modelled.
const OFS0: u32 = 0x400;
const OFS1: u32 = 0x404;
/// Option-setting memory of its own: access window and OSIS, the id for debuggers and bootloader (7.2). Images may hold
/// it; neither is enforced here.
const OPTIONS: u32 = 0x0101_0000;
const OPTIONS_BYTES: u32 = 0x1000;

const IWDT_TOKEN: Token = 0;
const WDT_TOKEN: Token = 1;
const FACI_TOKEN: Token = 2;
const ADC_TOKEN: Token = 3;
const RTC_TOKEN: Token = 4;
const AGT_TOKENS: Token = 0x10;
const GPT_TOKENS: Token = 0x20;
const IIC_TOKENS: Token = 0x30;
const SPI_TOKENS: Token = 0x40;
/// 16 for each.
const SCI_TOKENS: Token = 0x100;

/// The chip.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
pub struct Ra4m1 {
    system: System,
    icu: Icu,
    ports: Ports,
    scis: [Sci; sci::COUNT],
    agts: [Agt; 2],
    gpts: [Gpt; gpt::COUNT],
    iics: [Iic; iic::COUNT],
    spis: [Spi; spi::COUNT],
    adc: Adc,
    dac: Dac,
    crc: Crc,
    wdt: Watchdog,
    iwdt: Watchdog,
    faci: Faci,
    spmon: StackMonitors,
    rtc: Rtc,
    /// MSTPCRB, C and D.
    stopped: [u32; 3],
    /// FCACHEE and FCACHEIV: kept; the cache makes nothing faster here.
    cache: [u16; 2],
    clocks: Clocks,
    unique: [u8; 16],
    /// The independent watchdog requested the current reset.
    iwdt_ran_down: bool,
    /// Interrupt levels reported last.
    reported_levels: u32,
}

/// The block at an address, and the offset in it.
#[derive(Clone, Copy, Debug)]
enum Block {
    System(u32),
    Icu(u32),
    Port(u32),
    Pfs(u32),
    Pwpr,
    Wdt(u32),
    Iwdt(u32),
    Stop(usize),
    Sci(usize, u32),
    Agt(usize, u32),
    Gpt(usize, u32),
    Iic(usize, u32),
    Spi(usize, u32),
    Adc(u32),
    Dac(u32),
    Crc(u32),
    Faci(u32),
    Cache(usize),
    StackMonitor(u32),
    Rtc(u32),
}

impl Block {
    fn at(addr: u32) -> Option<Self> {
        Some(match addr {
            SYSTEM..0x4001_f000 => Self::System(addr - SYSTEM),
            spmon::BASE..0x4000_0d20 => Self::StackMonitor(addr - spmon::BASE),
            0x4000_6000..0x4000_6400 => Self::Icu(addr - 0x4000_6000),
            0x4004_0000..0x4004_0140 => Self::Port(addr - 0x4004_0000),
            PFS..0x4004_0a80 => Self::Pfs(addr - PFS),
            0x4004_0d03 => Self::Pwpr,
            0x4004_4000..0x4004_4080 => Self::Rtc(addr - 0x4004_4000),
            0x4004_4200..0x4004_4210 => Self::Wdt(addr - 0x4004_4200),
            0x4004_4400..0x4004_4410 => Self::Iwdt(addr - 0x4004_4400),
            0x4004_7000 | 0x4004_7004 | 0x4004_7008 => Self::Stop((addr as usize - 0x4004_7000) / 4),
            0x4008_4000..0x4008_4010 => Self::Agt(0, addr - 0x4008_4000),
            0x4008_4100..0x4008_4110 => Self::Agt(1, addr - 0x4008_4100),
            0x4007_8000..0x4007_8800 => Self::Gpt((addr as usize - 0x4007_8000) / 0x100, addr & 0xff),
            0x4005_3000..0x4005_3200 => Self::Iic((addr as usize - 0x4005_3000) / 0x100, addr & 0xff),
            0x4007_2000..0x4007_2200 => Self::Spi((addr as usize - 0x4007_2000) / 0x100, addr & 0xff),
            0x4005_c000..0x4005_c200 => Self::Adc(addr - 0x4005_c000),
            0x4005_e000..0x4005_e008 => Self::Dac(addr - 0x4005_e000),
            0x4007_4000..0x4007_4010 => Self::Crc(addr - 0x4007_4000),
            0x407e_c000..0x407f_0000 => Self::Faci(addr - 0x407e_c000),
            0x4001_c100 | 0x4001_c104 => Self::Cache((addr as usize & 0xf) / 4),
            _ => {
                let index = SCIS.iter().position(|base| addr.wrapping_sub(*base) < 0x20)?;
                Self::Sci(index, addr - SCIS[index])
            }
        })
    }

    /// The module-stop register (B, C, D) and its bit.
    fn stop(self) -> Option<(usize, u32)> {
        Some(match self {
            Self::Sci(index, _) => (0, [31, 30, 29, 22][index]),
            Self::Agt(index, _) => (2, 3 - index as u32),
            Self::Gpt(index, _) => (2, if index < 2 { 5 } else { 6 }),
            Self::Iic(index, _) => (0, 9 - index as u32),
            Self::Spi(index, _) => (0, 19 - index as u32),
            Self::Adc(_) => (2, 16),
            Self::Dac(_) => (2, 20),
            Self::Crc(_) => (1, 1),
            _ => return None,
        })
    }
}

impl Ra4m1 {
    /// Number of UARTs: SCI0, 1, 2 and 9 are 0 to 3.
    pub const UARTS: u8 = sci::COUNT as u8;
    /// Number of pins: port × 32 + pin, ports 0 to 9.
    pub const PINS: u16 = 10 * 32;

    /// A chip in factory state; its unique id is derived from the machine's `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut unique = [0; 16];
        EntropyStream::new(seed.map(|byte| byte ^ 0xa4)).fill(&mut unique);
        let system = System::new();
        Self {
            clocks: system.clocks(),
            system,
            icu: Icu::default(),
            ports: Ports::new(),
            scis: std::array::from_fn(|index| Sci::new(index, SCI_TOKENS + 16 * index as Token)),
            agts: std::array::from_fn(|index| Agt::new(index, AGT_TOKENS + index as Token)),
            gpts: std::array::from_fn(|index| Gpt::new(index, GPT_TOKENS + index as Token)),
            iics: std::array::from_fn(|index| Iic::new(index, IIC_TOKENS + index as Token)),
            spis: std::array::from_fn(|index| Spi::new(index, SPI_TOKENS + index as Token)),
            adc: Adc::new(ADC_TOKEN),
            dac: Dac::default(),
            crc: Crc::default(),
            wdt: Watchdog::new(WDT_TOKEN),
            iwdt: Watchdog::new(IWDT_TOKEN),
            faci: Faci::new(FACI_TOKEN),
            spmon: StackMonitors::new(),
            rtc: Rtc::new(RTC_TOKEN),
            stopped: [u32::MAX; 3],
            cache: [0; 2],
            unique,
            iwdt_ran_down: false,
            reported_levels: 0,
        }
    }

    /// The peripheral at `addr`, or why the access is refused. An inner `None` means that the peripheral is stopped.
    fn reach(&self, addr: u32) -> Result<Option<Block>, AccessFault> {
        let block = Block::at(addr).ok_or(absent(addr))?;
        let runs = block
            .stop()
            .is_none_or(|(list, bit)| self.stopped[list] >> bit & 1 == 0);
        Ok(runs.then_some(block))
    }

    /// The pins that are given to IIC `index`.
    fn i2c_pins(&self, index: usize) -> Option<I2cPins> {
        Some(I2cPins {
            scl: self.ports.given(iic::SCL_PINS[index], iic::FUNCTION)?,
            sda: self.ports.given(iic::SDA_PINS[index], iic::FUNCTION)?,
        })
    }

    /// The pins that are given to SPI `index`; `None` unless it has a clock.
    fn spi_pins(&self, index: usize) -> Option<SpiPins> {
        Some(SpiPins {
            sck: self.ports.given(spi::SCK_PINS[index], spi::FUNCTION)?,
            mosi: self.ports.given(spi::MOSI_PINS[index], spi::FUNCTION),
            miso: self.ports.given(spi::MISO_PINS[index], spi::FUNCTION),
        })
    }

    fn load(&mut self, fabric: &mut Fabric, block: Block, size: AccessSize) -> Result<u32, AccessFault> {
        match block {
            Block::System(offset) => self.system.read(fabric.now(), offset, size),
            Block::Icu(offset) => self.icu.read(offset, size),
            Block::StackMonitor(offset) => self.spmon.read(offset, size),
            Block::Rtc(offset) => self.rtc.read(fabric.now(), offset, size),
            Block::Port(offset) => self.ports.read_port(offset, size),
            Block::Pfs(offset) => self.ports.read_pfs(offset, size),
            Block::Pwpr if size == AccessSize::Byte => Ok(self.ports.pwpr()),
            Block::Wdt(offset) => self.wdt.read_wdt(offset, size),
            Block::Iwdt(offset) => self.iwdt.read_iwdt(offset, size),
            Block::Stop(list) if size == AccessSize::Word => Ok(self.stopped[list]),
            Block::Sci(index, offset) => self.scis[index].read(offset, size),
            Block::Agt(index, offset) => self.agts[index].read(fabric, offset, size),
            // GTSTR and GTSTP tell of all channels: which count, and which do not.
            Block::Gpt(_, offset @ (0x04 | 0x08)) if size == AccessSize::Word => {
                let counts = self.gpts.iter().enumerate();
                let counts = counts.fold(0, |bits, (n, gpt)| bits | u32::from(gpt.is_running()) << n);
                Ok(if offset == 0x04 { counts } else { !counts })
            }
            Block::Gpt(index, offset) if size == AccessSize::Word => self.gpts[index].read(fabric, offset),
            Block::Iic(index, offset) => self.iics[index].read(fabric, self.clocks.pclkb, offset, size),
            Block::Spi(index, offset) => self.spis[index].read(offset, size),
            Block::Adc(offset) => self.adc.read(offset, size),
            Block::Dac(offset) => self.dac.read(offset, size),
            Block::Crc(offset) => self.crc.read(offset, size),
            Block::Faci(offset) => self.faci.read(fabric.now(), offset),
            Block::Cache(index) if size == AccessSize::Half => Ok(self.cache[index].into()),
            Block::Pwpr | Block::Stop(_) | Block::Gpt(..) | Block::Cache(_) => Err(AccessFault::Width),
        }
    }

    fn store(&mut self, fabric: &mut Fabric, block: Block, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match block {
            Block::System(offset) => return self.system.write(fabric, offset, value, size),
            Block::Icu(offset) => return self.icu.write(offset, value, size),
            Block::StackMonitor(offset) => return self.spmon.write(offset, value, size),
            Block::Rtc(offset) => return self.rtc.write(fabric, offset, value, size),
            Block::Port(offset) => return self.ports.write_port(fabric, offset, value, size),
            Block::Pfs(offset) => return self.ports.write_pfs(fabric, offset, value, size),
            Block::Pwpr if size == AccessSize::Byte => self.ports.set_pwpr(value),
            Block::Wdt(offset) => return self.wdt.write_wdt(fabric, self.clocks.pclkb, offset, value, size),
            Block::Iwdt(offset) => return self.iwdt.write_iwdt(fabric, offset, value),
            Block::Stop(list) if size == AccessSize::Word => self.stopped[list] = value,
            Block::Sci(index, offset) => {
                let pclka = self.clocks.pclka;
                return self.scis[index].write(fabric, pclka, offset, value, size);
            }
            Block::Agt(index, offset) => {
                let clocks = self.clocks;
                return self.agts[index].write(fabric, &clocks, offset, value, size);
            }
            Block::Gpt(index, offset @ (0x04 | 0x08 | 0x0c)) if size == AccessSize::Word => {
                if self.gpts[index].is_protected() {
                    return Err(AccessFault::Denied);
                }
                for (_, gpt) in self.gpts.iter_mut().enumerate().filter(|(n, _)| value >> n & 1 != 0) {
                    gpt.by_software(fabric, offset);
                }
            }
            Block::Gpt(index, offset) if size == AccessSize::Word => {
                return self.gpts[index].write(fabric, offset, value);
            }
            Block::Iic(index, offset) => {
                return self.iics[index].write(fabric, self.clocks.pclkb, offset, value, size);
            }
            Block::Spi(index, offset) => {
                return self.spis[index].write(fabric, self.clocks.pclka, offset, value, size);
            }
            Block::Adc(offset) => return self.adc.write(fabric, self.clocks.pclkc, offset, value, size),
            Block::Dac(offset) => return self.dac.write(offset, value, size),
            Block::Crc(offset) => return self.crc.write(offset, value, size),
            Block::Faci(offset) => return self.faci.write(fabric, offset, value),
            // FCACHEIV reads 0 when the invalidation is done, which is at once.
            Block::Cache(index) if size == AccessSize::Half => {
                self.cache[index] = if index == 0 { value as u16 & 1 } else { 0 }
            }
            Block::Pwpr | Block::Stop(_) | Block::Gpt(..) | Block::Cache(_) => return Err(AccessFault::Width),
        }
        Ok(())
    }

    /// Delivers the effects of one part to the others: clocks, edges, events.
    fn drain_signals(&mut self, fabric: &mut Fabric) {
        let clocks = self.system.clocks();
        if clocks != self.clocks {
            self.clocks = clocks;
            for agt in &mut self.agts {
                agt.set_clocks(fabric, &clocks);
            }
            for gpt in &mut self.gpts {
                gpt.set_clock(fabric, clocks.pclkd);
            }
        }
        for (channel, gpt) in self.gpts.iter_mut().enumerate() {
            if !gpt.drives_anew() {
                continue;
            }
            for (pin, _, output) in gpt::PINS.iter().filter(|it| it.1 == channel) {
                let level = gpt.outputs[*output];
                self.ports.drive_function(fabric, *pin, gpt::FUNCTION, level);
            }
        }
        for (spi, pin) in self.spis.iter().zip(spi::SSL_PINS) {
            self.ports.drive_function(fabric, pin, spi::FUNCTION, spi.ssl());
        }
        for (irq, level) in std::mem::take(&mut self.ports.edges) {
            self.icu.pin(irq, level);
        }
        let events = self.scis.iter_mut().map(|it| &mut it.events);
        let events = events.chain(self.agts.iter_mut().map(|it| &mut it.events));
        let events = events.chain(self.iics.iter_mut().map(|it| &mut it.events));
        let events = events.chain(self.spis.iter_mut().map(|it| &mut it.events));
        let events = events.chain([&mut self.adc.events, &mut self.rtc.events]);
        for list in events.chain(self.gpts.iter_mut().map(|it| &mut it.events)) {
            for event in list.drain(..) {
                self.icu.raise(event);
            }
        }
        if std::mem::take(&mut self.faci.finished) {
            self.icu.raise(icu::FRDYI);
        }
        let levels = self.icu.pending();
        let mut changed = levels ^ self.reported_levels;
        self.reported_levels = levels;
        while changed != 0 {
            let line = changed.trailing_zeros();
            fabric.set_irq(line as u16, levels >> line & 1 != 0);
            changed &= changed - 1;
        }
    }

    fn factory_data(&self, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let mut bytes = [0; 4];
        for (index, byte) in bytes.iter_mut().enumerate().take(size.bytes() as usize) {
            let place = (addr + index as u32).wrapping_sub(UNIQUE_ID) as usize;
            *byte = *self.unique.get(place).ok_or(AccessFault::Unmodelled)?;
        }
        Ok(u32::from_le_bytes(bytes))
    }
}

/// The part number's bytes at an address.
fn part_number(addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
    let start = (addr - PART_NUMBER) as usize;
    let bytes = PART
        .get(start..start + size.bytes() as usize)
        .ok_or(AccessFault::Unmodelled)?;
    Ok(bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}

impl Chip for Ra4m1 {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "RA4M1",
            regions: vec![
                Region::new("code flash", 0, faci::CODE_BYTES, RegionKind::Flash),
                Region::new("option-setting memory", OPTIONS, OPTIONS_BYTES, RegionKind::Flash),
                Region::new("sram", 0x2000_0000, 0x8000, RegionKind::Ram),
                Region::new("data flash", faci::DATA_BASE, faci::DATA_BYTES, RegionKind::Flash),
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: icu::LINES as u16,
                priority_bits: 4,
                fpu: true,
                mpu_regions: 8,
                bit_band: false,
                initial_vtor: 0,
                // SysTick's reference is LOCO (table 2.4).
                systick_reference_hz: Some(system::LOCO_HZ),
                systick_calibration: 0x4000_0147,
            }),
            // MOCO divided by 16.
            cpu_hz: 500_000,
            blocks: blocks::BLOCKS,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match addr {
            FMIFRT if size == AccessSize::Word => return Ok(FACTORY),
            FACTORY..0x0100_2000 => return self.factory_data(addr, size),
            PART_NUMBER..0x0100_3c34 => return part_number(addr, size),
            _ => {}
        }
        let Some(block) = self.reach(addr)? else {
            fabric.log_fault(addr, size, None, AccessFault::Unclocked);
            return Ok(0);
        };
        let value = self.load(fabric, block, size);
        self.drain_signals(fabric);
        reserved(value)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        if fabric.memory().region(addr).is_some() {
            // Flash is written through the sequencer only.
            return Err(AccessFault::Denied);
        }
        let Some(block) = self.reach(addr)? else {
            fabric.log_fault(addr, size, Some(value), AccessFault::Unclocked);
            return Ok(());
        };
        let done = self.store(fabric, block, value, size);
        self.drain_signals(fabric);
        reserved(done)
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        match token {
            IWDT_TOKEN => {
                self.iwdt_ran_down = true;
                Watchdog::wake(fabric);
            }
            WDT_TOKEN => Watchdog::wake(fabric),
            FACI_TOKEN => self.faci.wake(),
            RTC_TOKEN => self.rtc.wake(fabric),
            ADC_TOKEN => {
                let dac = self.dac.output();
                self.adc.wake(fabric, self.clocks.pclkc, &self.ports, dac);
            }
            AGT_TOKENS..GPT_TOKENS => self.agts[(token - AGT_TOKENS) as usize].wake(fabric),
            IIC_TOKENS..SPI_TOKENS => {
                let index = (token - IIC_TOKENS) as usize;
                let pins = self.i2c_pins(index);
                self.iics[index].wake(fabric, self.clocks.pclkb, pins);
            }
            SPI_TOKENS..SCI_TOKENS => {
                let index = (token - SPI_TOKENS) as usize;
                let pins = self.spi_pins(index);
                self.spis[index].wake(fabric, self.clocks.pclka, pins);
            }
            GPT_TOKENS..IIC_TOKENS => self.gpts[(token - GPT_TOKENS) as usize].wake(fabric),
            _ => {
                let (index, what) = ((token - SCI_TOKENS) as usize / 16, token % 16);
                let ports = &self.ports;
                let connected = if what == sci::SENT {
                    sci::tx_pins(index).any(|(pin, psel)| ports.has_function(pin, psel))
                } else {
                    sci::rx_pins(index).any(|(pin, psel)| ports.has_function(pin, psel))
                };
                self.scis[index].wake(fabric, self.clocks.pclka, what, connected);
            }
        }
        self.drain_signals(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        let option = |addr| fabric.memory().read_u32(addr).unwrap_or(u32::MAX);
        let (ofs0, ofs1) = (option(OFS0), option(OFS1));
        self.system.reset(kind, ofs1);
        if std::mem::take(&mut self.iwdt_ran_down) && kind == ResetKind::Watchdog {
            self.system.blame_iwdt();
        }
        self.clocks = self.system.clocks();
        self.icu = Icu::default();
        self.spmon = StackMonitors::new();
        self.rtc.reset(fabric, kind);
        self.ports.reset(fabric);
        for sci in &mut self.scis {
            sci.reset(fabric);
        }
        for (index, agt) in self.agts.iter_mut().enumerate() {
            *agt = Agt::new(index, AGT_TOKENS + index as Token);
            agt.set_clocks(fabric, &self.clocks);
        }
        for (index, gpt) in self.gpts.iter_mut().enumerate() {
            *gpt = Gpt::new(index, GPT_TOKENS + index as Token);
            gpt.set_clock(fabric, self.clocks.pclkd);
        }
        self.iics = std::array::from_fn(|index| Iic::new(index, IIC_TOKENS + index as Token));
        self.spis = std::array::from_fn(|index| Spi::new(index, SPI_TOKENS + index as Token));
        self.adc = Adc::new(ADC_TOKEN);
        (self.dac, self.crc) = (Dac::default(), Crc::default());
        self.wdt = Watchdog::new(WDT_TOKEN);
        self.iwdt.start_iwdt(fabric, ofs0);
        self.faci.reset();
        self.stopped = [u32::MAX; 3];
        self.cache = [0; 2];
        self.reported_levels = 0;
        self.drain_signals(fabric);
    }

    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]) {
        let pclka = self.clocks.pclka;
        if let Some(sci) = self.scis.get_mut(usize::from(index)) {
            sci.input(fabric, pclka, bytes);
        }
    }

    fn uart_input_room(&self, index: u8) -> usize {
        self.scis.get(usize::from(index)).map_or(0, Sci::room)
    }

    fn uart_busy(&self, index: u8) -> bool {
        self.scis.get(usize::from(index)).is_some_and(Sci::is_busy)
    }

    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        self.ports.drive_outside(fabric, pin, level);
        self.drain_signals(fabric);
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.ports.level(pin)
    }
}

/// Why an address is refused: not modelled, or absent on silicon too.
fn absent(addr: u32) -> AccessFault {
    match addr {
        // Factory and option-setting areas, peripherals, the flash's registers.
        0x0100_0000..0x0200_0000 | 0x4000_0000..0x4010_0000 | 0x407e_0000..0x4080_0000 | 0xe004_0000..0xe010_0000 => {
            AccessFault::Unmodelled
        }
        _ => AccessFault::Unmapped,
    }
}

/// Writes the manufacturer's data of a board: option bytes that make HOCO run at 48 MHz, and a bootloader's last steps,
/// which start the image at `boot`. An image that begins at 0 has its own.
pub fn prepare(memory: &mut GuestMemory, boot: u32) {
    let mut write = |addr, bytes: &[u8]| {
        let written = memory.write(addr, bytes);
        debug_assert!(written.is_ok(), "the chip's description has code flash");
    };
    write(OFS1, &0xffff_ceff_u32.to_le_bytes());
    if boot != 0 {
        write(0, &drydock_assets::cortex_m_start_code(0, 0x2000_8000, boot));
    }
}
