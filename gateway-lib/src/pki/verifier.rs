//! The TLS verifier of device certificates: chain, dates, purpose, and whether the certificate is valid now.

use super::identity::{DeviceCertificate, TrustedDevices};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, TrustAnchor, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage};

/// Accepts the one current certificate of each enrolled device.
#[derive(Debug)]
pub(crate) struct DeviceVerifier {
    root: TrustAnchor<'static>,
    /// The only intermediate: other certificates that a peer sends are ignored.
    intermediates: [CertificateDer<'static>; 1],
    gateway_name: String,
    trusted: Arc<TrustedDevices>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl DeviceVerifier {
    pub(crate) fn new(
        root: &CertificateDer<'static>,
        intermediate: CertificateDer<'static>,
        gateway_name: String,
        trusted: Arc<TrustedDevices>,
    ) -> Result<Self, webpki::Error> {
        Ok(Self {
            root: webpki::anchor_from_trusted_cert(root)?.to_owned(),
            intermediates: [intermediate],
            gateway_name,
            trusted,
            algorithms: rustls::crypto::ring::default_provider().signature_verification_algorithms,
        })
    }

    /// The device that a verified certificate names.
    pub(crate) fn device(&self, certificate: &CertificateDer<'_>) -> Option<DeviceCertificate> {
        DeviceCertificate::read(certificate, &self.gateway_name)
    }
}

impl ClientCertVerifier for DeviceVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = EndEntityCert::try_from(end_entity).map_err(certificate_error)?;
        certificate
            .verify_for_usage(
                self.algorithms.all,
                std::slice::from_ref(&self.root),
                &self.intermediates,
                now,
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(certificate_error)?;
        let device = self.device(end_entity).ok_or(CertificateError::InvalidPurpose)?;
        if self.trusted.is_trusted(&device) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::Revoked.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn certificate_error(error: webpki::Error) -> Error {
    use webpki::Error as Webpki;
    Error::InvalidCertificate(match error {
        Webpki::CertExpired { .. } => CertificateError::Expired,
        Webpki::CertNotValidYet { .. } => CertificateError::NotValidYet,
        Webpki::UnknownIssuer | Webpki::CaUsedAsEndEntity | Webpki::EndEntityUsedAsCa => {
            CertificateError::UnknownIssuer
        }
        Webpki::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Webpki::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        _ => CertificateError::BadEncoding,
    })
}
