//! Serial ports against the kernel: pseudo-terminals, and USB devices in a private namespace.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod board;
#[cfg(target_os = "linux")]
mod desk;
mod pty;
#[cfg(target_os = "linux")]
mod usb;
