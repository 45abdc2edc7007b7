//! Code for Cortex-M cores, for any chip: crash handlers, abandoning work, copying memory.
#![no_std]

mod fault_handler;
mod memory;
pub mod way_out;

pub use fault_handler::hung;
