//! Debug probes over virtual boards: machines of the emulator's builtin engine that a runner runs, reached through the
//! registers of their debug ports. probe-rs and the chips' own flash algorithms are the real ones.

mod bench;
mod crossbar;
mod detection;
mod flashing;
mod live;
mod mishaps;
mod shuffle;
