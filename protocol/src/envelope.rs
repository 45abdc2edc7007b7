//! The envelope of a message: `[version, id, kind, body]`, read in two steps.
//!
//! Version, id and kind are read first, the body second, so that a message from a newer peer gets a typed answer
//! instead of a decoding error.

use crate::limits::{MAX_MESSAGE_BYTES, PROTOCOL_VERSION};
use alloc::vec::Vec;
use minicbor::{Decoder, Encode, Encoder};

/// The kind of a message. Numbers below 128 are sent by devices, the others by the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Kind {
    /// [`EnrollRequest`](crate::device_to_gateway::EnrollRequest).
    EnrollRequest = 1,
    /// [`Hello`](crate::device_to_gateway::Hello).
    Hello = 2,
    /// [`AppReport`](crate::device_to_gateway::AppReport).
    AppReport = 3,
    /// [`Log`](crate::device_to_gateway::Log).
    Log = 4,
    /// [`Metrics`](crate::device_to_gateway::Metrics).
    Metrics = 5,
    /// [`Reply`](crate::device_to_gateway::Reply).
    Reply = 6,
    /// [`AppSamples`](crate::device_to_gateway::AppSamples).
    AppSamples = 7,
    /// [`Enrolled`](crate::gateway_to_device::Enrolled).
    Enrolled = 128,
    /// [`EnrollRefused`](crate::gateway_to_device::EnrollRefused).
    EnrollRefused = 129,
    /// [`Welcome`](crate::gateway_to_device::Welcome).
    Welcome = 130,
    /// [`PackageBegin`](crate::gateway_to_device::PackageBegin); answered by a reply.
    PackageBegin = 131,
    /// [`PackageChunk`](crate::gateway_to_device::PackageChunk); answered by a reply.
    PackageChunk = 132,
    /// [`PackageCommit`](crate::gateway_to_device::PackageCommit); answered by a reply.
    PackageCommit = 133,
    /// [`AppRequest`](crate::gateway_to_device::AppRequest): start; answered by a reply.
    AppStart = 134,
    /// [`AppRequest`](crate::gateway_to_device::AppRequest): stop; answered by a reply.
    AppStop = 135,
    /// [`AppRequest`](crate::gateway_to_device::AppRequest): remove; answered by a reply.
    AppRemove = 136,
    /// [`Configure`](crate::gateway_to_device::Configure); answered by a reply.
    Configure = 137,
    /// [`Ping`](crate::gateway_to_device::Ping); answered by a reply.
    Ping = 138,
    /// No body: forget identity and apps and restart blank; answered by a reply before it happens.
    Wipe = 139,
    /// No body: give up the transfer under way; answered by a reply.
    PackageAbort = 140,
}

impl Kind {
    const ALL: [Self; 20] = [
        Self::EnrollRequest,
        Self::Hello,
        Self::AppReport,
        Self::Log,
        Self::Metrics,
        Self::Reply,
        Self::AppSamples,
        Self::Enrolled,
        Self::EnrollRefused,
        Self::Welcome,
        Self::PackageBegin,
        Self::PackageChunk,
        Self::PackageCommit,
        Self::AppStart,
        Self::AppStop,
        Self::AppRemove,
        Self::Configure,
        Self::Ping,
        Self::Wipe,
        Self::PackageAbort,
    ];

    /// The kind with this number; `None` if this version does not know it.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }
}

/// The first step of decoding: version, id and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Protocol version of the sender.
    pub version: u16,
    /// Correlates a reply with its request; 0 where no answer is expected.
    pub id: u32,
    /// Number of the kind; see [`Kind::from_number`].
    pub kind: u16,
    /// The body, not decoded yet; empty if there is none.
    pub body: &'a [u8],
}

/// Why bytes are not an envelope or a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Not an array that begins with version, id and kind.
    Envelope,
    /// The body does not have the form of its kind.
    Body,
    /// Longer than [`MAX_MESSAGE_BYTES`].
    TooLong,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Envelope => "the message has no valid envelope",
            Self::Body => "the message's body has not the form of its kind",
            Self::TooLong => "the message is too long",
        })
    }
}

impl core::error::Error for DecodeError {}

/// The message did not fit [`MAX_MESSAGE_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError;

impl<'a> Envelope<'a> {
    /// Reads version, id and kind, and leaves the body undecoded.
    ///
    /// # Errors
    /// [`DecodeError::Envelope`] or [`DecodeError::TooLong`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(DecodeError::TooLong);
        }
        let mut decoder = Decoder::new(bytes);
        let mut read = || -> Result<(u64, u16, u32, u16), minicbor::decode::Error> {
            let length = decoder.array()?.unwrap_or(0);
            Ok((length, decoder.u16()?, decoder.u32()?, decoder.u16()?))
        };
        let (length, version, id, kind) = read().map_err(|_| DecodeError::Envelope)?;
        if !(3..=4).contains(&length) {
            return Err(DecodeError::Envelope);
        }
        let body = if length == 4 { &bytes[decoder.position()..] } else { &[] };
        Ok(Self {
            version,
            id,
            kind,
            body,
        })
    }

    /// Reads the body as the type that belongs to the kind.
    ///
    /// # Errors
    /// [`DecodeError::Body`].
    pub fn body<T: minicbor::Decode<'a, ()>>(&self) -> Result<T, DecodeError> {
        let mut decoder = Decoder::new(self.body);
        let body = decoder.decode().map_err(|_| DecodeError::Body)?;
        if decoder.position() == self.body.len() {
            Ok(body)
        } else {
            Err(DecodeError::Body)
        }
    }
}

/// Writes a message with a body into a buffer, without the length that precedes it in the stream.
///
/// # Errors
/// [`EncodeError`] if it does not fit [`MAX_MESSAGE_BYTES`].
pub fn encode<T: Encode<()>>(kind: Kind, id: u32, body: &T) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = header(4, kind, id);
    encoder.encode(body).map_err(|_| EncodeError)?;
    finish(encoder)
}

/// Writes a message without a body.
pub fn encode_empty(kind: Kind, id: u32) -> Vec<u8> {
    header(3, kind, id).into_writer()
}

fn header(length: u64, kind: Kind, id: u32) -> Encoder<Vec<u8>> {
    let mut encoder = Encoder::new(Vec::new());
    let written = encoder
        .array(length)
        .and_then(|e| e.u16(PROTOCOL_VERSION))
        .and_then(|e| e.u32(id))
        .and_then(|e| e.u16(kind as u16))
        .is_ok();
    debug_assert!(written, "writing to a Vec cannot fail");
    encoder
}

fn finish(encoder: Encoder<Vec<u8>>) -> Result<Vec<u8>, EncodeError> {
    let bytes = encoder.into_writer();
    if bytes.len() > MAX_MESSAGE_BYTES {
        Err(EncodeError)
    } else {
        Ok(bytes)
    }
}
