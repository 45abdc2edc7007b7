//! The signed envelope of a manifest: a COSE_Sign1 (RFC 9052, section 4.2) with ES256 (RFC 9053, section 2.1).
//!
//! Only one form is written and accepted: tag 18, definite lengths, the protected header `{1: -7}`, no unprotected
//! header, the manifest's CBOR as payload, a signature of 64 bytes. Every other form of COSE is refused, so that two
//! parsers cannot disagree. No cryptography lives here: a caller verifies [`SignedManifest::sig_structure`] with the
//! publisher's key, and only then reads [`SignedManifest::manifest`].

use crate::{
    limits::MAX_ENVELOPE_BYTES,
    manifest::{Manifest, ManifestError},
};
use alloc::vec::Vec;
use minicbor::{Decoder, Encoder, data::Tag};

/// CBOR tag of COSE_Sign1 (RFC 9052, section 2).
pub const COSE_SIGN1_TAG: u64 = 18;

/// The protected header: algorithm (1) is ES256 (-7).
pub const PROTECTED: [u8; 3] = [0xA1, 0x01, 0x26];

/// Length of an ES256 signature: r and s, big-endian, 32 bytes each.
pub const SIGNATURE_BYTES: usize = 64;

/// A manifest with its signature, neither verified nor decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedManifest<'a> {
    /// The protected header, in its signed form.
    pub protected: &'a [u8],
    /// The CBOR of the manifest, in its signed form.
    pub payload: &'a [u8],
    /// The signature.
    pub signature: &'a [u8; SIGNATURE_BYTES],
}

/// Why bytes are not a signed manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE_BYTES`].
    TooLong,
    /// Not a COSE_Sign1 of the only accepted form.
    Form,
    /// Another algorithm, or more in the header than the algorithm.
    Header,
    /// The signature has not [`SIGNATURE_BYTES`] bytes.
    Signature,
}

impl core::fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => write!(f, "the signed manifest is longer than {MAX_ENVELOPE_BYTES} bytes"),
            Self::Form => f.write_str("the signed manifest is not a COSE_Sign1 with a payload"),
            Self::Header => f.write_str("the signed manifest's header is not that of ES256"),
            Self::Signature => f.write_str("the signature has not 64 bytes"),
        }
    }
}

impl core::error::Error for EnvelopeError {}

/// Reads a signed manifest without verifying it.
///
/// # Errors
/// [`EnvelopeError`] if the bytes are anything but exactly one envelope of the accepted form.
pub fn parse(bytes: &[u8]) -> Result<SignedManifest<'_>, EnvelopeError> {
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(EnvelopeError::TooLong);
    }
    let mut decoder = Decoder::new(bytes);
    let mut read = || {
        let tag = decoder.tag()?.as_u64();
        let parts = decoder.array()?;
        let protected = decoder.bytes()?;
        let unprotected = decoder.map()?;
        let payload = decoder.bytes()?;
        let signature = decoder.bytes()?;
        Ok::<_, minicbor::decode::Error>((tag, parts, protected, unprotected, payload, signature))
    };
    let (tag, parts, protected, unprotected, payload, signature) = read().map_err(|_| EnvelopeError::Form)?;
    if tag != COSE_SIGN1_TAG || parts != Some(4) || decoder.position() != bytes.len() {
        return Err(EnvelopeError::Form);
    }
    if protected != PROTECTED || unprotected != Some(0) {
        return Err(EnvelopeError::Header);
    }
    Ok(SignedManifest {
        protected,
        payload,
        signature: signature.try_into().map_err(|_| EnvelopeError::Signature)?,
    })
}

impl SignedManifest<'_> {
    /// The bytes that the signature covers; their SHA-256 is what ES256 signs.
    pub fn sig_structure(&self) -> Vec<u8> {
        sig_structure(self.payload)
    }

    /// The manifest, decoded and checked. Verify the signature first.
    ///
    /// # Errors
    /// [`ManifestError`] if the payload is no manifest or one that no device accepts.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        Manifest::from_bytes(self.payload)
    }
}

/// The bytes to sign for a payload: the `Sig_structure` of RFC 9052, section 4.4, with an empty `external_aad`.
pub fn sig_structure(payload: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(payload.len() + 24));
    let written = encoder
        .array(4)
        .and_then(|e| e.str("Signature1"))
        .and_then(|e| e.bytes(&PROTECTED))
        .and_then(|e| e.bytes(&[]))
        .and_then(|e| e.bytes(payload));
    finished(written.is_ok(), encoder)
}

/// The envelope of a payload and its signature.
///
/// # Errors
/// [`EnvelopeError::TooLong`].
pub fn seal(payload: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Vec<u8>, EnvelopeError> {
    let mut encoder = Encoder::new(Vec::with_capacity(payload.len() + 80));
    let written = encoder
        .tag(Tag::new(COSE_SIGN1_TAG))
        .and_then(|e| e.array(4))
        .and_then(|e| e.bytes(&PROTECTED))
        .and_then(|e| e.map(0))
        .and_then(|e| e.bytes(payload))
        .and_then(|e| e.bytes(signature));
    let bytes = finished(written.is_ok(), encoder);
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(EnvelopeError::TooLong);
    }
    Ok(bytes)
}

fn finished(written: bool, encoder: Encoder<Vec<u8>>) -> Vec<u8> {
    debug_assert!(written, "writing to a Vec cannot fail");
    encoder.into_writer()
}
