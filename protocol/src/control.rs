//! Messages on the link's `control` channel. They are unauthenticated: hints, never proofs.

use crate::types::ResetReason;
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// From the device to the host.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum FromDevice {
    /// Sent after reset, on [`FromHost::Identify`], and each second until a session is established.
    #[n(0)]
    Identity(#[n(0)] Identity),
    /// The answer to [`FromHost::Pair`].
    #[n(1)]
    PairResult(#[n(0)] PairResult),
    #[cfg(feature = "link-rates")]
    /// The answer to [`FromHost::LinkRate`]: the rate at which the device will send and receive as soon as it has sent
    /// this.
    #[n(2)]
    LinkRate(#[n(0)] u32),
}

/// From the host to the device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum FromHost {
    /// Ask for [`FromDevice::Identity`].
    #[n(0)]
    Identify,
    /// Trust anchor and one-time token for a blank device.
    #[n(1)]
    Pair(#[n(0)] Pair),
    #[cfg(feature = "link-rates")]
    /// Ask for another baud rate of the wire, in bits per second. A device that cannot have it does not answer.
    #[n(2)]
    LinkRate(#[n(0)] u32),
}

/// A device's unauthenticated description of itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Identity {
    /// Id of the board's description, for example `nano33ble`.
    #[n(0)]
    pub board: String,
    /// The chip's unique id.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub chip_id: Vec<u8>,
    /// Version of the firmware.
    #[n(2)]
    pub firmware: String,
    /// Whether the device has an identity or is blank.
    #[n(3)]
    pub state: IdentityState,
    /// Reason of the board's last reset.
    #[n(4)]
    pub reset_reason: ResetReason,
}

/// Whether a device has an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum IdentityState {
    /// No identity; waits for [`FromHost::Pair`].
    #[n(0)]
    Blank,
    /// Has a trust anchor and a token and is about to enroll.
    #[n(1)]
    Enrolling,
    /// Has an identity.
    #[n(2)]
    Enrolled,
    /// Cannot hold an identity (too small for TLS).
    #[n(3)]
    Unauthenticated,
}

/// First trust over the cable.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct Pair {
    /// The gateway's root certificate (X.509, DER).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub anchor: Vec<u8>,
    /// One-time token, to be shown in the enrollment request.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub token: Vec<u8>,
    /// Server name in the gateway's certificate.
    #[n(2)]
    pub gateway_name: String,
}

/// The result of [`FromHost::Pair`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(index_only)]
pub enum PairResult {
    /// Taken; enrollment begins.
    #[n(0)]
    Accepted,
    /// The device has an identity and ignores anchors until it is wiped.
    #[n(1)]
    AlreadyEnrolled,
    /// The anchor or the token is malformed.
    #[n(2)]
    Malformed,
}
