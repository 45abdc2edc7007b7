//! The chip's address blocks by name, under which profiles count loads and stores.

use crate::core::fabric::AddressBlock;

/// RA4M1 Group User's Manual, chapter 16.3 and the register chapters.
pub(super) const BLOCKS: &[AddressBlock] = &[
    AddressBlock::new(0x4000_6000, 0x1000, "ICU"),
    AddressBlock::new(0x4001_e000, 0x1000, "SYSTEM"),
    AddressBlock::new(0x4004_0000, 0x1000, "PORT"),
    AddressBlock::new(0x4004_0800, 0x400, "PFS"),
    AddressBlock::new(0x4004_4000, 0x80, "RTC"),
    AddressBlock::new(0x4005_3000, 0x200, "IIC"),
    AddressBlock::new(0x4005_c000, 0x200, "ADC140"),
    AddressBlock::new(0x4005_e000, 0x100, "DAC12"),
    AddressBlock::new(0x4007_0000, 0x1000, "SCI"),
    AddressBlock::new(0x4007_2000, 0x200, "SPI"),
    AddressBlock::new(0x4007_4000, 0x100, "CRC"),
    AddressBlock::new(0x4007_8000, 0x1000, "GPT"),
    AddressBlock::new(0x4008_4000, 0x1000, "AGT"),
    AddressBlock::new(0x407e_0000, 0x1_0000, "FLASH"),
];
