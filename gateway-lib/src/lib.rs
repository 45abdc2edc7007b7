//! The service that devices hold a TLS session with.
//!
//! [`Gateway`] is the one door: it owns a data directory (keys, registry, packages), takes byte streams that devices
//! speak TLS on, and keeps the desired state and what the devices report. It knows nothing of emulators, cables or
//! windows, and reads neither clock nor entropy of its own but through [`clock::Clock`] and the operating system's random
//! numbers.
//!
//! * [`domain`]: devices, packages, deployments, telemetry and events, as the callers see them.
//! * [`config`], [`clock`], [`error`]: what comes in at the door and how it can go wrong.
#![forbid(unsafe_code)]

mod audit;
pub mod clock;
pub mod config;
mod deploy;
pub mod domain;
mod enrollment;
pub mod error;
mod gateway;
mod package;
mod pairing;
mod pki;
mod random;
mod recovery;
mod registry;
mod services;
mod session;
mod store;
pub mod stream;
mod telemetry;
mod tls;

pub use clock::Clock;
pub use config::{BoardSpec, GatewayConfig, PairingMode, SessionLimits};
pub use domain::*;
pub use error::*;
pub use gateway::{Connection, Gateway, GatewayInfo, Pairing, PeerLabel};
