//! The neutral seam between users of emulated boards and the engines that run them: traits, virtual time, images, faults
//! and errors. Every engine knows this module; it knows no engine, no core and no chip.

pub mod engine;
pub mod error;
pub mod image;
pub mod time;
pub mod traps;
