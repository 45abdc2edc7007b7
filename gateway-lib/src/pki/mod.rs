//! The gateway's keys and certificates: root → intermediate (pathLen 0) → gateway and device certificates, all P-256 with
//! ECDSA and SHA-256, and the publisher's key that signs packages.
//!
//! The root's private key is needed once, to issue the intermediate; it is kept beside the others so that it can be
//! exported and put away, and nothing here reads it again.

mod audit_key;
mod certificate;
mod files;
mod identity;
mod verifier;

pub(crate) use audit_key::{AuditSigner, AuditVerifier};
pub(crate) use certificate::{IssuedCertificate, parse_request};
pub(crate) use identity::{DeviceCertificate, TrustedDevices};
pub(crate) use verifier::DeviceVerifier;

use crate::{domain::DeviceId, domain::Digest, error::OpenError, store::file_error};
use certificate::{gateway_params, intermediate_params, root_params};
use files::KeyFiles;
use rcgen::{CertifiedIssuer, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::CertificateDer;
use std::{path::Path, sync::Arc};

/// Everything that issues and signs.
pub(crate) struct Authority {
    /// Gateway id: the first 8 bytes of the SHA-256 of the root's key, hexadecimal.
    pub(crate) id: String,
    /// Root certificate.
    pub(crate) root: CertificateDer<'static>,
    /// Intermediate certificate.
    pub(crate) intermediate: CertificateDer<'static>,
    /// Gateway certificate.
    pub(crate) gateway: CertificateDer<'static>,
    /// SHA-256 of the gateway's SubjectPublicKeyInfo.
    pub(crate) gateway_pin: Digest,
    /// PKCS#8 of the gateway's key.
    pub(crate) gateway_key: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    publisher: EcdsaKeyPair,
    random: ring::rand::SystemRandom,
}

impl Authority {
    /// Reads the keys of a data directory, or creates them if there are none.
    pub(crate) fn open(directory: &Path, now_unix_ms: u64) -> Result<Self, OpenError> {
        let keys_error = |reason: String| OpenError::Keys {
            path: directory.to_owned(),
            reason,
        };
        if !directory.exists() {
            let files = Self::create().map_err(keys_error)?;
            // Nothing is lost yet: a full disk is told as one.
            files
                .write(directory)
                .map_err(|error| OpenError::Store(file_error(directory, error)))?;
        }
        let files = KeyFiles::read(directory).map_err(keys_error)?;
        Self::load(&files, directory, now_unix_ms).map_err(keys_error)
    }

    /// Server name in the gateway's certificate.
    pub(crate) fn gateway_name(&self) -> String {
        gateway_name(&self.id)
    }

    /// The publisher's public key, SEC1 uncompressed.
    pub(crate) fn publisher_key(&self) -> &[u8] {
        self.publisher.public_key().as_ref()
    }

    /// An ES256 signature: r and s, 32 bytes each.
    pub(crate) fn sign_as_publisher(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let signature = self.publisher.sign(&self.random, message)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Issues a certificate to a device's key (SubjectPublicKeyInfo, DER).
    pub(crate) fn issue_device(
        &self,
        device: &DeviceId,
        public_key: &rcgen::SubjectPublicKeyInfo,
    ) -> Result<IssuedCertificate, rcgen::Error> {
        certificate::issue_device(&self.issuer, &self.gateway_name(), device, public_key)
    }

    fn create() -> Result<KeyFiles, String> {
        let text = |error: rcgen::Error| error.to_string();
        let [root_key, intermediate_key, gateway_key, publisher_key] = [(); 4].map(|()| KeyPair::generate());
        let (root_key, intermediate_key) = (root_key.map_err(text)?, intermediate_key.map_err(text)?);
        let (gateway_key, publisher_key) = (gateway_key.map_err(text)?, publisher_key.map_err(text)?);
        let id = gateway_id(&root_key);
        let mut files = KeyFiles {
            root_key: Some(root_key.serialize_pem()),
            intermediate_key: intermediate_key.serialize_pem(),
            gateway_key: gateway_key.serialize_pem(),
            publisher_key: publisher_key.serialize_pem(),
            ..KeyFiles::default()
        };
        let root = CertifiedIssuer::self_signed(root_params(&id), root_key).map_err(text)?;
        let intermediate =
            CertifiedIssuer::signed_by(intermediate_params(&id), intermediate_key, &root).map_err(text)?;
        let gateway = gateway_params(&gateway_name(&id))
            .map_err(text)?
            .signed_by(&gateway_key, &intermediate)
            .map_err(text)?;
        files.root = root.pem();
        files.intermediate = intermediate.pem();
        files.gateway = gateway.pem();
        Ok(files)
    }

    fn load(files: &KeyFiles, directory: &Path, now_unix_ms: u64) -> Result<Self, String> {
        let text = |error: rcgen::Error| error.to_string();
        let root = files::certificate("root.crt.pem", &files.root)?;
        let intermediate = files::certificate("intermediate.crt.pem", &files.intermediate)?;
        let mut gateway = files::certificate("gateway.crt.pem", &files.gateway)?;
        let intermediate_key = KeyPair::from_pem(&files.intermediate_key).map_err(text)?;
        let gateway_key = KeyPair::from_pem(&files.gateway_key).map_err(text)?;
        let publisher_key = KeyPair::from_pem(&files.publisher_key).map_err(text)?;
        let id = certificate::root_id(&root)?;
        certificate::check_belongs(&intermediate, &intermediate_key, "intermediate")?;
        certificate::check_belongs(&gateway, &gateway_key, "gateway")?;
        let random = ring::rand::SystemRandom::new();
        let publisher = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            publisher_key.serialized_der(),
            &random,
        )
        .map_err(|error| format!("publisher.key.pem: {error}"))?;
        let issuer = Issuer::from_ca_cert_der(&intermediate, intermediate_key).map_err(text)?;
        if certificate::needs_renewal(&gateway, now_unix_ms)? {
            // The same key again: devices pin it.
            let renewed = certificate::gateway_params_at(&gateway_name(&id), now_unix_ms)
                .map_err(text)?
                .signed_by(&gateway_key, &issuer)
                .map_err(text)?;
            files::replace(directory, "gateway.crt.pem", &renewed.pem()).map_err(|error| error.to_string())?;
            gateway = renewed.der().clone();
        }
        Ok(Self {
            id,
            gateway_pin: certificate::pin(&gateway_key),
            gateway_key: gateway_key.serialize_der(),
            root,
            intermediate,
            gateway,
            issuer,
            publisher,
            random,
        })
    }
}

/// The TLS verifier of devices for this authority.
pub(crate) fn device_verifier(
    authority: &Authority,
    trusted: Arc<TrustedDevices>,
) -> Result<Arc<DeviceVerifier>, webpki::Error> {
    DeviceVerifier::new(
        &authority.root,
        authority.intermediate.clone(),
        authority.gateway_name(),
        trusted,
    )
    .map(Arc::new)
}

fn gateway_name(id: &str) -> String {
    format!("gw-{id}.drydock")
}

fn gateway_id(root_key: &KeyPair) -> String {
    debug_assert!(root_key.is_compatible(&PKCS_ECDSA_P256_SHA256));
    hex::encode(&certificate::pin(root_key).0[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21, in milliseconds since the Unix epoch.
    const NOW_MS: u64 = 1_795_219_200_000;

    #[test]
    fn an_enrollment_answer_fits_one_message() {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::open(&directory.path().join("pki"), NOW_MS).expect("keys");
        let key = KeyPair::generate().expect("a key");
        let public = rcgen::SubjectPublicKeyInfo::from_der(&rcgen::PublicKeyData::subject_public_key_info(&key));
        let device = DeviceId::from("dev-0123456789abcdef");
        let issued = authority
            .issue_device(&device, &public.expect("a public key"))
            .expect("a certificate");
        let enrolled = drydock_protocol::gateway_to_device::Enrolled {
            device_id: device.0,
            certificate: issued.der.to_vec(),
            intermediate: authority.intermediate.to_vec(),
            gateway_pin: authority.gateway_pin.0,
            publisher_key: authority.publisher_key().to_vec(),
            time_ms: u64::MAX,
        };
        let kind = drydock_protocol::envelope::Kind::Enrolled;
        assert!(drydock_protocol::envelope::encode(kind, u32::MAX, &enrolled).is_ok());
    }
}
