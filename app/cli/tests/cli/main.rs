//! The built `drydock` as its users run it: its output, its exit codes, and the files that it leaves in a data
//! directory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod board;
mod boards;
mod cables;
mod driver;
mod evidence;
mod failing;
mod good;
mod hostile;
mod insight;
mod labels;
mod memory;
mod numbers;
mod own_boards;
mod own_firmware;
mod owner;
mod parts;
mod probes;
mod recordings;
mod recovery;
mod refused;
mod renode;
mod scenarios;
mod snapshots;
mod stolen;
mod suites;
mod usbip;
