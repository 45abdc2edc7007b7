//! IWDG (chapter 21): resets the chip if the main loop does not run for 8 seconds. It has no warning interrupt, so a
//! hang leaves only its reset reason.

use crate::register::Register;

const KR: Register = Register(0x4000_3000);
const PR: Register = Register(0x4000_3004);
const RLR: Register = Register(0x4000_3008);

const ACCESS: u32 = 0x5555;
const RELOAD: u32 = 0xAAAA;
const START: u32 = 0xCCCC;
/// 32 kHz / 64 = 500 Hz.
const BY_64: u32 = 4;
const TICKS: u32 = 4_000;

pub(crate) fn start() {
    KR.write(START);
    KR.write(ACCESS);
    PR.write(BY_64);
    RLR.write(TICKS);
    feed();
}

pub(crate) fn feed() {
    KR.write(RELOAD);
}
