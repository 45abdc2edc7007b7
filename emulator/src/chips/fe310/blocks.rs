//! The chip's address blocks by name, under which profiles count loads and stores.

use crate::core::fabric::AddressBlock;

/// SiFive FE310-G002 Manual v1p4, table 4 "Memory map".
pub(super) const BLOCKS: &[AddressBlock] = &[
    AddressBlock::new(0x0200_0000, 0x1_0000, "CLINT"),
    AddressBlock::new(0x0c00_0000, 0x400_0000, "PLIC"),
    AddressBlock::new(0x1000_0000, 0x1000, "AON"),
    AddressBlock::new(0x1000_8000, 0x1000, "PRCI"),
    AddressBlock::new(0x1001_0000, 0x1000, "OTP"),
    AddressBlock::new(0x1001_2000, 0x1000, "GPIO"),
    AddressBlock::new(0x1001_3000, 0x1000, "UART0"),
    AddressBlock::new(0x1001_4000, 0x1000, "QSPI0"),
    AddressBlock::new(0x1001_5000, 0x1000, "PWM0"),
    AddressBlock::new(0x1001_6000, 0x1000, "I2C"),
    AddressBlock::new(0x1002_3000, 0x1000, "UART1"),
    AddressBlock::new(0x1002_4000, 0x1000, "SPI1"),
    AddressBlock::new(0x1002_5000, 0x1000, "PWM1"),
    AddressBlock::new(0x1003_4000, 0x1000, "SPI2"),
    AddressBlock::new(0x1003_5000, 0x1000, "PWM2"),
];
