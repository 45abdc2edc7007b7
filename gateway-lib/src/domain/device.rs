//! Devices and what they report.

use super::Digest;
use drydock_protocol::types as wire;
use serde::{Deserialize, Serialize};

/// A device's name in the registry, also the CN of its certificate: `dev-` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub String);

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for DeviceId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The state of a device in its life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// A pairing was made for it; the gateway has not heard from it yet.
    Pending,
    /// It opened an enrollment session.
    Enrolling,
    /// It has a certificate, but had no session yet.
    Enrolled,
    /// It holds a session and was heard in time.
    Connected,
    /// It was silent for longer than the heartbeat timeout.
    Unreachable,
    /// Its session ended.
    Disconnected,
    /// Out of service: certificate revoked, chip id free.
    Retired,
}

/// A device as the registry knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Name for people; unique among devices that are not retired.
    pub name: String,
    /// Id of the board's description; empty while pending.
    pub board: String,
    /// The chip's unique id in hexadecimal; empty if not known or released.
    pub chip_id: String,
    /// Its state in the life cycle.
    pub state: DeviceState,
    /// When it was last heard, in milliseconds since the Unix epoch.
    pub last_heard_ms: Option<u64>,
    /// Milliseconds since it was last heard, on its link's clock, while it holds a session.
    pub heard_ms_ago: Option<u64>,
    /// Version of its firmware; empty if not known.
    pub firmware: String,
    /// The session it holds.
    pub session_id: Option<u64>,
    /// Label of the connection that the session runs on.
    pub peer: Option<String>,
    /// Milliseconds since its reset, when last heard.
    pub uptime_ms: Option<u64>,
    /// Resets that the device counted.
    pub boot_count: u32,
    /// Reason of its last reset.
    pub reset_reason: Option<ResetReason>,
    /// The record of the last panic or fault.
    pub last_fault: Option<FaultView>,
    /// Heap in bytes, as reported.
    pub heap_bytes: Option<u32>,
    /// Capacity for packages in bytes, as reported.
    pub store_bytes: Option<u32>,
    /// Largest module that it could store in bytes, as last reported.
    pub store_free_bytes: Option<u32>,
    /// When its certificate was issued, in milliseconds since the Unix epoch.
    pub enrolled_ms: Option<u64>,
    /// Serial number of its certificate, hexadecimal.
    pub certificate_serial: Option<String>,
    /// Apps that it reports, by name.
    pub apps: Vec<InstanceView>,
    /// Its desired apps, by name.
    #[serde(alias = "wishes")]
    pub desired: Vec<DesiredAppView>,
}

/// A device's report about one app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    /// Name of the app.
    pub app: String,
    /// Its version, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Its sequence.
    pub sequence: u64,
    /// Digest of its module.
    pub digest: Digest,
    /// Its state.
    pub state: AppState,
    /// How it failed.
    pub failure: Option<FailureView>,
    /// Whether it shall run after reset.
    pub autostart: bool,
    /// Device time at which this was true, in milliseconds since reset.
    pub uptime_ms: u64,
    /// When the gateway received it, in milliseconds since the Unix epoch.
    pub reported_ms: u64,
}

/// The desired state of one app on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredAppView {
    /// Name of the app.
    pub app: String,
    /// The package. `None` if the app must be removed.
    pub package: Option<super::PackageId>,
    /// Whether it shall run.
    pub run: bool,
}

/// State of an app on one device, as the device reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// Stored, not started.
    Installed,
    /// Being instantiated.
    Starting,
    /// Callbacks are run.
    Running,
    /// Stopped on request.
    Stopped,
    /// Ended itself.
    Exited,
    /// Ended by the device.
    Failed,
}

/// How an app failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// The class: `trap`, `execution-limit`, `memory-limit`, `capability-denied`, `instantiation`, `stack-overflow` or
    /// `exit-code`.
    pub reason: String,
    /// The export that ran, or empty.
    pub export: String,
    /// What happened, in the field's terms.
    pub detail: String,
    /// Exit code, for `exit-code`.
    pub exit_code: Option<i32>,
}

/// Reason of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// Power was applied.
    PowerOn,
    /// The reset pin.
    Pin,
    /// The watchdog ran out.
    Watchdog,
    /// Software asked for it.
    Software,
    /// The CPU locked up.
    Lockup,
    /// A panic of the firmware.
    Panic,
    /// A HardFault.
    HardFault,
    /// None of these.
    Unknown,
}

/// The record of a panic or fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// Its kind.
    pub reason: ResetReason,
    /// Program counter, 0 if not known.
    pub pc: u32,
    /// Link register, 0 if not known.
    pub lr: u32,
    /// Fault status register (CFSR on Cortex-M, mcause on RISC-V).
    pub status: u32,
    /// Faulting address.
    pub address: u32,
    /// Message and place of a panic.
    pub message: String,
    /// When the device reported it, in milliseconds since the Unix epoch.
    pub told_ms: u64,
}

impl From<wire::AppState> for AppState {
    fn from(state: wire::AppState) -> Self {
        match state {
            wire::AppState::Installed => Self::Installed,
            wire::AppState::Starting => Self::Starting,
            wire::AppState::Running => Self::Running,
            wire::AppState::Stopped => Self::Stopped,
            wire::AppState::Exited => Self::Exited,
            wire::AppState::Failed => Self::Failed,
        }
    }
}

impl AppState {
    /// Whether the app is being run.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

impl From<wire::ResetReason> for ResetReason {
    fn from(reason: wire::ResetReason) -> Self {
        match reason {
            wire::ResetReason::PowerOn => Self::PowerOn,
            wire::ResetReason::Pin => Self::Pin,
            wire::ResetReason::Watchdog => Self::Watchdog,
            wire::ResetReason::Software => Self::Software,
            wire::ResetReason::Lockup => Self::Lockup,
            wire::ResetReason::Panic => Self::Panic,
            wire::ResetReason::HardFault => Self::HardFault,
            wire::ResetReason::Unknown => Self::Unknown,
        }
    }
}

impl From<wire::Failure> for FailureView {
    fn from(failure: wire::Failure) -> Self {
        let reason = match failure.kind {
            wire::FailureKind::Trap => "trap",
            wire::FailureKind::ExecutionLimit => "execution-limit",
            wire::FailureKind::MemoryLimit => "memory-limit",
            wire::FailureKind::CapabilityDenied => "capability-denied",
            wire::FailureKind::Instantiation => "instantiation",
            wire::FailureKind::StackOverflow => "stack-overflow",
            wire::FailureKind::ExitCode => "exit-code",
        };
        Self {
            reason: reason.to_owned(),
            export: failure.export,
            detail: failure.detail,
            exit_code: failure.exit_code,
        }
    }
}
