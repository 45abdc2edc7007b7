//! Register blocks that store and return what the guest writes, without any further effect: power, clock gates, resets,
//! access rights, analog trim. Their effects are either not needed here (there is no power to save) or assumed (clocks
//! run, oscillators are stable). The blocks are listed one by one; any other address is a fault.

use std::collections::BTreeMap;

use crate::core::fabric::AccessFault;

/// Name (of the TRM), first address, length in bytes.
const BLOCKS: [(&str, u32, u32); 26] = [
    ("PLIC_UX", 0x2000_1400, 0x400),
    ("APB_SARADC", 0x6000_e000, 0x1000),
    ("PVT_MONITOR", 0x6001_9000, 0x1000),
    // Its channels are not modelled.
    ("GDMA_MISC_CONF", 0x6008_0064, 4),
    ("HP_SYS", 0x6009_5000, 0x1000),
    ("PCR", 0x6009_6000, 0x1000),
    ("TEE", 0x6009_8000, 0x1000),
    ("HP_APM, LP_APM0", 0x6009_9000, 0x1000),
    // Two bits of the radio's front end that ESP-IDF's start-up sets in passing.
    ("MODEM_FE", 0x600a_0810, 4),
    ("MODEM_SYSCON", 0x600a_9800, 0x400),
    ("MODEM_LPCON", 0x600a_f000, 0x400),
    ("I2C_ANA_MST", 0x600a_f800, 0x400),
    ("PMU", 0x600b_0000, 0x400),
    ("LP_CLKRST", 0x600b_0400, 0x400),
    ("LP_TIMER", 0x600b_0c00, 0x400),
    ("LP_AON", 0x600b_1000, 0x400),
    ("LP_UART_CLK_CONF", 0x600b_1488, 4),
    ("LP_IO", 0x600b_2000, 0x400),
    ("LP_I2C_ANA_MST", 0x600b_2400, 0x400),
    ("LP_PERI", 0x600b_2800, 0x400),
    ("LP_ANA", 0x600b_2c00, 0x400),
    ("LP_TEE", 0x600b_3400, 0x400),
    ("LP_APM", 0x600b_3800, 0x400),
    ("ASSIST_DEBUG", 0x600c_2000, 0x1000),
    ("INTPRI", 0x600c_5000, 0x1000),
    ("EXTMEM", 0x600c_8000, 0x1000),
];

/// Reset values that matter.
const RESETS: [(u32, u32); 4] = [
    // PCR.SYSCLK_CONF: XTAL is 40 MHz; the second-stage bootloader has chosen the PLL.
    (0x6009_6110, 40 << 24 | 1 << 16 | 2 << 8),
    // PCR.CPU_FREQ_CONF: 160 MHz.
    (0x6009_6118, 0),
    // PCR.MSPI_CLK_CONF: the bootloader has chosen 80 MHz for the flash, a sixth of the PLL.
    (0x6009_601c, 5 << 8),
    // LP_AON.STORE4: the bootloader has left the crystal's MHz there, twice (`RTC_XTAL_FREQ_REG` of ESP-IDF).
    (0x600b_1010, 40 << 16 | 40),
];

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct PassthroughRegisters(BTreeMap<u32, u32>);

impl PassthroughRegisters {
    pub(super) fn read(&self, addr: u32) -> Result<u32, AccessFault> {
        if !covered(addr) {
            return Err(AccessFault::Unmodelled);
        }
        let reset = RESETS.iter().find(|(at, _)| *at == addr).map_or(0, |(_, value)| *value);
        Ok(self.0.get(&addr).copied().unwrap_or(reset))
    }

    pub(super) fn write(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        if !covered(addr) {
            return Err(AccessFault::Unmodelled);
        }
        self.0.insert(addr, value);
        Ok(())
    }

    /// The value of a block's register, for the module that models its effect.
    pub(super) fn get(&self, addr: u32) -> u32 {
        self.read(addr).unwrap_or(0)
    }
}

fn covered(addr: u32) -> bool {
    BLOCKS.iter().any(|(_, base, bytes)| addr.wrapping_sub(*base) < *bytes)
}
