//! Inspecting a machine: the GDB server, the profile recorder and snapshot files.

pub mod gdb;
pub mod port;
pub mod profile;
pub mod snapshot_file;
