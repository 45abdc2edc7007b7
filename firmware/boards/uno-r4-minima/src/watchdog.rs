//! WDT (chapter 25): resets the chip if the main loop does not run for 5.6 seconds, also during sleep. It counts down
//! with the core's clock. The independent watchdog (chapter 26) cannot be started by an image after the bootloader,
//! because its settings are option bytes. There is no warning interrupt, so a hang leaves no address, only the main
//! loop's phase.

use crate::register::Register;

const WDTRR: Register<u8> = Register::at(0x4004_4200);
const WDTCR: Register<u16> = Register::at(0x4004_4202);
const WDTRCR: Register<u8> = Register::at(0x4004_4206);
const WDTCSTPR: Register<u8> = Register::at(0x4004_4208);
/// 16,384 cycles of PCLKB / 8,192, refreshed at any time.
const CONTROL: u16 = 0x3300 | 8 << 4 | 3;
const RESETS: u8 = 0x80;
const COUNTS_IN_SLEEP: u8 = 0;

pub(crate) fn start() {
    WDTCR.write(CONTROL);
    WDTRCR.write(RESETS);
    WDTCSTPR.write(COUNTS_IN_SLEEP);
    feed();
}

pub(crate) fn feed() {
    WDTRR.write(0x00);
    WDTRR.write(0xFF);
}
