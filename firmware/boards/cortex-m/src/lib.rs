//! What a Cortex-M core asks of firmware, whichever chip it is in: its falls and the way out of the middle of work.
#![no_std]

mod fall;
pub mod way_out;

pub use fall::hung;
