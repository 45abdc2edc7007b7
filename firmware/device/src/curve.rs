//! The curve P-256: public keys, ECDSA signatures over SHA-256. The key exchange of TLS is in `embedded-tls`.
//!
//! Cortex-M4 boards use the assembly library `p256-cm4` (feature `cortex-m4`), which takes a tenth of the time. All other
//! boards and the host use `p256`. Both give the same signatures.

#[cfg(all(feature = "cortex-m4", target_arch = "arm"))]
use cortex_m4 as arithmetic;
#[cfg(not(all(feature = "cortex-m4", target_arch = "arm")))]
use portable as arithmetic;

use p256::{NonZeroScalar, ecdsa};
use sha2::{Digest as _, Sha256};

/// SEC1 uncompressed point.
pub(crate) const PUBLIC_KEY_BYTES: usize = 65;

/// A point on the curve, as it was received.
pub(crate) struct PublicKey(ecdsa::VerifyingKey);

impl PublicKey {
    /// Reads a SEC1 point. `None` if it is malformed or not on the curve.
    pub(crate) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok().map(Self)
    }

    /// Whether the key's owner signed the message. The signature is `r` and `s`, 32 bytes each.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        ecdsa::Signature::from_slice(signature).is_ok_and(|signature| self.signed(message, &signature))
    }

    /// [`Self::verify`] for a signature in DER (RFC 3279, section 2.2.3).
    pub(crate) fn verify_der(&self, message: &[u8], signature: &[u8]) -> bool {
        ecdsa::Signature::from_der(signature).is_ok_and(|signature| self.signed(message, &signature))
    }

    fn signed(&self, message: &[u8], signature: &ecdsa::Signature) -> bool {
        arithmetic::verify(&self.0, &Sha256::digest(message).into(), signature)
    }
}

/// The public key of a secret.
pub(crate) fn public_key(secret: &NonZeroScalar) -> [u8; PUBLIC_KEY_BYTES] {
    arithmetic::public_key(secret)
}

/// Signs with the nonce of RFC 6979.
///
/// # Errors
/// The nonce gives no signature; this happens once in 2^128 messages at most.
pub(crate) fn sign(secret: &NonZeroScalar, message: &[u8]) -> Result<ecdsa::Signature, signature::Error> {
    arithmetic::sign(secret, &Sha256::digest(message).into())
}

#[cfg(not(all(feature = "cortex-m4", target_arch = "arm")))]
mod portable {
    use super::PUBLIC_KEY_BYTES;
    use ::ecdsa::hazmat::{SignPrimitive as _, VerifyPrimitive as _};
    use p256::{NonZeroScalar, PublicKey, ecdsa, elliptic_curve::sec1::ToEncodedPoint as _};
    use sha2::Sha256;

    pub(super) fn verify(key: &ecdsa::VerifyingKey, digest: &[u8; 32], signature: &ecdsa::Signature) -> bool {
        key.as_affine().verify_prehashed(digest.into(), signature).is_ok()
    }

    pub(super) fn public_key(secret: &NonZeroScalar) -> [u8; PUBLIC_KEY_BYTES] {
        let mut public = [0; PUBLIC_KEY_BYTES];
        let point = PublicKey::from_secret_scalar(secret).to_encoded_point(false);
        public.copy_from_slice(point.as_bytes());
        public
    }

    pub(super) fn sign(secret: &NonZeroScalar, digest: &[u8; 32]) -> Result<ecdsa::Signature, signature::Error> {
        let (signature, _) = secret.try_sign_prehashed_rfc6979::<Sha256>(digest.into(), &[])?;
        Ok(signature)
    }
}

#[cfg(all(feature = "cortex-m4", target_arch = "arm"))]
mod cortex_m4 {
    use super::PUBLIC_KEY_BYTES;
    use p256::{
        FieldBytes, NistP256, NonZeroScalar, ecdsa,
        elliptic_curve::{Curve as _, FieldBytesEncoding as _, PrimeField as _, sec1::ToEncodedPoint as _},
    };
    use sha2::Sha256;

