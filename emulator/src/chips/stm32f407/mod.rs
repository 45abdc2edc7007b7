//! ST STM32F407, after its reference manual RM0090 (rev. 19) and datasheet DS8626: memory map, peripherals, interrupt
//! wiring.
//!
//! Peripherals are modelled as far as firmware uses them; a register that is not modelled is a typed fault, never a
//! silent zero. Not modelled at all: SPI, ADC, DAC, CAN, USB, Ethernet, SDIO, FSMC, camera, CRC, RTC, WWDG, the
//! backup SRAM, Stop and Standby, the boot ROM, code fetched from the alias of flash at 0, the cost of flash wait
//! states.
//!
//! A peripheral whose clock is off reads as zero and loses stores, as on silicon; here that is logged too.

mod blocks;
mod dma;
mod exti;
mod flash;
mod gpio;
mod i2c;
mod ident;
mod iwdg;
mod pwr;
mod rcc;
mod rng;
#[cfg(test)]
mod tests;
mod timer;
mod usart;

use self::dma::Dma;
use self::exti::{Exti, Syscfg};
use self::flash::FlashInterface;
use self::gpio::Gpio;
use self::i2c::I2c;
use self::ident::Identity;
use self::iwdg::Iwdg;
use self::pwr::Pwr;
use self::rcc::{AHB1, AHB2, APB1, APB2, Clocks, Rcc};
use self::rng::Rng;
use self::timer::Timer;
use self::usart::Usart;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::parts::I2cPins;

const RCC: u32 = 0x4002_3800;
/// USART1 to 6.
const USARTS: [u32; usart::COUNT] = [
    0x4001_1000,
    0x4000_4400,
    0x4000_4800,
    0x4000_4c00,
    0x4000_5000,
    0x4001_1400,
];
/// I2C1 to 3.
const I2CS: [u32; i2c::COUNT] = [0x4000_5400, 0x4000_5800, 0x4000_5c00];
/// TIM1 to 14.
const TIMERS: [u32; timer::COUNT] = [
    0x4001_0000,
    0x4000_0000,
    0x4000_0400,
    0x4000_0800,
    0x4000_0c00,
    0x4000_1000,
    0x4000_1400,
    0x4001_0400,
    0x4001_4000,
    0x4001_4400,
    0x4001_4800,
    0x4000_1800,
    0x4000_1c00,
    0x4000_2000,
];

/// Interrupt lines (table 62).
const FLASH_IRQ: u16 = 4;
const EXTI_IRQS: [u16; 5] = [6, 7, 8, 9, 10];
const EXTI9_5_IRQ: u16 = 23;
const EXTI15_10_IRQ: u16 = 40;
const USART_IRQS: [u16; usart::COUNT] = [37, 38, 39, 52, 53, 71];
/// The update's and the channels' line of each timer.
const TIMER_IRQS: [(u16, u16); timer::COUNT] = [
    (25, 27),
    (28, 28),
    (29, 29),
    (30, 30),
    (50, 50),
    (54, 54),
    (55, 55),
    (44, 46),
    (24, 24),
    (25, 25),
    (26, 26),
    (43, 43),
    (44, 44),
    (45, 45),
];
const DMA_IRQS: [[u16; dma::STREAMS]; 2] = [[11, 12, 13, 14, 15, 16, 17, 47], [56, 57, 58, 59, 60, 68, 69, 70]];
/// The events' and the errors' line of each I2C.
const I2C_IRQS: [[u16; 2]; i2c::COUNT] = [[31, 32], [33, 34], [72, 73]];
const RNG_IRQ: u16 = 80;
const IRQS: u16 = 82;

const RCC_TOKEN: Token = 0;
const FLASH_TOKEN: Token = 1;
const RNG_TOKEN: Token = 2;
const IWDG_TOKEN: Token = 3;
const I2C_TOKENS: Token = 0x80;
const TIMER_TOKENS: Token = 0x100;
/// 16 for each.
const USART_TOKENS: Token = 0x200;

