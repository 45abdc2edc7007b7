//! The builtin engine: our own cores and chips, in process.

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

pub mod arm;
mod array;
mod clock;
pub mod core;
mod dispatch;
pub mod engine;
pub mod entropy;
pub mod esp32c6;
pub mod fabric;
pub mod fe310;
pub mod hash;
mod library;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod nrf52840;
mod profiler;
pub mod ra4m1;
pub mod riscv;
mod saved;
pub(crate) mod shared_image;
mod start;
pub mod stm32f407;
pub mod time;
