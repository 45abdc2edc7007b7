//! What a Cortex-M core asks of firmware, whichever chip it is in: its falls, the way out of the middle of work, and
//! how memory is copied.
#![no_std]

mod fall;
mod memory;
pub mod way_out;

pub use fall::hung;