/// The chip.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
pub struct Stm32f407 {
    rcc: Rcc,
    pwr: Pwr,
    flash: FlashInterface,
    gpio: Gpio,
    exti: Exti,
    syscfg: Syscfg,
    usarts: [Usart; usart::COUNT],
    i2cs: [I2c; i2c::COUNT],
    timers: [Timer; timer::COUNT],
    dma: [Dma; 2],
    rng: Rng,
    iwdg: Iwdg,
    identity: Identity,
    clocks: Clocks,
    /// Interrupt levels reported last.
    reported_levels: u128,
}

/// The block at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Rcc,
    Pwr,
    Flash,
    Gpio(usize),
    Exti,
    Syscfg,
    Usart(usize),
    I2c(usize),
    Timer(usize),
    Dma(usize),
    Rng,
    Iwdg,
}

impl Block {
    fn at(addr: u32) -> Option<Self> {
        let base = addr & !0x3ff;
        Some(match base {
            RCC => Self::Rcc,
            0x4000_7000 => Self::Pwr,
            0x4002_3c00 => Self::Flash,
            0x4002_0000..=0x4002_2000 => Self::Gpio((base as usize - 0x4002_0000) / 0x400),
            0x4001_3c00 => Self::Exti,
            0x4001_3800 => Self::Syscfg,
            0x4002_6000 => Self::Dma(0),
            0x4002_6400 => Self::Dma(1),
            0x5006_0800 => Self::Rng,
            0x4000_3000 => Self::Iwdg,
            _ => {
                let usart = USARTS.iter().position(|it| *it == base).map(Self::Usart);
                let i2c = I2CS.iter().position(|it| *it == base).map(Self::I2c);
                return usart
                    .or(i2c)
                    .or_else(|| TIMERS.iter().position(|it| *it == base).map(Self::Timer));
            }
        })
    }

    /// The bus and the bit in its enable and reset registers; `None` if it is always clocked.
    fn clock(self) -> Option<(usize, u32)> {
        Some(match self {
            Self::Rcc | Self::Flash | Self::Exti | Self::Iwdg => return None,
            Self::Pwr => (APB1, 28),
            Self::Gpio(port) => (AHB1, port as u32),
            Self::Syscfg => (APB2, 14),
            Self::Usart(index) => [(APB2, 4), (APB1, 17), (APB1, 18), (APB1, 19), (APB1, 20), (APB2, 5)][index],
            Self::I2c(index) => (APB1, 21 + index as u32),
            Self::Timer(index @ 1..=6) => (APB1, index as u32 - 1),
            Self::Timer(index @ 8..=10) => (APB2, index as u32 + 8),
            Self::Timer(index @ 11..=13) => (APB1, index as u32 - 5),
            Self::Timer(index) => (APB2, u32::from(index == 7)),
            Self::Dma(index) => (AHB1, 21 + index as u32),
            Self::Rng => (AHB2, 6),
        })
    }

    /// Whether it is behind an APB bridge, which repeats a narrow store over the whole word (2.3 "Memory map", note).
    fn is_on_apb(self) -> bool {
        !matches!(self, Self::Rcc | Self::Flash | Self::Gpio(_) | Self::Dma(_) | Self::Rng)
    }
}

impl Stm32f407 {
    /// Number of UARTs: USART1 is 0, USART6 is 5.
    pub const UARTS: u8 = usart::COUNT as u8;
    /// Number of pins: port × 32 + pin, ports A to I.
    pub const PINS: u16 = 8 * 32 + 16;

