//! The board's pins. Needs the capability `gpio:<pin>` for each; pin `n` of port `p` is number `32 * p + n`.

use crate::calls;

/// The pull of an input, which applies while nothing drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Pull {
    /// Floats.
    None = 0,
    /// Is pulled low.
    Down = 1,
    /// Is pulled high.
    Up = 2,
}

/// Makes the pin an output.
pub fn output(pin: u32) {
    // SAFETY: takes no pointers.
    unsafe { calls::gpio_output(pin as i32) }
}

/// Makes the pin an input.
pub fn input(pin: u32, pull: Pull) {
    // SAFETY: takes no pointers.
    unsafe { calls::gpio_input(pin as i32, pull as i32) }
}

/// Drives the pin.
pub fn write(pin: u32, high: bool) {
    // SAFETY: takes no pointers.
    unsafe { calls::gpio_write(pin as i32, high.into()) }
}

/// The pin's level.
pub fn read(pin: u32) -> bool {
    // SAFETY: takes no pointers.
    unsafe { calls::gpio_read(pin as i32) != 0 }
}
