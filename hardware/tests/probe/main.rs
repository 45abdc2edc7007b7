//! Debug probes over virtual boards: machines of the emulator's builtin engine that a runner runs, reached through the
//! registers of their debug ports. probe-rs and the chips' own flash algorithms are the real ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a plan has a list of ranges, which may be one"
)]

mod bench;
mod crossbar;
mod debugger;
mod detection;
mod flashing;
mod live;
mod mishaps;
mod shuffle;
