//! The device's identity: the key that it generated, and the result of enrollment. Stored in
//! [`records`](crate::records).

use crate::{
    board::BoardRef,
    curve::{self, DerSignature, PUBLIC_KEY_BYTES},
    records::{Key, Records},
};
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};
use p256::{FieldBytes, NonZeroScalar, elliptic_curve::PrimeField as _};
use sha2::{Digest as _, Sha256};

/// An encoded [`Identity`] is seldom longer than this.
const USUAL_IDENTITY_BYTES: usize = 1280;

/// The device's P-256 key. It never leaves the device.
pub struct DeviceKey {
    secret: NonZeroScalar,
    /// Stored beside the secret: computing it costs as much as a signature.
    public: [u8; PUBLIC_KEY_BYTES],
}

impl DeviceKey {
    /// The stored key, or on a blank device a new one, stored before it is used.
    ///
    /// # Errors
    /// [`FlashError`](crate::board::FlashError) if a new key cannot be stored.
    pub(crate) fn load_or_create(board: BoardRef, records: &mut Records) -> Result<Self, crate::board::FlashError> {
        if let Some(key) = records.read(&Key::DeviceKey).and_then(|bytes| Self::from_bytes(&bytes)) {
            return Ok(key);
        }
        let key = Self::generate(board);
        records.write(&Key::DeviceKey, &key.to_bytes())?;
        Ok(key)
    }

    fn generate(board: BoardRef) -> Self {
        let secret = loop {
            let mut bytes = FieldBytes::default();
            board.fill_random(&mut bytes);
            // A candidate that is 0 or not below the group order is discarded (FIPS 186-5, A.2.2).
            if let Some(secret) = Option::from(NonZeroScalar::from_repr(bytes)) {
                break secret;
            }
        };
        let public = curve::public_key(&secret);
        Self { secret, public }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.secret.to_repr().to_vec();
        bytes.extend_from_slice(&self.public);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (secret, public) = bytes.split_at_checked(32)?;
        Some(Self {
            secret: Option::from(NonZeroScalar::from_repr(FieldBytes::clone_from_slice(secret)))?,
            public: public.try_into().ok()?,
        })
    }

    /// The public key, SEC1 uncompressed.
    pub fn public(&self) -> &[u8] {
        &self.public
    }
}

impl signature::Signer<DerSignature> for DeviceKey {
    /// ECDSA over SHA-256 with the nonce of RFC 6979.
    fn try_sign(&self, message: &[u8]) -> Result<DerSignature, signature::Error> {
        Ok(curve::sign(&self.secret, message)?.to_der())
    }
}

/// The result of enrollment, as one record: it is stored completely or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Identity {
    /// Name in the gateway's registry.
    #[n(0)]
    pub device_id: String,
    /// The device's certificate (DER).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The gateway's root certificate (DER).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub anchor: Vec<u8>,
    /// Server name in the gateway's certificate.
    #[n(3)]
    pub gateway_name: String,
    /// SHA-256 of the gateway's SubjectPublicKeyInfo.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub gateway_pin: [u8; 32],
    /// The publisher's key, SEC1 uncompressed.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub publisher_key: Vec<u8>,
    /// SHA-256 of the certificates whose signatures were verified up to the anchor during enrollment.
    #[n(6)]
    pub verified: Vec<Digest>,
}

/// SHA-256 of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Digest(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl Identity {
    /// The stored identity, if the device is enrolled.
    pub(crate) fn load(records: &Records) -> Option<Self> {
        minicbor::decode(&records.read(&Key::Identity)?).ok()
    }

    /// Stores the identity.
    ///
    /// # Errors
    /// [`FlashError`](crate::board::FlashError) if flash fails.
    pub(crate) fn store(&self, records: &mut Records) -> Result<(), crate::board::FlashError> {
        // Allocated with the usual length at once: growth by doubling would briefly take three times that.
        let mut bytes = Vec::with_capacity(USUAL_IDENTITY_BYTES);
        minicbor::encode(self, &mut bytes).map_err(|_| crate::board::FlashError)?;
        records.write(&Key::Identity, &bytes)
    }
}