    /// A chip in factory state; its unique id is derived from the machine's `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        let rcc = Rcc::new(RCC_TOKEN);
        Self {
            clocks: rcc.clocks(crate::machine::time::VirtualTime::ZERO),
            rcc,
            pwr: Pwr::new(),
            flash: FlashInterface::new(FLASH_TOKEN),
            gpio: Gpio::new(),
            exti: Exti::default(),
            syscfg: Syscfg::default(),
            usarts: std::array::from_fn(|index| Usart::new(index, USART_TOKENS + 16 * index as Token)),
            i2cs: std::array::from_fn(|index| I2c::new(I2C_TOKENS + index as Token)),
            timers: std::array::from_fn(|index| Timer::new(index, TIMER_TOKENS + index as Token)),
            dma: [0, 1].map(Dma::new),
            rng: Rng::new(RNG_TOKEN),
            iwdg: Iwdg::new(IWDG_TOKEN),
            identity: Identity::new(seed),
            reported_levels: 0,
        }
    }

    /// USART1 and 6 are on APB2.
    fn usart_clock(&self, index: usize) -> u32 {
        self.clocks.pclk[usize::from(matches!(index, 0 | 5))]
    }

    /// The pins that are given to I2C `index`; `None` unless it has both.
    fn i2c_pins(&self, index: usize) -> Option<I2cPins> {
        let given = |pins: &[u16]| {
            let mut pins = pins.iter().copied();
            pins.find(|pin| self.gpio.has_function(*pin, i2c::FUNCTION))
        };
        Some(I2cPins {
            scl: given(i2c::SCL_PINS.get(index)?)?,
            sda: given(i2c::SDA_PINS.get(index)?)?,
        })
    }

    fn load(&mut self, fabric: &mut Fabric, block: Block, offset: u32) -> Result<u32, AccessFault> {
        let now = fabric.now();
        match block {
            Block::Rcc => self.rcc.read(now, offset),
            Block::Pwr => self.pwr.read(offset),
            Block::Flash => self.flash.read(now, offset),
            Block::Gpio(port) => self.gpio.read(port, offset),
            Block::Exti => self.exti.read(offset),
            Block::Syscfg => self.syscfg.read(offset),
            Block::Usart(index) => self.usarts[index].read(offset),
            Block::I2c(index) => self.i2cs[index].read(fabric, self.clocks.pclk[0], offset),
            Block::Timer(index) => self.timers[index].read(fabric, offset),
            Block::Dma(index) => self.dma[index].read(offset),
            Block::Rng => self.rng.read(fabric, self.clocks.pll48, offset),
            Block::Iwdg => self.iwdg.read(now, offset),
        }
    }

    fn store(&mut self, fabric: &mut Fabric, block: Block, offset: u32, value: u32) -> Result<(), AccessFault> {
        match block {
            Block::Rcc => {
                let unprotected = self.pwr.backup_is_unprotected();
                let done = self.rcc.write(fabric, offset, value, unprotected);
                self.hold_in_reset(fabric, offset);
                done
            }
            Block::Pwr => self.pwr.write(offset, value),
            Block::Flash => self.flash.write(fabric, offset, value),
            Block::Gpio(port) => {
                let done = self.gpio.write(fabric, port, offset, value);
                if matches!(offset, 0x00 | 0x20 | 0x24) {
                    self.connect_timers(fabric);
                }
                done
            }
            Block::Exti => self.exti.write(offset, value),
            Block::Syscfg => self.syscfg.write(offset, value),
            Block::Usart(index) => {
                let pclk = self.usart_clock(index);
                self.usarts[index].write(fabric, pclk, offset, value)
            }
            Block::I2c(index) => self.i2cs[index].write(fabric, self.clocks.pclk[0], offset, value),
            Block::Timer(index) => self.timers[index].write(fabric, offset, value),
            Block::Dma(index) => self.dma[index].write(offset, value),
            Block::Rng => self.rng.write(fabric, self.clocks.pll48, offset, value),
            Block::Iwdg => {
                let done = self.iwdg.write(fabric, offset, value);
                if self.iwdg.is_running() {
                    self.rcc.force_lsi(fabric.now());
                }
                done
            }
        }
    }

    /// A reset register was written: resets the registers of the named peripherals.
    fn hold_in_reset(&mut self, fabric: &mut Fabric, offset: u32) {
        if !(0x10..0x28).contains(&offset) {
            return;
        }
        let rcc = &self.rcc;
        let held = |block: Block| block.clock().is_some_and(|(bus, bit)| rcc.is_held(bus, bit));
        for port in 0..gpio::PORTS {
            if held(Block::Gpio(port)) {
                self.gpio.reset_port(fabric, port);
            }
        }
        for index in 0..usart::COUNT {
            if held(Block::Usart(index)) {
                self.usarts[index].reset(fabric);
            }
        }
        for index in 0..i2c::COUNT {
            if held(Block::I2c(index)) {
                self.i2cs[index].reset(fabric);
            }
        }
        for index in 0..timer::COUNT {
            if held(Block::Timer(index)) {
                self.timers[index].reset(fabric);
            }
        }
        for index in 0..2 {
            if held(Block::Dma(index)) {
                self.dma[index] = Dma::new(index);
            }
        }
        if held(Block::Rng) {
            self.rng.reset(fabric);
        }
        if held(Block::Pwr) {
            self.pwr = Pwr::new();
        }
        if held(Block::Syscfg) {
            self.syscfg = Syscfg::default();
        }
    }

    /// The functions of pins have changed: tells the timers which channels have a pin.
    fn connect_timers(&mut self, fabric: &mut Fabric) {
        let mut connected = [0; timer::COUNT];
        for (timer, channel, pin, af) in timer::pins() {
            connected[timer] |= u32::from(self.gpio.has_function(pin, af)) << channel;
        }
        for (timer, connected) in self.timers.iter_mut().zip(connected) {
            timer.connect(fabric, connected);
        }
    }

    /// Puts the levels of the timers' outputs on the pins.
    fn drive_outputs(&mut self, fabric: &mut Fabric) {
        for (index, timer) in self.timers.iter_mut().enumerate() {
            let Some(outputs) = timer.changed_outputs() else {
                continue;
            };
            for (_, channel, pin, af) in timer::pins().filter(|it| it.0 == index) {
                self.gpio.set_output(fabric, pin, af, outputs[channel]);
            }
        }
    }

    /// An edge on a pin that a timer's channel may capture.
    fn capture(&mut self, fabric: &mut Fabric, port: u8, pin: u8, level: bool) {
        let number = u16::from(port) * 32 + u16::from(pin);
        for (timer, channel, _, af) in timer::pins().filter(|it| it.2 == number) {
            if self.gpio.has_function(number, af) {
                self.timers[timer].edge(fabric, channel, level);
            }
        }
    }

    /// Delivers the effects of one part to the others: clocks, edges, DMA requests, interrupts.
    fn drain_signals(&mut self, fabric: &mut Fabric) {
        let clocks = self.rcc.clocks(fabric.now());
        if clocks != self.clocks {
            self.clocks = clocks;
            for (index, timer) in self.timers.iter_mut().enumerate() {
                let apb2 = matches!(index, 0 | 7..=10);
                timer.set_clock(fabric, clocks.timer[usize::from(apb2)]);
            }
        }
        self.drive_outputs(fabric);
        for (port, pin, level) in std::mem::take(&mut self.gpio.edges) {
            self.capture(fabric, port, pin, level);
            if self.syscfg.is_wired(port, pin) {
                self.exti.edge(pin, level);
            }
        }
        let pclk = std::array::from_fn(|index| self.usart_clock(index));
        for dma in &mut self.dma {
            dma.serve(fabric, &mut self.usarts, pclk);
        }
        self.wire(fabric);
    }

    /// Brings the interrupt lines up to date.
    fn wire(&mut self, fabric: &mut Fabric) {
        let mut levels = u128::from(self.flash.interrupt()) << FLASH_IRQ;
        let mut wire = |line: u16, level: bool| levels |= u128::from(level) << line;
        let pending = self.exti.pending();
        for (line, irq) in EXTI_IRQS.into_iter().enumerate() {
            wire(irq, pending >> line & 1 != 0);
        }
        wire(EXTI9_5_IRQ, pending & 0x03e0 != 0);
        wire(EXTI15_10_IRQ, pending & 0xfc00 != 0);
        for (usart, irq) in self.usarts.iter().zip(USART_IRQS) {
            wire(irq, usart.interrupt());
        }
        for (i2c, [event, error]) in self.i2cs.iter().zip(I2C_IRQS) {
            let [has_event, has_error] = i2c.interrupts();
            wire(event, has_event);
            wire(error, has_error);
        }
        for (timer, (update, compare)) in self.timers.iter().zip(TIMER_IRQS) {
            wire(update, timer.pending() & 1 != 0);
            wire(compare, timer.pending() & !1 != 0);
        }
        for (dma, irqs) in self.dma.iter().zip(DMA_IRQS) {
            for (stream, irq) in irqs.into_iter().enumerate() {
                wire(irq, dma.interrupt(stream));
            }
        }
        wire(RNG_IRQ, self.rng.interrupt(fabric.now()));
        let mut changed = levels ^ self.reported_levels;
        self.reported_levels = levels;
        while changed != 0 {
            let line = changed.trailing_zeros() as u16;
            fabric.set_irq(line, levels >> line & 1 != 0);
            changed &= changed - 1;
        }
    }

    /// The peripheral at `addr`, or why the access is refused. An inner `None` means that its clock is off.
    fn reach(&self, addr: u32) -> Result<Option<Block>, AccessFault> {
        let block = Block::at(addr).ok_or(absent(addr))?;
        let clocked = block.clock().is_none_or(|(bus, bit)| self.rcc.is_enabled(bus, bit));
        Ok(clocked.then_some(block))
    }
}

