//! The firmware's logic on a board in memory, against a real rustls gateway: enrollment, session, store, apps.
#![allow(
    clippy::unwrap_used,
    clippy::large_enum_variant,
    reason = "tests, and one world in each of them"
)]

mod apps;
mod bare;
mod limits;
mod memory;
mod module_start;
mod numbers;
mod rate;
mod session;
mod store;
mod support;
mod trust;
