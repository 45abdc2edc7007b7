//! What an attacker can take from a board's flash: its identity, and certificates of their own in the form of the real
//! ones.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::{fs, path::Path};

/// PKCS#8 around a P-256 key (RFC 5208, RFC 5915): the bytes before the 32 bytes of the secret, and those between it
/// and the public key.
const BEFORE_SECRET: [u8; 36] = [
    0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20,
];
const BEFORE_PUBLIC: [u8; 5] = [0xa1, 0x44, 3, 0x42, 0];
/// Start of a P-256 key's bits in a certificate (RFC 5480): an uncompressed point follows.
const BEFORE_POINT: [u8; 12] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42];
/// Start of a certificate after its outer headers (RFC 5280): version 3, and the serial number's tag.
const BEFORE_SERIAL: [u8; 6] = [0xa0, 3, 2, 1, 2, 2];

/// The bytes of an area in `flash.bin`: after its name come its size and the number of its pages, then for each page
/// its offset and its bytes.
fn area_of(file: &[u8], name: &[u8]) -> Vec<u8> {
    const PAGE_BYTES: usize = 1024;
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let header = behind(file, name).expect("the area is in the file");
    let mut flash = vec![0xff; number(header)];
    for page in 0..number(header + 4) {
        let at = header + 8 + page * (4 + PAGE_BYTES);
        let offset = number(at);
        flash[offset..offset + PAGE_BYTES].copy_from_slice(&file[at + 4..][..PAGE_BYTES]);
    }
    flash
}

/// The identity of a board.
pub(crate) struct Stolen {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pub(crate) device: String,
    pub(crate) gateway: String,
    serial: Vec<u8>,
}

impl Stolen {
    /// Reads it from the flash of a board that is switched off.
    pub(crate) fn from_flash(files: &Path) -> Self {
        let flash = area_of(&fs::read(files.join("flash.bin")).unwrap(), b"identity");
        let certificate = certificate_in(&flash).expect("there is a device's certificate in flash");
        let point = behind(&certificate, &BEFORE_POINT).expect("it has a P-256 key");
        let public = &certificate[point + 1..point + 66];
        // The device keeps the point behind its secret.
        let stored = find(&flash, public).expect("its key is in flash, before the certificate");
        let secret = &flash[stored - 32..stored];
        let key = [&BEFORE_SECRET[..], secret, &BEFORE_PUBLIC, public].concat();
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key)).expect("secret and point belong together");

        let (gateway, device) = names(&certificate);
        let at = behind(&certificate, &BEFORE_SERIAL).unwrap();
        let serial = certificate[at + 1..][..usize::from(certificate[at])].to_vec();
        Self {
            certificate: CertificateDer::from(certificate),
            key,
            device,
            gateway,
            serial,
        }
    }

    /// The key once more.
    pub(crate) fn key(&self) -> KeyPair {
        KeyPair::try_from(self.key.serialize_der()).unwrap()
    }

    /// The content of its certificate.
    pub(crate) fn params(&self) -> CertificateParams {
        self.params_of(&self.device)
    }

    /// The same for another device.
    pub(crate) fn params_of(&self, device: &str) -> CertificateParams {
        let mut params = leaf(device, ExtendedKeyUsagePurpose::ClientAuth);
        let uri = format!("spiffe://{}/device/{device}", self.gateway);
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.serial_number = Some(SerialNumber::from_slice(&self.serial));
        params
    }

    /// The content of its gateway's certificate.
    pub(crate) fn params_of_gateway(&self) -> CertificateParams {
        let mut params = leaf(&self.gateway, ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = vec![SanType::DnsName(self.gateway.clone().try_into().unwrap())];
        params
    }

    /// A request for a certificate, signed by the key.
    pub(crate) fn request(&self, chip_id: &str) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(chip_id);
        params.serialize_request(&self.key).unwrap().der().to_vec()
    }
}

/// An attacker's authority: it copies the names of this gateway's authority and root.
pub(crate) fn authority(gateway: &str) -> (CertificateDer<'static>, KeyPair) {
    let id = gateway.trim_start_matches("gw-").trim_end_matches(".drydock");
    let issuer = |name: &str, path_length: u8| {
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2025, 1, 1);
        params.not_after = rcgen::date_time_ymd(2045, 1, 1);
        params.distinguished_name = named(&format!("Drydock {name} {id}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    };
    let root = Issuer::new(issuer("root", 1), KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    (certified(&issuer("CA", 0), &key, &root), key)
}

/// A certificate for a key.
pub(crate) fn certified(
    params: &CertificateParams,
    key: &KeyPair,
    issuer: &Issuer<'_, KeyPair>,
) -> CertificateDer<'static> {
    params.signed_by(key, issuer).unwrap().into()
}

/// A certificate as the gateway keeps it.
pub(crate) fn pem(certificate: &CertificateDer<'_>) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec()))
}

fn leaf(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2045, 1, 1);
    params.distinguished_name = named(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// The last DER sequence with a length of two bytes that carries a device's name.
fn certificate_in(flash: &[u8]) -> Option<Vec<u8>> {
    let starts = flash.windows(4).enumerate().rev();
    starts
        .filter(|(_, head)| head[..2] == [0x30, 0x82])
        .filter_map(|(at, head)| flash.get(at..at + 4 + usize::from(u16::from_be_bytes([head[2], head[3]]))))
        .find(|bytes| bytes.len() < 1_024 && bytes[4..6] == [0x30, 0x82] && find(bytes, b"spiffe://").is_some())
        .map(<[u8]>::to_vec)
}

/// The gateway and the device that a device's certificate names.
fn names(certificate: &[u8]) -> (String, String) {
    let at = find(certificate, b"spiffe://").unwrap();
    let length = usize::from(certificate[at - 1]);
    let uri = std::str::from_utf8(&certificate[at..at + length]).unwrap();
    let (gateway, device) = uri["spiffe://".len()..].split_once("/device/").unwrap();
    (gateway.to_owned(), device.to_owned())
}

fn behind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    Some(find(bytes, what)? + what.len())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
