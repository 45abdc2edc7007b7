//! The builtin engine: our own cores and chips, in process.

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

pub mod arm;
mod clock;
pub mod core;
pub mod engine;
pub mod entropy;
pub mod esp32c6;
pub mod fabric;
pub mod fe310;
pub mod hash;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod nrf52840;
pub mod riscv;
pub mod time;
