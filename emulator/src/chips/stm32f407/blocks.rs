//! The chip's address blocks by name, under which profiles count loads and stores.

use crate::core::fabric::AddressBlock;

/// STM32F407 reference manual RM0090, table 1 "Register boundary addresses".
pub(super) const BLOCKS: &[AddressBlock] = &[
    AddressBlock::new(0x0800_0000, 0x10_0000, "flash"),
    AddressBlock::new(0x4000_0000, 0x400, "TIM2"),
    AddressBlock::new(0x4000_0400, 0x400, "TIM3"),
    AddressBlock::new(0x4000_0800, 0x400, "TIM4"),
    AddressBlock::new(0x4000_0c00, 0x400, "TIM5"),
    AddressBlock::new(0x4000_2800, 0x400, "RTC"),
    AddressBlock::new(0x4000_2c00, 0x400, "WWDG"),
    AddressBlock::new(0x4000_3000, 0x400, "IWDG"),
    AddressBlock::new(0x4000_3800, 0x400, "SPI2"),
    AddressBlock::new(0x4000_3c00, 0x400, "SPI3"),
    AddressBlock::new(0x4000_4400, 0x400, "USART2"),
    AddressBlock::new(0x4000_4800, 0x400, "USART3"),
    AddressBlock::new(0x4000_5400, 0x400, "I2C1"),
    AddressBlock::new(0x4000_5800, 0x400, "I2C2"),
    AddressBlock::new(0x4000_5c00, 0x400, "I2C3"),
    AddressBlock::new(0x4000_7000, 0x400, "PWR"),
    AddressBlock::new(0x4000_7400, 0x400, "DAC"),
    AddressBlock::new(0x4001_0000, 0x400, "TIM1"),
    AddressBlock::new(0x4001_1000, 0x400, "USART1"),
    AddressBlock::new(0x4001_2000, 0x400, "ADC"),
    AddressBlock::new(0x4001_3000, 0x400, "SPI1"),
    AddressBlock::new(0x4001_3800, 0x400, "SYSCFG"),
    AddressBlock::new(0x4001_3c00, 0x400, "EXTI"),
    AddressBlock::new(0x4002_0000, 0x2800, "GPIO"),
    AddressBlock::new(0x4002_3000, 0x400, "CRC"),
    AddressBlock::new(0x4002_3800, 0x400, "RCC"),
    AddressBlock::new(0x4002_3c00, 0x400, "FLASH"),
    AddressBlock::new(0x4002_6000, 0x400, "DMA1"),
    AddressBlock::new(0x4002_6400, 0x400, "DMA2"),
    AddressBlock::new(0x5006_0800, 0x400, "RNG"),
];