impl Chip for Stm32f407 {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "STM32F407",
            regions: vec![
                Region::new("flash", flash::BASE, flash::BYTES, RegionKind::Flash),
                Region::new("ccm", 0x1000_0000, 0x1_0000, RegionKind::Ram),
                Region::new("option bytes", flash::OPTIONS, flash::OPTIONS_BYTES, RegionKind::Flash),
                // SRAM1 (112 KiB) and SRAM2 (16 KiB).
                Region::new("sram", 0x2000_0000, 0x2_0000, RegionKind::Ram),
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: IRQS,
                priority_bits: 4,
                fpu: true,
                mpu_regions: 8,
                bit_band: true,
                initial_vtor: flash::BASE,
                // HCLK / 8 follows the core clock; the core's model of a reference clock has a fixed rate.
                systick_reference_hz: None,
                // 12.1.2
                systick_calibration: 18_750,
            }),
            cpu_hz: 16_000_000,
            blocks: blocks::BLOCKS,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match addr {
            // The alias of flash.
            0..flash::BYTES => {
                let mut bytes = [0; 4];
                let count = size.bytes() as usize;
                let read = fabric.memory().read(flash::BASE + addr, &mut bytes[..count]);
                return read
                    .map(|()| u32::from_le_bytes(bytes))
                    .map_err(|_| AccessFault::Unmapped);
            }
            ident::PAGE..0x1fff_8000 => return self.identity.read(addr, size),
            ident::DBGMCU..0xe004_2400 => return self.identity.read_debug(addr - ident::DBGMCU),
            _ => {}
        }
        let Some(block) = self.reach(addr)? else {
            fabric.log_fault(addr, size, None, AccessFault::Unclocked);
            return Ok(0);
        };
        let word = reserved(self.load(fabric, block, addr & 0x3fc));
        self.drain_signals(fabric);
        let mask = (1_u64 << (8 * size.bytes())) - 1;
        Ok(word? >> (8 * (addr & 3)) & mask as u32)
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match addr {
            0..flash::BYTES | flash::BASE..0x0810_0000 => {
                self.flash.program(fabric, addr | flash::BASE, value, size);
                return Ok(());
            }
            ident::PAGE..0x1fff_8000 | flash::OPTIONS..0x1fff_d000 => return Err(AccessFault::Denied),
            ident::DBGMCU..0xe004_2400 => return self.identity.write_debug(addr - ident::DBGMCU, value),
            _ => {}
        }
        let Some(block) = self.reach(addr)? else {
            fabric.log_fault(addr, size, Some(value), AccessFault::Unclocked);
            return Ok(());
        };
        let offset = addr & 0x3fc;
        let shift = 8 * (addr & 3);
        let word = match size {
            AccessSize::Word => value,
            AccessSize::Byte if block.is_on_apb() => (value & 0xff) * 0x0101_0101,
            AccessSize::Half if block.is_on_apb() => (value & 0xffff) * 0x0001_0001,
            // DMA and RNG accept words only (10.5, 24.4).
            _ if matches!(block, Block::Dma(_) | Block::Rng) => return Err(AccessFault::Width),
            // BSRR: the other half is left alone, as zeros do.
            _ if matches!((block, offset), (Block::Gpio(_), 0x18)) => value << shift,
            _ => {
                let mask = (((1_u64 << (8 * size.bytes())) - 1) as u32) << shift;
                reserved(self.load(fabric, block, offset))? & !mask | value << shift & mask
            }
        };
        let done = self.store(fabric, block, offset, word);
        self.drain_signals(fabric);
        reserved(done)
    }

    fn event(&mut self, fabric: &mut Fabric, token: Token) {
        match token {
            RCC_TOKEN => self.rcc.wake(fabric),
            FLASH_TOKEN => self.flash.wake(),
            RNG_TOKEN => {}
            IWDG_TOKEN => Iwdg::wake(fabric),
            I2C_TOKENS..TIMER_TOKENS => {
                let index = (token - I2C_TOKENS) as usize;
                let pins = self.i2c_pins(index);
                if let Some(i2c) = self.i2cs.get_mut(index) {
                    i2c.wake(fabric, self.clocks.pclk[0], pins);
                }
            }
            TIMER_TOKENS..USART_TOKENS => {
                if let Some(timer) = self.timers.get_mut((token - TIMER_TOKENS) as usize) {
                    timer.wake(fabric);
                }
            }
            _ => {
                let (index, what) = ((token - USART_TOKENS) as usize / 16, token % 16);
                let pclk = self.usart_clock(index);
                let gpio = &self.gpio;
                let connected = if Usart::is_inbound(what) {
                    usart::rx_pins(index).any(|(pin, function)| gpio.has_function(pin, function))
                } else {
                    usart::tx_pins(index).any(|(pin, function)| gpio.has_function(pin, function))
                };
                self.usarts[index].wake(fabric, pclk, what, connected);
            }
        }
        self.drain_signals(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        self.rcc.reset(kind);
        self.clocks = self.rcc.clocks(fabric.now());
        self.pwr = Pwr::new();
        self.flash.reset(fabric.memory());
        self.gpio.reset(fabric);
        self.exti = Exti::default();
        self.syscfg = Syscfg::default();
        for usart in &mut self.usarts {
            usart.reset(fabric);
        }
        for i2c in &mut self.i2cs {
            i2c.reset(fabric);
        }
        for (index, timer) in self.timers.iter_mut().enumerate() {
            *timer = Timer::new(index, TIMER_TOKENS + index as Token);
        }
        self.dma = [0, 1].map(Dma::new);
        self.rng.reset(fabric);
        self.iwdg.reset();
        if self.flash.watchdog_by_hardware() {
            self.iwdg.start(fabric);
            self.rcc.force_lsi(fabric.now());
        }
        self.identity.reset();
        self.reported_levels = 0;
        self.connect_timers(fabric);
        self.drain_signals(fabric);
    }

    fn uart_input(&mut self, fabric: &mut Fabric, index: u8, bytes: &[u8]) {
        let pclk = self.usart_clock(usize::from(index));
        if let Some(usart) = self.usarts.get_mut(usize::from(index)) {
            usart.input(fabric, pclk, bytes);
        }
    }

    fn uart_input_room(&self, index: u8) -> usize {
        self.usarts.get(usize::from(index)).map_or(0, Usart::room)
    }

    fn uart_busy(&self, index: u8) -> bool {
        self.usarts.get(usize::from(index)).is_some_and(Usart::is_busy)
    }

    fn pin_input(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        self.gpio.drive_outside(fabric, pin, level);
        self.drain_signals(fabric);
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.gpio.level(pin)
    }
}

