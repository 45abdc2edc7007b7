//! Message bodies from the gateway to a device.

use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// The answer to an enrollment request that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Enrolled {
    /// The device's name in the registry, also the CN of its certificate.
    #[n(0)]
    pub device_id: String,
    /// The device's certificate (X.509, DER).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The intermediate that issued it (X.509, DER).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub intermediate: Vec<u8>,
    /// SHA-256 of the gateway's SubjectPublicKeyInfo, which the device pins.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub gateway_pin: [u8; 32],
    /// The publisher's P-256 key, SEC1 uncompressed (65 bytes): signs packages.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub publisher_key: Vec<u8>,
    /// Milliseconds since the Unix epoch.
    #[n(5)]
    pub time_ms: u64,
}

/// The answer to an enrollment request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct EnrollRefused {
    /// The class of the refusal.
    #[n(0)]
    pub code: EnrollRefusalCode,
    /// One sentence.
    #[n(1)]
    pub detail: String,
}

/// Classes of enrollment refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum EnrollRefusalCode {
    /// Pairing is off.
    #[n(0)]
    PairingOff,
    /// The token is not known, or was used.
    #[n(1)]
    BadToken,
    /// The token is too old.
    #[n(2)]
    TokenExpired,
    /// The chip id belongs to another key.
    #[n(3)]
    ChipIdBound,
    /// The request is malformed or its signature does not hold.
    #[n(4)]
    BadRequest,
}

/// The reply to [`Hello`](crate::device_to_gateway::Hello): the session is established.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Welcome {
    /// The session's id, higher than that of any earlier session of the device.
    #[n(0)]
    pub session_id: u64,
    /// Milliseconds since the Unix epoch.
    #[n(1)]
    pub time_ms: u64,
    /// Interval of metrics, in milliseconds.
    #[n(2)]
    pub metrics_interval_ms: u32,
}

/// Begins the transfer of a package. Refused before a byte of the module travels if the manifest cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct PackageBegin {
    /// The COSE_Sign1 of the manifest.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// A piece of the module.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct PackageChunk<'a> {
    /// Offset in the module, in bytes.
    #[n(0)]
    pub offset: u32,
    /// At most [`CHUNK_BYTES`](crate::limits::CHUNK_BYTES).
    #[cbor(b(1), with = "minicbor::bytes")]
    pub data: &'a [u8],
}

/// Ends the transfer: the device checks size and digest, commits, and replaces a running older version.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct PackageCommit {
    /// Whether the app shall be started now and after each reset.
    #[n(0)]
    pub start: bool,
}

/// Names an app, for start, stop and remove.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct AppRequest {
    /// Name of the app.
    #[n(0)]
    pub app: String,
}

/// Changes settings of the session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Configure {
    /// Interval of metrics in milliseconds, 100 to 60,000.
    #[n(0)]
    pub metrics_interval_ms: u32,
}

/// The gateway's time, for devices without a clock of their own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Ping {
    /// Milliseconds since the Unix epoch.
    #[n(0)]
    pub time_ms: u64,
}
