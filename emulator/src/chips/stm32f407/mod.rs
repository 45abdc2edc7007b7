//! ST STM32F407, after its reference manual RM0090 (rev. 19) and datasheet DS8626: memory map, peripherals, interrupt
//! wiring.
//!
//! Peripherals are modelled as far as firmware uses them; a register that is not modelled is a typed fault, never a
//! silent zero. Not modelled at all: CAN, USB, Ethernet, SDIO, FSMC, camera, WWDG, the
//! backup SRAM, Stop and Standby, the boot ROM, code fetched from the alias of flash at 0, the cost of flash wait
//! states.
//!
//! A peripheral whose clock is off reads as zero and loses stores, as on silicon; here that is logged too.

mod adc;
mod blocks;
mod crc;
mod dac;
mod dma;
mod exti;
mod flash;
mod gpio;
mod i2c;
mod ident;
mod iwdg;
mod map;
mod pwr;
mod rcc;
mod rng;
mod rtc;
mod spi;
#[cfg(test)]
mod tests;
mod timer;
mod usart;

use self::adc::Adcs;
use self::crc::Crc;
use self::dac::Dac;
use self::dma::{Dma, Requesters};
use self::exti::{Exti, Syscfg};
use self::flash::FlashInterface;
use self::gpio::Gpio;
use self::i2c::I2c;
use self::ident::Identity;
use self::iwdg::Iwdg;
use self::map::Block;
use self::pwr::Pwr;
use self::rcc::{APB2, Clocks, Rcc};
use self::rng::Rng;
use self::rtc::Rtc;
use self::spi::Spi;
use self::timer::Timer;
use self::usart::Usart;
use super::reserved;
use crate::core::events::Token;
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::parts::{I2cPins, SpiPins};

/// Interrupt lines (table 62).
const FLASH_IRQ: u16 = 4;
const EXTI_IRQS: [u16; 5] = [6, 7, 8, 9, 10];
/// RTC's lines of EXTI, alarm and wake-up, and their interrupts.
const RTC_LINES: [(u8, u16); 2] = [(17, 41), (22, 3)];
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
const SPI_IRQS: [u16; spi::COUNT] = [35, 36, 51];
/// All three converters.
const ADC_IRQ: u16 = 18;
const RNG_IRQ: u16 = 80;
const IRQS: u16 = 82;

