//! Small types that several messages share.

use alloc::string::String;
use minicbor::{Decode, Encode};

/// State of an app on one device, as the device reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum AppState {
    /// Stored, not started.
    #[n(0)]
    Installed,
    /// Being instantiated: its `_start` or `init` has not returned yet.
    #[n(1)]
    Starting,
    /// Instantiated; callbacks are run.
    #[n(2)]
    Running,
    /// Stopped on request.
    #[n(3)]
    Stopped,
    /// Ended itself (`proc_exit` or return of `_start` without a `tick`).
    #[n(4)]
    Exited,
    /// Ended by the device; the [`Failure`] says why.
    #[n(5)]
    Failed,
}

/// Why the device ended an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum FailureKind {
    /// A WebAssembly trap other than those below (`unreachable`, out of bounds, division by zero, …).
    #[n(0)]
    Trap,
    /// A callback ran longer than its limit.
    #[n(1)]
    ExecutionLimit,
    /// The app wanted more memory than its manifest or the board allows.
    #[n(2)]
    MemoryLimit,
    /// A host call for which the app has no capability.
    #[n(3)]
    CapabilityDenied,
    /// The module could not be validated, linked or instantiated on this board.
    #[n(4)]
    Instantiation,
    /// The call stack of the app overflowed.
    #[n(5)]
    StackOverflow,
    /// `proc_exit` with a code other than 0.
    #[n(6)]
    ExitCode,
}

/// How an app failed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Failure {
    /// The class of the failure.
    #[n(0)]
    pub kind: FailureKind,
    /// The export that ran (`_start`, `init`, `tick`, `on_message`), or empty if none did.
    #[n(1)]
    pub export: String,
    /// What happened, in the field's terms, for example `unreachable` or `gpio_write: gpio:7 is not granted`.
    #[n(2)]
    pub detail: String,
    /// Exit code, for [`FailureKind::ExitCode`].
    #[n(3)]
    pub exit_code: Option<i32>,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum LogLevel {
    /// Finest detail.
    #[n(0)]
    Trace,
    /// For the app's author.
    #[n(1)]
    Debug,
    /// The normal level.
    #[n(2)]
    Info,
    /// Something odd.
    #[n(3)]
    Warn,
    /// Something failed.
    #[n(4)]
    Error,
}

/// Reason of the board's last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum ResetReason {
    /// Power was applied.
    #[n(0)]
    PowerOn,
    /// The reset pin.
    #[n(1)]
    Pin,
    /// The watchdog ran out.
    #[n(2)]
    Watchdog,
    /// Software asked for it.
    #[n(3)]
    Software,
    /// The CPU locked up.
    #[n(4)]
    Lockup,
    /// A panic of the firmware; a [`FaultRecord`] has the details.
    #[n(5)]
    Panic,
    /// A HardFault; a [`FaultRecord`] has the details.
    #[n(6)]
    HardFault,
    /// None of these.
    #[n(7)]
    Unknown,
}

/// The record of a panic or fault, kept in memory that survives reset.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct FaultRecord {
    /// Its kind.
    #[n(0)]
    pub reason: ResetReason,
    /// Program counter at the fault, 0 if not known.
    #[n(1)]
    pub pc: u32,
    /// Link register at the fault, 0 if not known.
    #[n(2)]
    pub lr: u32,
    /// Fault status register (CFSR on Cortex-M, mcause on RISC-V).
    #[n(3)]
    pub status: u32,
    /// Faulting address, if the architecture reports it.
    #[n(4)]
    pub address: u32,
    /// Message and place of a panic, cut to [`MAX_DETAIL_BYTES`](crate::limits::MAX_DETAIL_BYTES).
    #[n(5)]
    pub message: String,
}

/// A semantic version without pre-release part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Version {
    /// Incompatible changes.
    #[n(0)]
    pub major: u16,
    /// Compatible additions.
    #[n(1)]
    pub minor: u16,
    /// Fixes.
    #[n(2)]
    pub patch: u16,
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text is not `MAJOR.MINOR.PATCH` with numbers up to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionError;

impl core::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut numbers = text.split('.').map(|part| part.parse().map_err(|_| VersionError));
        let mut next = || numbers.next().unwrap_or(Err(VersionError));
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        if numbers.next().is_some() {
            Err(VersionError)
        } else {
            Ok(version)
        }
    }
}

/// The longest prefix of the text that has at most `max_bytes` bytes and ends at a character boundary.
pub fn shortened(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
