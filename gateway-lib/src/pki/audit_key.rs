//! The key that signs the end of the audit trail: the gateway's.
//!
//! A hash chain alone is whole again when its tail is cut off, or when everything behind a changed entry is hashed anew. Both
//! need the key now. Who has the key too can be found out with a head that was written down elsewhere.

use super::{Authority, certificate, files};
use crate::domain::Digest;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey},
};
use std::path::Path;

/// Signs heads of the trail.
pub(crate) struct AuditSigner {
    key: EcdsaKeyPair,
    random: SystemRandom,
    verifier: AuditVerifier,
}

impl AuditSigner {
    pub(crate) fn new(authority: &Authority) -> Result<Self, String> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &authority.gateway_key, &random)
            .map_err(|error| format!("gateway.key.pem: {error}"))?;
        let verifier = AuditVerifier::of(&authority.gateway)?;
        Ok(Self { key, random, verifier })
    }

    /// An ES256 signature: r and s, 32 bytes each.
    pub(crate) fn sign(&self, entries: u64, hash: &Digest) -> Result<Vec<u8>, ring::error::Unspecified> {
        let signature = self.key.sign(&self.random, &message(entries, hash))?;
        Ok(signature.as_ref().to_vec())
    }

    pub(crate) fn verifier(&self) -> &AuditVerifier {
        &self.verifier
    }
}

/// Checks the signatures of heads.
pub(crate) struct AuditVerifier {
    public_key: Vec<u8>,
    /// SHA-256 of the key's SubjectPublicKeyInfo, which devices pin.
    pub(crate) pin: Digest,
}

impl AuditVerifier {
    /// Reads the gateway's certificate in a directory of keys.
    pub(crate) fn read(keys: &Path) -> Result<Self, String> {
        let name = "gateway.crt.pem";
        let text = std::fs::read_to_string(keys.join(name)).map_err(|error| format!("{name}: {error}"))?;
        Self::of(&files::certificate(name, &text)?)
    }

    fn of(certificate: &rustls::pki_types::CertificateDer<'_>) -> Result<Self, String> {
        let certificate = certificate::parse(certificate)?;
        Ok(Self {
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            pin: certificate::certificate_pin(&certificate),
        })
    }

    pub(crate) fn is_signed(&self, entries: u64, hash: &Digest, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key)
            .verify(&message(entries, hash), signature)
            .is_ok()
    }
}

fn message(entries: u64, hash: &Digest) -> Vec<u8> {
    [b"drydock-audit-head/1".as_slice(), &entries.to_be_bytes(), &hash.0].concat()
}
