//! What an RV32 core asks of firmware, whichever chip it is in: crash handlers and the way out of the middle of work.
#![no_std]

mod fault_handler;
pub mod way_out;

pub use fault_handler::trapped;
