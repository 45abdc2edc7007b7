//! An emulated board and a gateway, joined by the real link. The gateway and its certificates are those of the device's
//! own tests, so that both test the same firmware logic against the same peer.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::large_enum_variant,
    reason = "each test uses a part"
)]

pub(crate) mod world;

pub(crate) use drydock_test_support::{gateway, package};
