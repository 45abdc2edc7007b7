//! The gateway's certificates, created for each test.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

/// The name in the gateway's certificate.
pub const GATEWAY_NAME: &str = "gateway-test.drydock";

/// A certificate authority.
pub struct Authority {
    /// Its certificate.
    pub der: CertificateDer<'static>,
    /// Its name and key, to sign with.
    pub issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Identity {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// The key.
    pub key: KeyPair,
}

impl Identity {
    /// The key as rustls wants it.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn pin(&self) -> [u8; 32] {
        Sha256::digest(self.key.subject_public_key_info()).into()
    }
}

/// Root, intermediate authority and gateway.
pub struct Pki {
    /// The anchor that devices are given.
    pub root: Authority,
    /// Signs the certificates of gateway and devices.
    pub intermediate: Authority,
    /// The gateway's own certificate.
    pub gateway: Identity,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// New keys and certificates.
    pub fn new() -> Self {
        let root = root("Drydock Test Root");
        let intermediate = intermediate(&root, |_| {});
        let gateway = server(&intermediate, |_| {});
        Self {
            root,
            intermediate,
            gateway,
        }
    }

    /// The chain that the gateway shows.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.gateway.der.clone(), self.intermediate.der.clone()]
    }

    /// The certificate for a device's request, and the common name it asked for.
    pub fn certify(&self, csr: &[u8]) -> (Vec<u8>, String) {
        // Checks the request's signature too.
        let mut request = CertificateSigningRequestParams::from_der(&csr.into()).expect("a valid request");
        let name = match request.params.distinguished_name.get(&DnType::CommonName) {
            Some(rcgen::DnValue::Utf8String(name)) => name.clone(),
            other => panic!("common name {other:?}"),
        };
        request.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = request.signed_by(&self.intermediate.issuer).expect("signs");
        (certificate.der().to_vec(), name)
    }
}

/// A new P-256 key.
pub fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

/// Parameters of a certificate with this common name, valid from 2024 to 2034.
pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2034, 1, 1);
    params
}

/// A root authority.
pub fn root(name: &str) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = key();
    let der = params.self_signed(&key).expect("signs").der().clone();
    Authority {
        der,
        issuer: Issuer::new(params, key),
    }
}

/// An authority below the root, as the test alters it.
pub fn intermediate(root: &Authority, alter: impl FnOnce(&mut CertificateParams)) -> Authority {
    let mut params = params("Drydock Test Intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    alter(&mut params);
    let key = key();
    let der = params.signed_by(&key, &root.issuer).expect("signs").der().clone();
    Authority {
        der,
        issuer: Issuer::new(params, key),
    }
}

/// A gateway's certificate, as the test alters it.
pub fn server(issuer: &Authority, alter: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(vec![GATEWAY_NAME.to_string()]).expect("parameters");
    params
        .distinguished_name
        .push(DnType::CommonName, "Drydock Test Gateway");
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2034, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    alter(&mut params);
    let key = key();
    let der = params.signed_by(&key, &issuer.issuer).expect("signs").der().clone();
    Identity { der, key }
}
