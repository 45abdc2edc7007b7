//! The firmware's logic, without a board: link, identity, session, app store, wasm host, metrics.
//!
//! A board crate implements [`board::Board`] and runs [`device::Device`]. The tests implement a board in memory. One main
//! loop pumps the [`link`], polls the conversation with the gateway ([`session`]), gives one app a slice of fuel ([`apps`])
//! and sleeps until the next deadline.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod apps;
pub mod board;
pub mod clock;
pub mod control_only;
mod csr;
mod curve;
mod der;
pub mod device;
pub mod entropy;
pub mod host;
pub mod identity;
pub mod link;
pub mod log;
pub mod package;
mod record_guard;
pub mod records;
pub mod samples;
pub mod session;
pub mod state;
pub mod store;
pub mod tls;
pub mod verifier;
mod x509;
