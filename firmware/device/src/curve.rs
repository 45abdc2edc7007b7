//! The curve P-256: public keys, ECDSA signatures over SHA-256. The key exchange of TLS is in `embedded-tls`.
//!
//! Cortex-M4 boards use the assembly library `p256-cm4` (feature `cortex-m4`), which takes a tenth of the time. All other
//! boards and the host use `p256`. Both give the same signatures.

#[cfg(all(feature = "cortex-m4", target_arch = "arm"))]
use cortex_m4 as arithmetic;
#[cfg(not(all(feature = "cortex-m4", target_arch = "arm")))]
use portable as arithmetic;

use crate::der::{DerError, Reader, tag, write, write_bytes};
use alloc::vec::Vec;
use p256::NonZeroScalar;
use sha2::{Digest as _, Sha256};

/// SEC1 uncompressed point.
pub(crate) const PUBLIC_KEY_BYTES: usize = 65;

/// Length of `r` and of `s`.
const NUMBER_BYTES: usize = 32;
/// A signature in DER is at most this long.
const DER_SIGNATURE_BYTES: usize = 2 + 2 * (2 + 1 + NUMBER_BYTES);

/// Someone's public key, SEC1 uncompressed. Whether the point is on the curve is checked with each signature.
pub(crate) struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// Reads an uncompressed SEC1 point. `None` if the bytes have another form.
    pub(crate) fn from_sec1(bytes: &[u8]) -> Option<Self> {
        const UNCOMPRESSED: u8 = 4;
        let bytes: [u8; PUBLIC_KEY_BYTES] = bytes.try_into().ok()?;
        (bytes[0] == UNCOMPRESSED).then_some(Self(bytes))
    }

    /// Whether the key's owner signed the message. The signature is `r` and `s`, 32 bytes each.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature
            .try_into()
            .is_ok_and(|bytes| arithmetic::verify(&self.0, &Sha256::digest(message).into(), &Signature(bytes)))
    }

    /// [`Self::verify`] for a signature in DER (RFC 3279, section 2.2.3).
    pub(crate) fn verify_der(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.verify(message, &signature.0))
    }
}

/// `r` and `s` of a signature, big-endian.
pub(crate) struct Signature([u8; 2 * NUMBER_BYTES]);

