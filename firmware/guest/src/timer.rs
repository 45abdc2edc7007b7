//! The clock and the interval of `tick`. Needs the capability `timer`.

use crate::calls;

/// Milliseconds since the board's reset.
pub fn uptime_ms() -> i64 {
    // SAFETY: takes no pointers.
    unsafe { calls::uptime_ms() }
}

/// Sets the interval of `tick` in milliseconds (1 to 3,600,000); 0 stops it.
pub fn tick_every(interval_ms: u32) {
    // SAFETY: takes no pointers.
    unsafe { calls::tick_every(interval_ms as i32) }
}