    /// A number of 256 bits as the library has it: 32-bit words, the lowest first.
    type Words = [u32; 8];

    pub(super) fn verify(key: &ecdsa::VerifyingKey, digest: &[u8; 32], signature: &ecdsa::Signature) -> bool {
        let point = key.to_encoded_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else {
            return false;
        };
        let (r, s) = signature.split_bytes();
        p256_cm4::verify(&words(x), &words(y), digest, &words(&r), &words(&s))
    }

    pub(super) fn public_key(secret: &NonZeroScalar) -> [u8; PUBLIC_KEY_BYTES] {
        let (mut x, mut y) = (Words::default(), Words::default());
        let computed = p256_cm4::keygen(&mut x, &mut y, &words(&secret.to_repr()));
        debug_assert!(computed, "the scalar is below the order and not 0");
        let mut public = [0; PUBLIC_KEY_BYTES];
        p256_cm4::point_to_octet_string_uncompressed(&mut public, &x, &y);
        public
    }

    pub(super) fn sign(secret: &NonZeroScalar, digest: &[u8; 32]) -> Result<ecdsa::Signature, signature::Error> {
        let secret = secret.to_repr();
        let order = NistP256::ORDER.encode_field_bytes();
        let nonce = rfc6979::generate_k::<Sha256, _>(&secret, &order, digest.into(), &[]);
        let (mut r, mut s) = (Words::default(), Words::default());
        if !p256_cm4::sign(&mut r, &mut s, digest, &words(&secret), &words(&nonce)) {
            return Err(signature::Error::new());
        }
        ecdsa::Signature::from_scalars(bytes(&r), bytes(&s))
    }

    fn words(bytes: &FieldBytes) -> Words {
        let mut words = Words::default();
        for (word, bytes) in words.iter_mut().zip(bytes.rchunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        words
    }

    fn bytes(words: &Words) -> FieldBytes {
        let mut bytes = FieldBytes::default();
        for (bytes, word) in bytes.rchunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::{FieldBytes, elliptic_curve::PrimeField as _};

    fn secret() -> NonZeroScalar {
        // RFC 6979, A.2.5.
        const X: [u8; 32] = [
            0xC9, 0xAF, 0xA9, 0xD8, 0x45, 0xBA, 0x75, 0x16, 0x6B, 0x5C, 0x21, 0x57, 0x67, 0xB1, 0xD6, 0x93, 0x4E, 0x50,
            0xC3, 0xDB, 0x36, 0xE8, 0x9B, 0x12, 0x7B, 0x8A, 0x62, 0x2B, 0x12, 0x0F, 0x67, 0x21,
        ];
        Option::from(NonZeroScalar::from_repr(FieldBytes::from(X))).unwrap()
    }

    #[test]
    fn signs_as_the_rfc_does() {
        let public = public_key(&secret());
        assert_eq!(public[..5], [0x04, 0x60, 0xFE, 0xD4, 0xBA]);
        let signature = sign(&secret(), b"sample").unwrap();
        let bytes = signature.to_bytes();
        assert_eq!(bytes[..4], [0xEF, 0xD4, 0x8B, 0x2A]);
        assert_eq!(bytes[32..36], [0xF7, 0xCB, 0x1C, 0x94]);
        let key = PublicKey::from_sec1(&public).unwrap();
        assert!(key.verify(b"sample", &bytes));
        assert!(key.verify_der(b"sample", signature.to_der().as_bytes()));
        assert!(!key.verify(b"simple", &bytes));
        assert!(!key.verify_der(b"sample", &bytes));
    }

    #[test]
    fn a_point_off_the_curve_is_no_key() {
        let mut public = public_key(&secret());
        public[64] ^= 1;
        assert!(PublicKey::from_sec1(&public).is_none());
        assert!(PublicKey::from_sec1(&public[..64]).is_none());
    }
}