impl Signature {
    fn from_der(der: &[u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(der);
        let mut numbers = outer.expect(tag::SEQUENCE)?.reader();
        outer.end()?;
        let mut bytes = [0; 2 * NUMBER_BYTES];
        for number in bytes.chunks_exact_mut(NUMBER_BYTES) {
            let digits = match numbers.expect(tag::INTEGER)?.content {
                // The shortest form: a leading zero only where the number would be negative without it.
                [0, digits @ ..] if digits.first().is_some_and(|first| *first >= 0x80) => digits,
                digits if digits.first().is_some_and(|first| (1..0x80).contains(first)) => digits,
                _ => return Err(DerError),
            };
            let start = NUMBER_BYTES.checked_sub(digits.len()).ok_or(DerError)?;
            number[start..].copy_from_slice(digits);
        }
        numbers.end()?;
        Ok(Self(bytes))
    }

    /// The signature in DER (RFC 3279, section 2.2.3).
    pub(crate) fn to_der(&self) -> DerSignature {
        let mut der = Vec::with_capacity(DER_SIGNATURE_BYTES);
        write(&mut der, tag::SEQUENCE, |out| {
            for number in self.0.chunks_exact(NUMBER_BYTES) {
                let mut digits = [0; 1 + NUMBER_BYTES];
                digits[1..].copy_from_slice(number);
                let zeros = number
                    .iter()
                    .take_while(|digit| **digit == 0)
                    .count()
                    .min(NUMBER_BYTES - 1);
                let is_negative = number.get(zeros).is_some_and(|digit| *digit >= 0x80);
                let start = 1 + zeros - usize::from(is_negative);
                write_bytes(out, tag::INTEGER, &digits[start..]);
            }
        });
        DerSignature(der)
    }
}

/// A signature in DER, as certificates, requests and TLS carry it.
pub struct DerSignature(Vec<u8>);

impl AsRef<[u8]> for DerSignature {
    fn as_ref(&self) -> &[u8] {
        &self.0
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
pub(crate) fn sign(secret: &NonZeroScalar, message: &[u8]) -> Result<Signature, signature::Error> {
    arithmetic::sign(secret, &Sha256::digest(message).into())
}

#[cfg(not(all(feature = "cortex-m4", target_arch = "arm")))]
mod portable {
    use super::{PUBLIC_KEY_BYTES, Signature};
    use ecdsa::hazmat::{SignPrimitive as _, VerifyPrimitive as _};
    use p256::{NonZeroScalar, PublicKey, elliptic_curve::sec1::ToEncodedPoint as _};
    use sha2::Sha256;

    pub(super) fn verify(key: &[u8; PUBLIC_KEY_BYTES], digest: &[u8; 32], signature: &Signature) -> bool {
        let (Ok(key), Ok(signature)) = (
            PublicKey::from_sec1_bytes(key),
            p256::ecdsa::Signature::from_slice(&signature.0),
        ) else {
            return false;
        };
        key.as_affine().verify_prehashed(digest.into(), &signature).is_ok()
    }

    pub(super) fn public_key(secret: &NonZeroScalar) -> [u8; PUBLIC_KEY_BYTES] {
        let mut public = [0; PUBLIC_KEY_BYTES];
        let point = PublicKey::from_secret_scalar(secret).to_encoded_point(false);
        public.copy_from_slice(point.as_bytes());
        public
    }

    pub(super) fn sign(secret: &NonZeroScalar, digest: &[u8; 32]) -> Result<Signature, signature::Error> {
        let (signature, _) = secret.try_sign_prehashed_rfc6979::<Sha256>(digest.into(), &[])?;
        Ok(Signature(signature.to_bytes().into()))
    }
}

#[cfg(all(feature = "cortex-m4", target_arch = "arm"))]
mod cortex_m4 {
    use super::{NUMBER_BYTES, PUBLIC_KEY_BYTES, Signature};
    use p256::{
        NistP256, NonZeroScalar,
        elliptic_curve::{Curve as _, FieldBytesEncoding as _, PrimeField as _},
    };
    use sha2::Sha256;

    /// A number of 256 bits as the library has it: 32-bit words, the lowest first.
    type Words = [u32; 8];

    pub(super) fn verify(key: &[u8; PUBLIC_KEY_BYTES], digest: &[u8; 32], signature: &Signature) -> bool {
        let (x, y) = key[1..].split_at(NUMBER_BYTES);
        let (r, s) = signature.0.split_at(NUMBER_BYTES);
        p256_cm4::verify(&words(x), &words(y), digest, &words(r), &words(s))
    }

    pub(super) fn public_key(secret: &NonZeroScalar) -> [u8; PUBLIC_KEY_BYTES] {
        let (mut x, mut y) = (Words::default(), Words::default());
        let is_computed = p256_cm4::keygen(&mut x, &mut y, &words(&secret.to_repr()));
        debug_assert!(is_computed, "the scalar is below the order and not 0");
        let mut public = [0; PUBLIC_KEY_BYTES];
        p256_cm4::point_to_octet_string_uncompressed(&mut public, &x, &y);
        public
    }

    pub(super) fn sign(secret: &NonZeroScalar, digest: &[u8; 32]) -> Result<Signature, signature::Error> {
        let secret = secret.to_repr();
        let order = NistP256::ORDER.encode_field_bytes();
        let nonce = rfc6979::generate_k::<Sha256, _>(&secret, &order, digest.into(), &[]);
        let (mut r, mut s) = (Words::default(), Words::default());
        if !p256_cm4::sign(&mut r, &mut s, digest, &words(&secret), &words(&nonce)) {
            return Err(signature::Error::new());
        }
        let mut signature = [0; 2 * NUMBER_BYTES];
        for (digits, word) in signature.chunks_exact_mut(4).zip(r.iter().rev().chain(s.iter().rev())) {
            digits.copy_from_slice(&word.to_be_bytes());
        }
        Ok(Signature(signature))
    }

    fn words(bytes: &[u8]) -> Words {
        let mut words = Words::default();
        for (word, bytes) in words.iter_mut().zip(bytes.rchunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use p256::FieldBytes;

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
        let bytes = signature.0;
        assert_eq!(bytes[..4], [0xEF, 0xD4, 0x8B, 0x2A]);
        assert_eq!(bytes[32..36], [0xF7, 0xCB, 0x1C, 0x94]);
        let key = PublicKey::from_sec1(&public).unwrap();
        assert!(key.verify(b"sample", &bytes));
        assert!(key.verify_der(b"sample", signature.to_der().as_ref()));
        assert!(!key.verify(b"simple", &bytes));
        assert!(!key.verify_der(b"sample", &bytes));
    }

    #[test]
    fn a_point_off_the_curve_signs_nothing() {
        let mut public = public_key(&secret());
        let signature = sign(&secret(), b"sample").unwrap().0;
        assert!(PublicKey::from_sec1(&public[..64]).is_none());
        public[64] ^= 1;
        assert!(!PublicKey::from_sec1(&public).unwrap().verify(b"sample", &signature));
        public[0] = 2;
        assert!(PublicKey::from_sec1(&public).is_none());
    }

    #[test]
    fn der_is_as_others_write_it() {
        for fill in [0x01, 0x7F, 0x80, 0xFF] {
            for zeros in [0, 1, 31] {
                let mut bytes = [fill; 2 * NUMBER_BYTES];
                bytes[..zeros].fill(0);
                let Ok(theirs) = p256::ecdsa::Signature::from_slice(&bytes) else {
                    continue; // not below the order
                };
                let ours = Signature(bytes).to_der();
                assert_eq!(ours.as_ref(), theirs.to_der().as_bytes(), "{bytes:02x?}");
                assert!(Signature::from_der(ours.as_ref()).is_ok_and(|read| read.0 == bytes));
            }
        }
    }

    #[test]
    fn only_the_shortest_der_is_read() {
        let check = |der: &[u8], expected: bool| {
            assert_eq!(Signature::from_der(der).is_ok(), expected, "{der:02x?}");
            assert_eq!(p256::ecdsa::Signature::from_der(der).is_ok(), expected, "{der:02x?}");
        };
        check(&[0x30, 6, 2, 1, 1, 2, 1, 2], true);
        check(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 2], true);
        check(&[0x30, 6, 2, 1, 1, 2, 1, 2, 0], false);
        check(&[0x30, 7, 2, 1, 1, 2, 1, 2, 0], false);
        check(&[0x30, 7, 2, 2, 0, 1, 2, 1, 2], false);
        check(&[0x30, 6, 2, 1, 0x80, 2, 1, 2], false);
        check(&[0x30, 6, 2, 1, 0, 2, 1, 2], false);
        check(&[0x30, 5, 2, 0, 2, 1, 2], false);
        check(&[0x30, 3, 2, 1, 1], false);
        let mut long = vec![0x30, 38, 2, 33];
        long.extend([1; 33]);
        long.extend([2, 1, 2]);
        check(&long, false);
    }
}
