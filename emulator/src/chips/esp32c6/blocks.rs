//! The chip's address blocks by name, under which profiles count loads and stores.

use crate::core::fabric::AddressBlock;

/// ESP32-C6 Technical Reference Manual v1.1, table 5.3-2 "Module/peripheral address mapping".
pub(super) const BLOCKS: &[AddressBlock] = &[
    AddressBlock::new(0x2000_1000, 0x1000, "PLIC"),
    AddressBlock::new(0x2000_1800, 0x800, "CLINT"),
    AddressBlock::new(0x6000_0000, 0x1000, "UART0"),
    AddressBlock::new(0x6000_1000, 0x1000, "UART1"),
    AddressBlock::new(0x6000_2000, 0x1000, "SPI0"),
    AddressBlock::new(0x6000_3000, 0x1000, "SPI1"),
    AddressBlock::new(0x6000_4000, 0x1000, "I2C0"),
    AddressBlock::new(0x6000_8000, 0x1000, "TIMG0"),
    AddressBlock::new(0x6000_9000, 0x1000, "TIMG1"),
    AddressBlock::new(0x6000_a000, 0x1000, "SYSTIMER"),
    AddressBlock::new(0x6000_f000, 0x1000, "USB_SERIAL_JTAG"),
    AddressBlock::new(0x6001_0000, 0x1000, "INTMTX"),
    AddressBlock::new(0x6008_1000, 0x1000, "SPI2"),
    AddressBlock::new(0x6009_0000, 0x1000, "IO_MUX"),
    AddressBlock::new(0x6009_1000, 0x1000, "GPIO"),
    AddressBlock::new(0x6009_5000, 0x1000, "HP_SYSREG"),
    AddressBlock::new(0x6009_6000, 0x1000, "PCR"),
    AddressBlock::new(0x600b_0000, 0x400, "PMU"),
    AddressBlock::new(0x600b_0400, 0x400, "LP_CLKRST"),
    AddressBlock::new(0x600b_0800, 0x400, "EFUSE"),
    AddressBlock::new(0x600b_1c00, 0x400, "LP_WDT"),
    AddressBlock::new(0x600b_2800, 0x400, "LPPERI"),
    AddressBlock::new(0x600c_5000, 0x1000, "INTPRI"),
];
