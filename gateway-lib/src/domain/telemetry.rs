//! Metrics and logs: each stream has its own sequence, so that gaps are visible.

use super::DeviceId;
use drydock_protocol::device_to_gateway as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Metrics of a device at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsSample {
    /// Position in the device's stream, ascending by one.
    pub sequence: u64,
    /// When the gateway received it, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Samples that the device took since the previous one and that never arrived.
    pub lost_before: u32,
    /// Values of apps that the gateway refused until then, since it was opened: no numbers, out of order, too many.
    pub values_refused: u64,
    /// What the device reported. Values of apps that are no numbers are left out.
    pub metrics: Arc<wire::Metrics>,
}

/// Numbers that an app published under one name, in one message of its device.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSamples {
    /// Position in the device's stream, ascending by one.
    pub sequence: u64,
    /// When the gateway received them, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The app.
    pub app: String,
    /// The name that the app gave.
    pub name: String,
    /// Whether values are missing before these: the app, the device or the gateway dropped some, or the device was reset.
    pub gap_before: bool,
    /// Whether `reset_unix_us` is another clock than that of the values before: the device's time stood still, or ran at
    /// another pace. No value is missing for that.
    pub clock_moved: bool,
    /// Unix time of the device's reset in microseconds, as estimated from when messages arrive. It moves when the
    /// device's time stands still.
    pub reset_unix_us: i64,
    /// The values, ascending in time, at least one. All are finite.
    pub samples: Vec<AppSample>,
}

/// One number that an app published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AppSample {
    /// Microseconds since the device's reset.
    pub at_us: u64,
    /// The number.
    pub value: f64,
}

impl AppSamples {
    /// A time of the device as Unix time in microseconds.
    pub fn unix_us(&self, at_us: u64) -> i64 {
        self.reset_unix_us
            .saturating_add(i64::try_from(at_us).unwrap_or(i64::MAX))
    }
}

/// A log line of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Position in the device's stream, ascending by one.
    pub sequence: u64,
    /// When the gateway received it, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Lines that the device wrote since the previous one and that never arrived.
    pub lost_before: u32,
    /// The device.
    pub device: DeviceId,
    /// Name of the app; empty: the firmware.
    pub app: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: LogLevel,
    /// The line.
    pub text: String,
    /// Milliseconds since the device's reset.
    pub uptime_ms: u64,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Finest detail.
    Trace,
    /// For the app's author.
    Debug,
    /// The normal level.
    Info,
    /// Something odd.
    Warn,
    /// Something failed.
    Error,
}

impl From<drydock_protocol::types::LogLevel> for LogLevel {
    fn from(level: drydock_protocol::types::LogLevel) -> Self {
        use drydock_protocol::types::LogLevel as Wire;
        match level {
            Wire::Trace => Self::Trace,
            Wire::Debug => Self::Debug,
            Wire::Info => Self::Info,
            Wire::Warn => Self::Warn,
            Wire::Error => Self::Error,
        }
    }
}

/// The kept items of a stream from a position on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Number of items between the requested position and the first one here that are no longer kept.
    pub dropped: u64,
    /// Position of the next item to come: ask from here next time.
    pub next: u64,
}

/// One item of a live stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem<T> {
    /// The next item.
    Item(T),
    /// The reader was too slow and missed this many items.
    Dropped(u64),
}
