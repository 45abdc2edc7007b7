//! The gateway as its peers and its operator see it: in memory or on port 0, with real TLS and a real store.

mod deployments;
mod device;
mod enrollment;
mod golden_path;
mod handshake;
mod scene;
mod sessions;
mod store;
mod uploads;
mod wire;
