//! The processor cores of the builtin engine and their infrastructure: instruction sets, dispatch, guest memory, fabric
//! and code cache. No chip is known here; a chip joins a core through [`fabric::Chip`].

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

pub mod any_core;
pub mod arm;
pub(crate) mod array;
mod clock;
mod code_cache;
mod dispatch;
pub mod events;
pub mod fabric;
pub mod limits;
pub mod memory;
pub mod riscv;
mod run;
mod semihosting;
pub(crate) mod shared_image;
pub(crate) mod usb;
