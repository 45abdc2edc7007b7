//! The chips of the builtin engine, one folder each: memory map, peripherals and interrupt wiring around a core of
//! [`crate::core`].

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

mod calendar;
pub mod esp32c6;
pub mod fe310;
pub mod nrf52840;
#[cfg(test)]
mod peripherals_tests;
pub mod ra4m1;
pub mod stm32f407;

use crate::core::fabric::AccessFault;

/// The answer to an access inside a peripheral that is decoded. A word that no register has (`Unmapped` from the
/// peripheral) reads as zero and takes no store, as the buses of these chips answer it; drivers clear such words in
/// passing. Registers that exist but are not modelled stay faults.
fn reserved<T: Default>(done: Result<T, AccessFault>) -> Result<T, AccessFault> {
    match done {
        Err(AccessFault::Unmapped) => Ok(T::default()),
        done => done,
    }
}
