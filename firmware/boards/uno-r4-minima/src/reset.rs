//! Why the chip was reset: RSTSR0 and RSTSR1 (6.2).

use crate::register::Register;
use drydock_fault::Resets;

const RSTSR0: Register<u8> = Register::at(0x4001_E410);
const RSTSR1: Register<u16> = Register::at(0x4001_E0C0);
const PORF: u8 = 1;
const IWDTRF: u16 = 1 << 0;
const WDTRF: u16 = 1 << 1;
const SWRF: u16 = 1 << 2;

/// Reads the flags, and clears them for the next time. A reset by RES sets none.
pub(crate) fn take() -> Resets {
    let (power, others) = (RSTSR0.read(), RSTSR1.read());
    RSTSR0.write(0);
    RSTSR1.write(0);
    if power & PORF != 0 {
        return Resets::default();
    }
    Resets {
        lockup: false,
        watchdog: others & (IWDTRF | WDTRF) != 0,
        pin: power == 0 && others == 0,
        software: others & SWRF != 0,
        other: true,
    }
}
