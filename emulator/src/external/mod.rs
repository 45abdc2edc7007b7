//! Engines in processes of their own: the Renode and QEMU drivers, and what both start programs with.

pub mod process;
#[cfg(unix)]
pub mod qemu;
pub mod renode;
