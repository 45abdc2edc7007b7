//! What a Cortex-M core asks of firmware, whichever chip it is in: crash handlers, the way out of the middle of work, and
//! how memory is copied.
#![no_std]

mod fault_handler;
mod memory;
pub mod way_out;

pub use fault_handler::hung;
