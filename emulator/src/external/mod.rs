//! Engines that run in separate processes: the Renode and QEMU drivers, and the process handling that both use.

pub mod process;
#[cfg(unix)]
pub mod qemu;
pub mod renode;
