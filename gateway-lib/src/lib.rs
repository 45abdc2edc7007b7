//! The service that devices hold a TLS session with.
//!
//! [`Gateway`] is the public handle. It owns a data directory (keys, registry, packages), serves TLS on byte streams, and
//! keeps the desired and the reported state of devices. It has no knowledge of emulators, cables or windows. Time comes
//! from [`clock::Clock`], random numbers from the operating system.
//!
//! * [`domain`]: devices, packages, deployments, telemetry and events, as the callers see them.
//! * [`config`], [`clock`], [`error`]: how a gateway is opened, and how operations fail.
#![forbid(unsafe_code)]

mod app_samples;
mod audit;
pub mod clock;
pub mod config;
mod deploy;
mod device_storage;
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
pub use device_storage::DeviceStorage;
pub use domain::*;
pub use error::*;
pub use gateway::{Connection, Gateway, GatewayInfo, Pairing, PeerLabel};
