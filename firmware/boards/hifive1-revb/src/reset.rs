//! AON (chapters 13 and 14): the watchdog, which is also the only way in which this chip's firmware can reset it, and
//! the backup registers, which pass the reset reason on to the next start.

use crate::register::Register;
use drydock_fault::Resets;

const WDOGCFG: Register = Register(0x1000_0000);
const WDOGFEED: Register = Register(0x1000_0018);
const WDOGKEY: Register = Register(0x1000_001C);
const WDOGCMP: Register = Register(0x1000_0020);
const KEY: u32 = 0x51_F15E;
const FOOD: u32 = 0x0D09_F00D;
/// Scaled by 2^4, to 2,048 Hz; resets, and always counts.
const CONFIG: u32 = 4 | 1 << 8 | 1 << 12;
/// 8 seconds.
const TICKS: u32 = 8 * 2_048;

/// Number of starts since power-on, and whether the previous run ended itself.
const LIVES: Register = Register(0x1000_0080);
const ASKED: Register = Register(0x1000_0084);

fn write(register: Register, value: u32) {
    // Each write needs the key before it (14.7).
    WDOGKEY.write(KEY);
    register.write(value);
}

/// Starts the watchdog: it resets a firmware whose main loop does not run for 8 seconds.
pub(crate) fn start_watchdog() {
    write(WDOGCMP, TICKS);
    feed();
    write(WDOGCFG, CONFIG);
}

pub(crate) fn feed() {
    write(WDOGFEED, FOOD);
}

/// Number of this start since power-on, and its reason as far as it is known: a reset by the watchdog and one by the
/// button look the same.
pub(crate) fn begin() -> (u32, Resets) {
    let earlier = LIVES.read();
    let resets = Resets {
        software: earlier > 0 && ASKED.read() != 0,
        other: earlier > 0,
        ..Resets::default()
    };
    LIVES.write(earlier + 1);
    ASKED.write(0);
    (earlier + 1, resets)
}

/// Has the watchdog bite.
#[unsafe(no_mangle)]
fn drydock_reset() -> ! {
    ASKED.write(1);
    write(WDOGCFG, CONFIG);
    write(WDOGCMP, 0);
    loop {
        core::hint::spin_loop();
    }
}

pub(crate) fn reset() -> ! {
    drydock_reset()
}
