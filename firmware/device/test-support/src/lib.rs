//! The other end for tests of the firmware, on the host and in an emulator: a gateway with its certificates, TLS and
//! messages, and packages as a publisher makes them. Nothing here does I/O or keeps time; each test connects it to a
//! board.
//!
//! For dev-dependencies only: `tidy` refuses any other use.
#![allow(
    clippy::unwrap_used,
    clippy::large_enum_variant,
    reason = "a test's support fails as a test does"
)]

pub mod bare_tls;
pub mod gateway;
pub mod package;
pub mod pki;
