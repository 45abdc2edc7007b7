//! Code for RV32 cores, for any chip: crash handlers, abandoning work.
#![no_std]

mod fault_handler;
pub mod way_out;

pub use fault_handler::trapped;
