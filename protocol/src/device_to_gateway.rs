//! Message bodies from a device to the gateway.

use crate::{
    limits::MAX_DETAIL_BYTES,
    types::{AppState, Failure, FaultRecord, LogLevel, ResetReason, Version, shortened},
};
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// First message on `drydock-enroll/1`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct EnrollRequest {
    /// Token of the pairing.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub token: Vec<u8>,
    /// PKCS#10 request (DER), signed by the key born on the device; its subject's CN is the chip id in hexadecimal.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub csr: Vec<u8>,
    /// The chip's unique id: a label, not a proof.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub chip_id: Vec<u8>,
    /// Id of the board's description.
    #[n(3)]
    pub board: String,
    /// Version of the firmware.
    #[n(4)]
    pub firmware: String,
}

/// First message on `drydock/1`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Hello {
    /// Id of the board's description.
    #[n(0)]
    pub board: String,
    /// The chip's unique id.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub chip_id: Vec<u8>,
    /// Version of the firmware.
    #[n(2)]
    pub firmware: String,
    /// Reason of the board's last reset.
    #[n(3)]
    pub reset_reason: ResetReason,
    /// The record of the last panic or fault, sent once.
    #[n(4)]
    pub fault: Option<FaultRecord>,
    /// Heap of the device in bytes.
    #[n(5)]
    pub heap_bytes: u32,
    /// Capacity for packages in bytes, used and free together.
    #[n(6)]
    pub store_bytes: u32,
    /// Largest module that could be stored now, in bytes.
    #[n(7)]
    pub store_free_bytes: u32,
    /// The installed apps.
    #[n(8)]
    pub apps: Vec<AppReport>,
    /// Milliseconds since reset.
    #[n(9)]
    pub uptime_ms: u64,
    /// Number of resets counted by the device; distinguishes a reboot from a reconnect.
    #[n(10)]
    pub boot_count: u32,
}

/// The state of one app: in [`Hello`] for each app, and whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct AppReport {
    /// Name of the app.
    #[n(0)]
    pub app: String,
    /// Its version.
    #[n(1)]
    pub version: Version,
    /// Its sequence.
    #[n(2)]
    pub sequence: u64,
    /// SHA-256 of its module.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// Its state.
    #[n(4)]
    pub state: AppState,
    /// The reason, if the state is [`AppState::Failed`].
    #[n(5)]
    pub failure: Option<Failure>,
    /// Whether it shall run after reset.
    #[n(6)]
    pub autostart: bool,
    /// Milliseconds since reset at which this was true.
    #[n(7)]
    pub uptime_ms: u64,
}

/// A log line of an app, or of the firmware when `app` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Log {
    /// Name of the app; empty: the firmware.
    #[n(0)]
    pub app: String,
    /// Severity.
    #[n(1)]
    pub level: LogLevel,
    /// The line, without line end.
    #[n(2)]
    pub text: String,
    /// Milliseconds since reset.
    #[n(3)]
    pub uptime_ms: u64,
    /// Counts the device's log lines since reset, sent or dropped: a step of more than one is a gap.
    #[n(4)]
    pub sequence: u32,
}

/// Measurements of the device and its apps since the previous such message; also the heartbeat.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Metrics {
    /// Milliseconds since reset.
    #[n(0)]
    pub uptime_ms: u64,
    /// Time in which the CPU did not sleep, in hundredths of a percent.
    #[n(1)]
    pub cpu_busy_bp: u16,
    /// Heap in use, in bytes.
    #[n(2)]
    pub heap_used_bytes: u32,
    /// Highest heap use since reset, in bytes.
    #[n(3)]
    pub heap_peak_bytes: u32,
    /// Heap in all, in bytes.
    #[n(4)]
    pub heap_total_bytes: u32,
    /// Deepest stack since reset, in bytes.
    #[n(5)]
    pub stack_peak_bytes: u32,
    /// Stack in all, in bytes.
    #[n(6)]
    pub stack_total_bytes: u32,
    /// Frames that the link had to send again, since reset.
    #[n(7)]
    pub link_retries: u32,
    /// Frames that the link received damaged, since reset.
    #[n(8)]
    pub link_errors: u32,
    /// Counts these messages since reset: a step of more than one is a gap.
    #[n(9)]
    pub sequence: u32,
    /// Log lines dropped because the gateway did not read fast enough, since reset.
    #[n(10)]
    pub logs_dropped: u32,
    /// Each app.
    #[n(11)]
    pub apps: Vec<AppMetrics>,
    /// Chip temperature in thousandths of a degree Celsius; `None` if the chip has no sensor.
    #[n(12)]
    pub temperature_mc: Option<i32>,
}

