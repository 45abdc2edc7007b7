//! Clock rates as selected by PCR's registers (ESP32-C6 Technical Reference Manual 1.1, chapter 8). A clock runs as
//! soon as it is selected.

use super::passthrough_registers::PassthroughRegisters;
use super::timg;

pub(super) const PCR: u32 = 0x6009_6000;
/// The PLL's root clock after its fixed division by 3, and the crystal.
pub(super) const PLL_ROOT_HZ: u32 = 160_000_000;
pub(super) const XTAL_HZ: u32 = 40_000_000;
const RC_FAST_HZ: u32 = 17_500_000;
pub(super) const RC_SLOW_HZ: u32 = 136_000;
const XTAL32K_HZ: u32 = 32_768;
/// What RTCCALICFG can measure.
pub(super) const SLOW_HZ: [u32; 3] = [RC_SLOW_HZ, RC_FAST_HZ, XTAL32K_HZ];

/// SYSCLK_CONF and CPU_FREQ_CONF.
pub(super) fn cpu_hz(passthrough: &PassthroughRegisters) -> u32 {
    let (sysclk, freq) = (passthrough.get(PCR + 0x110), passthrough.get(PCR + 0x118));
    match sysclk >> 16 & 3 {
        1 => PLL_ROOT_HZ / ((freq >> 8 & 0xff) + 1),
        2 => RC_FAST_HZ / ((freq & 0xff) + 1),
        _ => XTAL_HZ / ((freq & 0xff) + 1),
    }
}

/// UARTn_SCLK_CONF.
pub(super) fn uart_hz(passthrough: &PassthroughRegisters, index: usize) -> u32 {
    let sclk = passthrough.get(PCR + 4 + 12 * index as u32);
    let source = match sclk >> 20 & 3 {
        1 => 80_000_000,
        2 => RC_FAST_HZ,
        _ => XTAL_HZ,
    };
    source / ((sclk >> 12 & 0xff) + 1)
}

/// Offsets of I2C_CONF and SPI2_CONF; each peripheral's clock register follows.
pub(super) const I2C_CONF: u32 = 0x20;
pub(super) const SPI2_CONF: u32 = 0xc0;

/// I2C_SCLK_CONF; the fractional part of the divider is not modelled.
pub(super) fn i2c_hz(passthrough: &PassthroughRegisters) -> u32 {
    let sclk = passthrough.get(PCR + I2C_CONF + 4);
    let source = if sclk >> 20 & 1 == 0 { XTAL_HZ } else { RC_FAST_HZ };
    source / ((sclk >> 12 & 0xff) + 1)
}

/// SPI2_CLKM_CONF.
pub(super) fn spi2_hz(passthrough: &PassthroughRegisters) -> u32 {
    match passthrough.get(PCR + SPI2_CONF + 4) >> 20 & 3 {
        1 => 80_000_000,
        2 => RC_FAST_HZ,
        _ => XTAL_HZ,
    }
}

/// TIMERGROUPn_TIMER_CLK_CONF and WDT_CLK_CONF.
pub(super) fn timg(passthrough: &PassthroughRegisters, index: usize) -> timg::Clocks {
    let source = |offset: u32| match passthrough.get(PCR + offset + 12 * index as u32) >> 20 & 3 {
        1 => 80_000_000,
        2 => RC_FAST_HZ,
        _ => XTAL_HZ,
    };
    timg::Clocks {
        timer_hz: source(0x40),
        watchdog_hz: source(0x44),
    }
}