/// Why an address is refused: not modelled, or absent on silicon too.
fn absent(addr: u32) -> AccessFault {
    match addr {
        // System memory and option bytes, APB and AHB peripherals, the FSMC's banks.
        0x1fff_0000..0x2000_0000
        | 0x4000_0000..0x4000_8000
        | 0x4001_0000..0x4001_6c00
        | 0x4002_0000..0x4008_0000
        | 0x5000_0000..0x5006_0c00
        | 0x6000_0000..0xa000_1000
        | 0xe004_0000..0xe010_0000 => AccessFault::Unmodelled,
        _ => AccessFault::Unmapped,
    }
}

/// Writes the option bytes as ST delivers them, and a bootloader's last steps into the first sector, which start the image whose vector table is at `boot`. ST's
/// boards have none: an image for silicon includes these steps, and an image with data at the start of flash has its
/// own here too.
pub fn prepare(memory: &mut GuestMemory, boot: u32) {
    let delivered = flash::deliver_options(memory);
    debug_assert!(delivered.is_ok(), "the chip's description has option bytes");
    if boot != flash::BASE {
        let written = memory.write(
            flash::BASE,
            &drydock_assets::cortex_m_start_code(flash::BASE, 0x2002_0000, boot),
        );
        debug_assert!(written.is_ok(), "the chip's description has flash");
    }
}