/// Numbers of one app.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct AppMetrics {
    /// Name of the app.
    #[n(0)]
    pub app: String,
    /// Fuel spent since the app started.
    #[n(1)]
    pub fuel: u64,
    /// Linear memory in bytes.
    #[n(2)]
    pub memory_bytes: u32,
    /// Heap in use by the app, in bytes.
    #[n(3)]
    pub heap_bytes: u32,
    /// Host calls since the app started.
    #[n(4)]
    pub host_calls: u32,
    /// Traps since the device was reset.
    #[n(5)]
    pub traps: u32,
    /// Longest callback since the app started, in microseconds.
    #[n(6)]
    pub callback_max_us: u32,
    /// The latest value of each name that the app reported.
    #[n(7)]
    pub values: Vec<AppValue>,
    /// Values that the app published since it started and that were dropped: the link did not carry them, or no session
    /// took them. `None`: none, or the firmware does not count them.
    #[n(8)]
    pub values_dropped: Option<u32>,
}

/// A value that an app reported with `drydock.metric`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct AppValue {
    /// Name that the app gave.
    #[n(0)]
    pub name: String,
    /// The latest value.
    #[n(1)]
    pub value: f64,
}

/// Numbers that apps published since the previous such message. The latest value of each is also in [`AppMetrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct AppSamples<'a> {
    /// Counts these messages since reset: a step of more than one is a gap.
    #[n(0)]
    pub sequence: u32,
    /// The time from which the first record counts, in microseconds since reset.
    #[n(1)]
    pub begin_us: u64,
    /// Time from `begin_us` until the message was made, in microseconds.
    #[n(2)]
    pub age_us: u32,
    /// The records; see [`app_samples`](crate::app_samples). At most
    /// [`MAX_SAMPLE_BYTES`](crate::limits::MAX_SAMPLE_BYTES).
    #[cbor(b(3), with = "minicbor::bytes")]
    pub records: &'a [u8],
}

/// The reply to a request of the gateway. Its envelope carries the request's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Reply {
    /// Done.
    #[n(0)]
    Done,
    /// The chunk and all chunks before it are written: `next` is the offset that the device expects next.
    #[n(1)]
    ChunkTaken(#[n(0)] u32),
    /// Refused, for this reason.
    #[n(2)]
    Refused(#[n(0)] Refusal),
}

/// Why a device refused a request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Refusal {
    /// The class of the refusal.
    #[n(0)]
    pub code: RefusalCode,
    /// What happened, with the numbers.
    #[n(1)]
    pub detail: String,
}

impl Refusal {
    /// A refusal; a detail beyond [`MAX_DETAIL_BYTES`] is cut.
    pub fn new(code: RefusalCode, detail: &str) -> Self {
        Self {
            code,
            detail: shortened(detail, MAX_DETAIL_BYTES).into(),
        }
    }

    /// The highest sequence that the device ever committed of the app. The detail of a [`RefusalCode::Downgrade`] ends
    /// with it: `sequence 3 is not above 3`. `None` for other refusals, and for a detail of another form.
    pub fn high_water(&self) -> Option<u64> {
        let (_, high_water) = self.detail.rsplit_once(" is not above ")?;
        (self.code == RefusalCode::Downgrade)
            .then(|| high_water.parse().ok())
            .flatten()
    }
}

/// Classes of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum RefusalCode {
    /// The message's version or kind is not known here.
    #[n(0)]
    Unsupported,
    /// The message's body has no valid form.
    #[n(1)]
    Malformed,
    /// The signature does not verify with the publisher key that this device got at enrollment.
    #[n(2)]
    BadSignature,
    /// The digest or size does not match the module that arrived.
    #[n(3)]
    BadDigest,
    /// The sequence is not above the app's high-water mark.
    #[n(4)]
    Downgrade,
    /// The package does not name this board among its targets.
    #[n(5)]
    WrongTarget,
    /// The store is full.
    #[n(6)]
    StoreFull,
    /// The heap cannot hold what the app needs.
    #[n(7)]
    NoMemory,
    /// The device already has its maximum number of apps.
    #[n(8)]
    TooManyApps,
    /// A capability that this device does not have, or a pin that the board does not allow apps to use.
    #[n(9)]
    Capability,
    /// There is no such app.
    #[n(10)]
    NoSuchApp,
    /// There is no current transfer, or the offset is not the next.
    #[n(11)]
    OutOfSequence,
    /// Flash could not be written.
    #[n(12)]
    StoreFailed,
    /// The module does not validate.
    #[n(13)]
    InvalidModule,
}
