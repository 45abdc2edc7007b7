//! The configuration of a gateway.

use crate::clock::{Clock, SystemClock};
use std::{path::PathBuf, sync::Arc};

/// How a gateway is opened.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Directory of keys, store and modules; created if it is missing, accessible to the user alone.
    pub data_dir: PathBuf,
    /// Time of everything except links that bring their own.
    pub clock: Arc<dyn Clock>,
    /// Whether devices may enroll.
    pub pairing: PairingMode,
    /// Limits of connections and sessions.
    pub limits: SessionLimits,
    /// Boards that packages can be checked against before a device is connected.
    pub boards: Vec<BoardSpec>,
}

impl GatewayConfig {
    /// The host's clock, pairing on, default limits, no boards.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            clock: Arc::new(SystemClock::new()),
            pairing: PairingMode::On,
            limits: SessionLimits::default(),
            boards: Vec::new(),
        }
    }
}

/// Whether devices may enroll; each needs a one-time token besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PairingMode {
    /// A device that shows a valid token is enrolled.
    On,
    /// Every enrollment is refused and audited.
    Off,
}

/// A kind of board as the gateway sees it. Values that a connected device reports replace these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardSpec {
    /// Id of the board's description, for example `nano33ble`.
    pub id: String,
    /// Title for people, for example `Arduino Nano 33 BLE`.
    pub title: String,
    /// Heap of the firmware in bytes, shared by all apps.
    pub heap_bytes: u32,
    /// Capacity for packages in bytes.
    pub store_bytes: u32,
    /// Pins that apps may be granted, in the numbers that apps use: 0 to 63.
    pub pins: Vec<u8>,
    /// The pins among them that drive LEDs: granted to every deployed app.
    pub led_pins: Vec<u8>,
}

/// Limits of connections and sessions. Times are milliseconds of the link's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLimits {
    /// Limit of connections, with and without a session.
    pub max_connections: usize,
    /// Limit of connections without a session.
    pub max_handshakes: usize,
    /// From the first byte to the end of the TLS handshake.
    pub handshake_timeout_ms: u64,
    /// From the end of the handshake to the first message.
    pub hello_timeout_ms: u64,
    /// Silence after which a device is `unreachable`.
    pub heartbeat_timeout_ms: u64,
    /// Silence after which its connection is closed.
    pub idle_timeout_ms: u64,
    /// Longest wait for the reply to a request.
    pub reply_timeout_ms: u64,
    /// Shortest metrics interval that devices are sent, in milliseconds.
    pub metrics_interval_ms: u32,
    /// Samples kept for each device.
    pub metrics_kept: usize,
    /// Log lines kept for each device.
    pub logs_kept: usize,
    /// Events kept in the store.
    pub events_kept: u64,
    /// Largest module that may be uploaded, in bytes.
    pub max_module_bytes: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            max_handshakes: 2_048,
            handshake_timeout_ms: 20_000,
            hello_timeout_ms: 10_000,
            heartbeat_timeout_ms: u64::from(drydock_protocol::limits::HEARTBEAT_TIMEOUT_MS),
            idle_timeout_ms: 30_000,
            reply_timeout_ms: 10_000,
            metrics_interval_ms: drydock_protocol::limits::DEFAULT_METRICS_INTERVAL_MS,
            metrics_kept: 900,
            logs_kept: 2_000,
            events_kept: 100_000,
            max_module_bytes: 1 << 20,
        }
    }
}
