//! The memory map (RM0090 table 1): which peripheral is at an address, and the bit of RCC that clocks it.

use super::rcc::{AHB1, AHB2, APB1, APB2};
use super::{adc, i2c, spi, timer, usart};

pub(super) const RCC: u32 = 0x4002_3800;
pub(super) const RTC: u32 = 0x4000_2800;
/// USART1 to 6.
pub(super) const USARTS: [u32; usart::COUNT] = [
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
pub(super) const TIMERS: [u32; timer::COUNT] = [
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
/// ADC1 to 3, which share a page.
pub(super) const ADCS: [u32; adc::COUNT] = [0x4001_2000, 0x4001_2100, 0x4001_2200];
/// SPI1 to 3.
pub(super) const SPIS: [u32; spi::COUNT] = [0x4001_3000, 0x4000_3800, 0x4000_3c00];

/// The block at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Rcc,
    Pwr,
    Flash,
    Gpio(usize),
    Exti,
    Syscfg,
    Usart(usize),
    I2c(usize),
    Spi(usize),
    Adc,
    Dac,
    Crc,
    Timer(usize),
    Dma(usize),
    Rng,
    Rtc,
    Iwdg,
}

impl Block {
    pub(super) fn at(addr: u32) -> Option<Self> {
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
            0x4001_2000 => Self::Adc,
            0x4000_7400 => Self::Dac,
            0x4002_3000 => Self::Crc,
            0x5006_0800 => Self::Rng,
            RTC => Self::Rtc,
            0x4000_3000 => Self::Iwdg,
            _ => {
                let usart = USARTS.iter().position(|it| *it == base).map(Self::Usart);
                let i2c = I2CS.iter().position(|it| *it == base).map(Self::I2c);
                let spi = SPIS.iter().position(|it| *it == base).map(Self::Spi);
                return usart
                    .or(i2c)
                    .or(spi)
                    .or_else(|| TIMERS.iter().position(|it| *it == base).map(Self::Timer));
            }
        })
    }

    /// The bus and the bit in its enable and reset registers; `None` if it is always clocked.
    pub(super) fn clock(self) -> Option<(usize, u32)> {
        Some(match self {
            Self::Rcc | Self::Flash | Self::Exti | Self::Rtc | Self::Iwdg => return None,
            Self::Pwr => (APB1, 28),
            Self::Gpio(port) => (AHB1, port as u32),
            Self::Syscfg => (APB2, 14),
            Self::Usart(index) => [(APB2, 4), (APB1, 17), (APB1, 18), (APB1, 19), (APB1, 20), (APB2, 5)][index],
            Self::I2c(index) => (APB1, 21 + index as u32),
            Self::Spi(index) => [(APB2, 12), (APB1, 14), (APB1, 15)][index],
            // ADC1EN, see `Stm32f407::reach`.
            Self::Adc => (APB2, 8),
            Self::Dac => (APB1, 29),
            Self::Crc => (AHB1, 12),
            Self::Timer(index @ 1..=6) => (APB1, index as u32 - 1),
            Self::Timer(index @ 8..=10) => (APB2, index as u32 + 8),
            Self::Timer(index @ 11..=13) => (APB1, index as u32 - 5),
            Self::Timer(index) => (APB2, u32::from(index == 7)),
            Self::Dma(index) => (AHB1, 21 + index as u32),
            Self::Rng => (AHB2, 6),
        })
    }

    /// Whether it is behind an APB bridge, which repeats a narrow store over the whole word (2.3 "Memory map", note).
    pub(super) fn is_on_apb(self) -> bool {
        !matches!(
            self,
            Self::Rcc | Self::Flash | Self::Gpio(_) | Self::Dma(_) | Self::Rng | Self::Crc
        )
    }
}
