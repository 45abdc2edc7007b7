//! The content of each certificate, and what is read from requests and certificates.
//!
//! Certificates are small: the gateway's whole first flight has to fit one TLS record. They begin at a fixed instant
//! in the past, because a device that was never connected knows no later time than its firmware's build.

use crate::domain::{DeviceId, Digest};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};

/// Start of validity of every certificate: 2025-01-01T00:00:00Z, before any firmware was built.
const NOT_BEFORE_UNIX_S: i64 = 1_735_689_600;
const ROOT_YEARS: i64 = 30;
const INTERMEDIATE_YEARS: i64 = 25;
const LEAF_YEARS: i64 = 20;
/// A gateway certificate that ends within a year is issued again.
const RENEW_BEFORE_DAYS: i64 = 365;

/// A certificate that was just issued.
#[derive(Debug, Clone)]
pub(crate) struct IssuedCertificate {
    pub(crate) der: CertificateDer<'static>,
    /// Serial number, hexadecimal.
    pub(crate) serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) key: Digest,
}

pub(super) fn root_params(id: &str) -> CertificateParams {
    issuer_params(params(&format!("Drydock root {id}"), begin(), ROOT_YEARS), 1)
}

pub(super) fn intermediate_params(id: &str) -> CertificateParams {
    issuer_params(params(&format!("Drydock CA {id}"), begin(), INTERMEDIATE_YEARS), 0)
}

pub(super) fn gateway_params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    gateway_params_from(name, begin())
}

pub(super) fn gateway_params_at(name: &str, now_unix_ms: u64) -> Result<CertificateParams, rcgen::Error> {
    gateway_params_from(name, instant(now_unix_ms) - Duration::days(1))
}

fn gateway_params_from(name: &str, not_before: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let name_for_clients = SanType::DnsName(name.try_into()?);
    let params = params(name, not_before, LEAF_YEARS);
    Ok(leaf_params(
        params,
        name_for_clients,
        ExtendedKeyUsagePurpose::ServerAuth,
    ))
}

fn issuer_params(mut params: CertificateParams, path_length: u8) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(mut params: CertificateParams, name: SanType, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    params.subject_alt_names = vec![name];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params
}

pub(super) fn issue_device(
    issuer: &Issuer<'_, KeyPair>,
    gateway_name: &str,
    device: &DeviceId,
    public_key: &SubjectPublicKeyInfo,
) -> Result<IssuedCertificate, rcgen::Error> {
    // Without basicConstraints, which means the same (RFC 5280, 4.2.1.9): the answer to an enrollment has to fit one message.
    let name = SanType::URI(super::identity::uri(gateway_name, device).try_into()?);
    let params = params(&device.0, begin(), LEAF_YEARS);
    let params = leaf_params(params, name, ExtendedKeyUsagePurpose::ClientAuth);
    let der = params.signed_by(public_key, issuer)?.der().clone();
    Ok(IssuedCertificate {
        der,
        serial: params
            .serial_number
            .map(|serial| hex::encode(serial.to_bytes()))
            .unwrap_or_default(),
        key: pin(public_key),
    })
}

/// Reads a PKCS#10 request: checks that the P-256 key in it has signed it, and returns that key and the CN.
pub(crate) fn parse_request(der: &[u8]) -> Result<(SubjectPublicKeyInfo, String), &'static str> {
    let (rest, request) =
        X509CertificationRequest::from_der(der).map_err(|_| "the certificate request has no valid form")?;
    if !rest.is_empty() {
        return Err("there is something behind the certificate request");
    }
    request
        .verify_signature()
        .map_err(|_| "the certificate request is not signed by the key that it carries")?;
    let info = &request.certification_request_info;
    let key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| "the key is of an unknown kind")?;
    if key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 || key.der_bytes().len() != 65 {
        return Err("the key is not a P-256 key in uncompressed form");
    }
    let name = info
        .subject
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok());
    Ok((key, name.unwrap_or_default().to_owned()))
}

/// SHA-256 of a SubjectPublicKeyInfo.
pub(super) fn pin(key: &impl PublicKeyData) -> Digest {
    hash(&key.subject_public_key_info())
}

/// SHA-256 of the SubjectPublicKeyInfo in a certificate.
pub(super) fn certificate_pin(certificate: &X509Certificate<'_>) -> Digest {
    hash(certificate.public_key().raw)
}

/// The gateway id that belongs to a root certificate.
pub(super) fn root_id(root: &CertificateDer<'_>) -> Result<String, String> {
    Ok(hex::encode(&certificate_pin(&parse(root)?).0[..8]))
}

pub(super) fn check_belongs(certificate: &CertificateDer<'_>, key: &KeyPair, name: &str) -> Result<(), String> {
    if certificate_pin(&parse(certificate)?) == pin(key) {
        Ok(())
    } else {
        Err(format!("{name}.key.pem does not belong to {name}.crt.pem"))
    }
}

pub(super) fn needs_renewal(certificate: &CertificateDer<'_>, now_unix_ms: u64) -> Result<bool, String> {
    let end = parse(certificate)?.validity().not_after.to_datetime();
    Ok(end - instant(now_unix_ms) < Duration::days(RENEW_BEFORE_DAYS))
}

pub(super) fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(certificate) {
        Ok((&[], parsed)) => Ok(parsed),
        _ => Err("a certificate has no valid form".to_owned()),
    }
}

fn params(common_name: &str, not_before: OffsetDateTime, years: i64) -> CertificateParams {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.not_before = not_before;
    params.not_after = not_before + Duration::days(365 * years);
    params.serial_number = Some(serial_number());
    params.distinguished_name = distinguished_name;
    params
}

/// 8 random bytes, positive and not zero (RFC 5280, 4.1.2.2).
fn serial_number() -> SerialNumber {
    let mut serial = crate::random::bytes::<8>();
    serial[0] = serial[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&serial)
}

fn begin() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(NOT_BEFORE_UNIX_S)
}

fn instant(unix_ms: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(i64::try_from(unix_ms).unwrap_or(i64::MAX))
}

fn hash(bytes: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest(hash)
}
