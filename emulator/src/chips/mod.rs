//! The chips of the builtin engine, one folder each: memory map, peripherals and interrupt wiring around a core of
//! [`crate::core`].

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

pub mod esp32c6;
pub mod fe310;
pub mod nrf52840;
pub mod ra4m1;
pub mod stm32f407;
