//! Which device a certificate names, and which certificates are valid now.

use super::certificate::{certificate_pin, parse};
use crate::domain::{DeviceId, Digest};
use rustls::pki_types::CertificateDer;
use std::{collections::HashMap, sync::RwLock};
use x509_parser::extensions::GeneralName;

/// The content of a device's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceCertificate {
    pub(crate) device: DeviceId,
    /// Serial number, hexadecimal.
    pub(crate) serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) key: Digest,
}

/// The valid certificate of each device. Revoking removes it, so that no other list has to be checked.
#[derive(Debug, Default)]
pub(crate) struct TrustedDevices {
    current: RwLock<HashMap<DeviceId, (String, Digest)>>,
}

impl TrustedDevices {
    pub(crate) fn trust(&self, certificate: DeviceCertificate) {
        let entry = (certificate.serial, certificate.key);
        self.write().insert(certificate.device, entry);
    }

    pub(crate) fn revoke(&self, device: &DeviceId) {
        self.write().remove(device);
    }

    pub(crate) fn is_trusted(&self, certificate: &DeviceCertificate) -> bool {
        let current = self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        current
            .get(&certificate.device)
            .is_some_and(|(serial, key)| *serial == certificate.serial && *key == certificate.key)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<DeviceId, (String, Digest)>> {
        self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl DeviceCertificate {
    /// Reads id, serial and key of a device certificate of this gateway. The chain is checked elsewhere.
    pub(crate) fn read(der: &CertificateDer<'_>, gateway_name: &str) -> Option<Self> {
        let certificate = parse(der).ok()?;
        let mut names = certificate.subject().iter_common_name();
        let device = DeviceId(names.next()?.as_str().ok()?.to_owned());
        let usage = certificate.extended_key_usage().ok()??.value;
        let expected = uri(gateway_name, &device);
        let named = certificate
            .subject_alternative_name()
            .ok()??
            .value
            .general_names
            .iter()
            .any(|name| matches!(name, GeneralName::URI(uri) if *uri == expected));
        (names.next().is_none() && usage.client_auth && !usage.any && !certificate.is_ca() && named).then(|| Self {
            device,
            serial: hex::encode(certificate.raw_serial()),
            key: certificate_pin(&certificate),
        })
    }
}

/// The SAN of a device, in the form of a SPIFFE id.
pub(super) fn uri(gateway_name: &str, device: &DeviceId) -> String {
    format!("spiffe://{gateway_name}/device/{device}")
}