const RCC_TOKEN: Token = 0;
const FLASH_TOKEN: Token = 1;
const RNG_TOKEN: Token = 2;
const IWDG_TOKEN: Token = 3;
const RTC_TOKEN: Token = 4;
const I2C_TOKENS: Token = 0x80;
const SPI_TOKENS: Token = 0x90;
const ADC_TOKENS: Token = 0xa0;
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
    spis: [Spi; spi::COUNT],
    adcs: Adcs,
    dac: Dac,
    crc: Crc,
    timers: [Timer; timer::COUNT],
    dma: [Dma; 2],
    rng: Rng,
    rtc: Rtc,
    iwdg: Iwdg,
    identity: Identity,
    clocks: Clocks,
    /// Interrupt levels reported last.
    reported_levels: u128,
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
            spis: std::array::from_fn(|index| Spi::new(SPI_TOKENS + index as Token)),
            adcs: Adcs::new(ADC_TOKENS),
            dac: Dac::default(),
            crc: Crc::new(),
            timers: std::array::from_fn(|index| Timer::new(index, TIMER_TOKENS + index as Token)),
            dma: [0, 1].map(Dma::new),
            rng: Rng::new(RNG_TOKEN),
            rtc: Rtc::new(RTC_TOKEN),
            iwdg: Iwdg::new(IWDG_TOKEN),
            identity: Identity::new(seed),
            reported_levels: 0,
        }
    }

    fn usart_clock(&self, index: usize) -> u32 {
        self.clocks.pclk[usize::from(usart::is_on_apb2(index))]
    }

    /// The pins that are given to I2C `index`; `None` unless it has both.
    fn i2c_pins(&self, index: usize) -> Option<I2cPins> {
        Some(I2cPins {
            scl: self.gpio.given(i2c::SCL_PINS.get(index)?, i2c::FUNCTION)?,
            sda: self.gpio.given(i2c::SDA_PINS.get(index)?, i2c::FUNCTION)?,
        })
    }

    fn spi_clock(&self, index: usize) -> u32 {
        self.clocks.pclk[usize::from(spi::is_on_apb2(index))]
    }

    /// The pins that are given to SPI `index`; `None` unless it has a clock.
    fn spi_pins(&self, index: usize) -> Option<SpiPins> {
        let function = *spi::FUNCTIONS.get(index)?;
        Some(SpiPins {
            sck: self.gpio.given(spi::SCK_PINS[index], function)?,
            mosi: self.gpio.given(spi::MOSI_PINS[index], function),
            miso: self.gpio.given(spi::MISO_PINS[index], function),
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
            Block::Spi(index) => self.spis[index].read(offset),
            Block::Adc => self.adcs.read(offset),
            Block::Dac => self.dac.read(offset),
            Block::Crc => self.crc.read(offset),
            Block::Timer(index) => self.timers[index].read(fabric, offset),
            Block::Dma(index) => self.dma[index].read(offset),
            Block::Rng => self.rng.read(fabric, self.clocks.pll48, offset),
            Block::Rtc => self.rtc.read(now, offset),
            Block::Iwdg => self.iwdg.read(now, offset),
        }
    }

    fn store(&mut self, fabric: &mut Fabric, block: Block, offset: u32, value: u32) -> Result<(), AccessFault> {
        match block {
            Block::Rcc => {
                let unprotected = self.pwr.backup_is_unprotected();
                let done = self.rcc.write(fabric, offset, value, unprotected);
                self.hold_in_reset(fabric, offset);
                if self.rcc.backup_is_in_reset() {
                    self.rtc.reset(fabric);
                }
                self.rtc.set_clock(fabric, self.rcc.rtc_hz());
                done
            }
            Block::Rtc => {
                let taken = self
                    .rtc
                    .write(fabric, self.pwr.backup_is_unprotected(), offset, value)?;
                if !taken {
                    let addr = map::RTC + offset;
                    fabric.log_fault(addr, AccessSize::Word, Some(value), AccessFault::Denied);
                }
                Ok(())
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
            Block::Spi(index) => {
                let pclk = self.spi_clock(index);
                self.spis[index].write(fabric, pclk, offset, value)
            }
            Block::Adc => self.adcs.write(fabric, self.clocks.pclk[1], offset, value),
            Block::Dac => self.dac.write(offset, value),
            Block::Crc => self.crc.write(offset, value),
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
        for index in 0..spi::COUNT {
            if held(Block::Spi(index)) {
                self.spis[index].reset(fabric);
            }
        }
        if held(Block::Adc) {
            self.adcs.reset(fabric);
        }
        if held(Block::Dac) {
            self.dac = Dac::default();
        }
        if held(Block::Crc) {
            self.crc = Crc::new();
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
            let is_given = self.gpio.has_function(pin, af);
            connected[timer] |= u32::from(is_given) << channel;
            if is_given {
                self.timers[timer].set_level(channel, self.gpio.level(pin) == Some(true));
            }
        }
        for (timer, connected) in self.timers.iter_mut().zip(connected) {
            timer.connect(fabric, connected);
        }
    }

    /// Puts the levels of the timers' outputs and of NSS on the pins.
    fn drive_outputs(&mut self, fabric: &mut Fabric) {
        for (index, spi) in self.spis.iter_mut().enumerate() {
            let Some(selects) = spi.changed_select() else { continue };
            for pin in spi::NSS_PINS[index] {
                let level = selects.then_some(false);
                self.gpio.set_output(fabric, *pin, spi::FUNCTIONS[index], level);
            }
        }
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
        let levels = self.rtc.levels();
        for (index, (line, _)) in RTC_LINES.into_iter().enumerate() {
            if std::mem::replace(&mut self.rtc.lines[index], levels[index]) != levels[index] {
                self.exti.edge(line, levels[index]);
            }
        }
        self.serve_dma(fabric);
        self.wire(fabric);
    }

    /// Moves what peripherals request by DMA.
    fn serve_dma(&mut self, fabric: &mut Fabric) {
        if !self.dma.iter().any(Dma::is_enabled) {
            return;
        }
        let mut requesters = Requesters {
            usarts: &mut self.usarts,
            spis: &mut self.spis,
            adcs: &mut self.adcs,
            pclk: self.clocks.pclk,
        };
        for dma in &mut self.dma {
            dma.serve(fabric, &mut requesters);
        }
    }

    /// Brings the interrupt lines up to date.
    fn wire(&mut self, fabric: &mut Fabric) {
        let mut levels = u128::from(self.flash.interrupt()) << FLASH_IRQ;
        let mut wire = |line: u16, level: bool| levels |= u128::from(level) << line;
        let pending = self.exti.pending();
        for (line, irq) in EXTI_IRQS.into_iter().enumerate() {
            wire(irq, pending >> line & 1 != 0);
        }
        for (line, irq) in RTC_LINES {
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
        for (spi, irq) in self.spis.iter().zip(SPI_IRQS) {
            wire(irq, spi.interrupt());
        }
        wire(ADC_IRQ, self.adcs.interrupt());
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
        let clocked = match block {
            // The three converters share a page, and each has a clock; that of one of them clocks what they share.
            Block::Adc if addr & 0x300 != 0x300 => self.rcc.is_enabled(APB2, 8 + (addr >> 8 & 3)),
            Block::Adc => (8..11).any(|bit| self.rcc.is_enabled(APB2, bit)),
            _ => block.clock().is_none_or(|(bus, bit)| self.rcc.is_enabled(bus, bit)),
        };
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
            RTC_TOKEN => self.rtc.wake(fabric),
            I2C_TOKENS..SPI_TOKENS => {
                let index = (token - I2C_TOKENS) as usize;
                let pins = self.i2c_pins(index);
                if let Some(i2c) = self.i2cs.get_mut(index) {
                    i2c.wake(fabric, self.clocks.pclk[0], pins);
                }
            }
            SPI_TOKENS..ADC_TOKENS => {
                let index = (token - SPI_TOKENS) as usize;
                let (pclk, pins) = (self.spi_clock(index), self.spi_pins(index));
                if let Some(spi) = self.spis.get_mut(index) {
                    spi.wake(fabric, pclk, pins);
                }
            }
            ADC_TOKENS..TIMER_TOKENS => {
                let index = (token - ADC_TOKENS) as usize;
                self.adcs
                    .wake(fabric, self.clocks.pclk[1], (&self.gpio, &self.dac), index);
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
        for spi in &mut self.spis {
            spi.reset(fabric);
        }
        self.adcs.reset(fabric);
        self.dac = Dac::default();
        self.crc = Crc::new();
        for (index, timer) in self.timers.iter_mut().enumerate() {
            *timer = Timer::new(index, TIMER_TOKENS + index as Token);
        }
        self.dma = [0, 1].map(Dma::new);
        self.rng.reset(fabric);
        if kind == ResetKind::PowerOn {
            self.rtc.reset(fabric);
        } else {
            self.rtc.outlast(fabric);
        }
        self.rtc.set_clock(fabric, self.rcc.rtc_hz());
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
