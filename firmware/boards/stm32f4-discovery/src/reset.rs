//! Why the chip was reset: RCC_CSR (7.3.21).

use crate::register::Register;
use drydock_fault::Resets;

const RCC_CSR: Register = Register(0x4002_3874);
const RMVF: u32 = 1 << 24;
const PINRSTF: u32 = 1 << 26;
const PORRSTF: u32 = 1 << 27;
const SFTRSTF: u32 = 1 << 28;
const IWDGRSTF: u32 = 1 << 29;
const WWDGRSTF: u32 = 1 << 30;
const LPWRRSTF: u32 = 1 << 31;

/// Reads the flags, and removes them for the next time.
pub(crate) fn take() -> Resets {
    let flags = RCC_CSR.read();
    RCC_CSR.set(RMVF);
    let is = |flag: u32| flags & flag != 0;
    if is(PORRSTF) {
        return Resets::default();
    }
    Resets {
        lockup: false,
        watchdog: is(IWDGRSTF | WWDGRSTF),
        // NRST goes low with each of the others, too (7.1.1).
        pin: is(PINRSTF) && !is(SFTRSTF | IWDGRSTF | WWDGRSTF | LPWRRSTF),
        software: is(SFTRSTF),
        other: true,
    }
}
