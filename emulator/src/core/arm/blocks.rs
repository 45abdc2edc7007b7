//! Address blocks of the private peripheral bus, which every Cortex-M has.

use crate::core::fabric::AddressBlock;

/// ARMv7-M, B3.2 "System Control Space".
pub(in crate::core) const BLOCKS: &[AddressBlock] = &[
    AddressBlock::new(0xe000_0000, 0x1000, "ITM"),
    AddressBlock::new(0xe000_1000, 0x1000, "DWT"),
    AddressBlock::new(0xe000_2000, 0x1000, "FPB"),
    AddressBlock::new(0xe000_e000, 0x10, "ICTR"),
    AddressBlock::new(0xe000_e010, 0x10, "SysTick"),
    AddressBlock::new(0xe000_e100, 0xc00, "NVIC"),
    AddressBlock::new(0xe000_ed00, 0x90, "SCB"),
    AddressBlock::new(0xe000_ed90, 0x60, "MPU"),
    AddressBlock::new(0xe000_edf0, 0x10, "CoreDebug"),
    AddressBlock::new(0xe000_ef00, 0x34, "NVIC"),
    AddressBlock::new(0xe000_ef34, 0x1c, "FPU"),
];
