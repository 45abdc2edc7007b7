//! An emulated board and a gateway, joined by the real link. The gateway and its certificates are those of the device's
//! own tests, so that both hold the same firmware logic to the same peer.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::large_enum_variant,
    reason = "each test uses a part"
)]

#[path = "../../../../firmware/device/tests/firmware/support/bare_tls.rs"]
pub(crate) mod bare_tls;
#[path = "../../../../firmware/device/tests/firmware/support/gateway.rs"]
pub(crate) mod gateway;
#[path = "../../../../firmware/device/tests/firmware/support/package.rs"]
pub(crate) mod package;
#[path = "../../../../firmware/device/tests/firmware/support/pki.rs"]
pub(crate) mod pki;
pub(crate) mod world;
