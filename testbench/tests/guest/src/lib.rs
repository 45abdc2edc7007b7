//! What the suite tests.

#![no_std]

/// Adds, and panics where the sum does not fit.
pub fn add(one: u8, other: u8) -> u8 {
    one.checked_add(other).expect("the sum fits")
}
