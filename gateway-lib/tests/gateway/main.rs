//! The gateway as its peers and its operator see it: in memory or on port 0, with real TLS and a real store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod deployments;
mod device;
mod durability;
mod enrollment;
mod fleet;
mod golden_path;
mod handshake;
mod numbers;
mod reports;
mod scene;
mod sessions;
mod store;
mod uploads;
mod versions;
mod wire;
