//! Decides whether the server is our gateway: its chain up to the trust anchor, its name, the pinned key, and its
//! signature over the handshake.
//!
//! embedded-tls calls a verifier when the messages arrive, and completes the handshake even if they do not arrive. So
//! the verifier records whether it accepted both, and [`tls`](crate::tls) opens a session only then.

use crate::{
    curve::PublicKey,
    identity::Digest,
    x509::{Certificate, DIGITAL_SIGNATURE, KEY_CERT_SIGN},
};
use alloc::{string::String, vec::Vec};
use embedded_tls::{
    Aes128GcmSha256, CertificateEntryRef, CertificateRef, CertificateVerifyRef, SignatureScheme, TlsError, TlsVerifier,
};
use sha2::{Digest as _, Sha256};

/// The trusted gateway.
pub struct Trust {
    /// Root certificate (DER).
    pub anchor: Vec<u8>,
    /// DNS name that the gateway's certificate must carry.
    pub gateway_name: String,
    /// SHA-256 of the gateway's SubjectPublicKeyInfo, once known.
    pub gateway_pin: Option<Digest>,
    /// Certificates whose signatures were verified up to this anchor before: not verified again.
    pub verified: Vec<Digest>,
    /// A lower bound of the current time, in milliseconds since the Unix epoch. It can prove that a certificate has
    /// expired. It cannot prove that one is not valid yet, because a device without a clock may be late.
    pub time_ms: u64,
}

/// Why a server is not our gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The server sent no certificate, or no proof of its key.
    NotAuthenticated,
    /// The messages came twice or in the wrong order.
    Order,
    /// A certificate or the anchor is malformed, or uses a feature that this device does not support.
    Malformed,
    /// The chain does not consist of the gateway's certificate, one intermediate and, optionally, the root.
    ChainLength,
    /// Names, signatures or the anchor do not connect.
    Chain,
    /// An issuer in the chain is no certificate authority, or not for this depth.
    NotAnAuthority,
    /// The server's certificate is not meant for a server.
    NotAServer,
    /// The server's certificate carries another name.
    Name,
    /// A certificate has expired.
    Expired,
    /// It is not the gateway that enrolled the device.
    Pin,
    /// The signature over the handshake does not hold.
    Signature,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotAuthenticated => "the server did not authenticate itself",
            Self::Order => "certificate messages came twice or in the wrong order",
            Self::Malformed => "a certificate is malformed or of an unknown kind",
            Self::ChainLength => "the server's chain has not the expected length",
            Self::Chain => "the server's chain does not lead to the trust anchor",
            Self::NotAnAuthority => "an issuer in the server's chain is no certificate authority",
            Self::NotAServer => "the server's certificate is not for a server",
            Self::Name => "the server's certificate carries another name",
            Self::Expired => "a certificate of the server has expired",
            Self::Pin => "the server is not the gateway of the enrollment",
            Self::Signature => "the server's signature over the handshake does not hold",
        })
    }
}

impl core::error::Error for Refusal {}

/// The verifier of one handshake.
pub struct GatewayVerifier {
    trust: Trust,
    stage: Stage,
}

enum Stage {
    Certificate,
    Signature {
        key: PublicKey,
        transcript: Sha256,
        gateway: Accepted,
    },
    Accepted(Accepted),
    Refused(Refusal),
}

/// The properties of an accepted gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_digest: Digest,
    /// Its certificates that were verified up to the anchor.
    pub verified: Vec<Digest>,
}

impl GatewayVerifier {
    /// A verifier for one handshake.
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            stage: Stage::Certificate,
        }
    }

    /// The gateway, if both its certificate and its signature were accepted.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn outcome(&self) -> Result<&Accepted, Refusal> {
        match &self.stage {
            Stage::Accepted(gateway) => Ok(gateway),
            Stage::Refused(refusal) => Err(*refusal),
            Stage::Certificate | Stage::Signature { .. } => Err(Refusal::NotAuthenticated),
        }
    }

    fn step(&mut self, result: Result<Stage, Refusal>) -> Result<(), TlsError> {
        match result {
            Ok(stage) => {
                self.stage = stage;
                Ok(())
            }
            Err(refusal) => {
                self.stage = Stage::Refused(refusal);
                Err(match refusal {
                    Refusal::Signature => TlsError::InvalidSignature,
                    _ => TlsError::InvalidCertificate,
                })
            }
        }
    }
}

impl TlsVerifier<Aes128GcmSha256> for GatewayVerifier {
    fn set_hostname_verification(&mut self, _hostname: &str) -> Result<(), TlsError> {
        Ok(()) // The name is part of `Trust`.
    }

    fn verify_certificate(&mut self, transcript: &Sha256, chain: CertificateRef<'_>) -> Result<(), TlsError> {
        let result = match self.stage {
            Stage::Certificate => verify_chain(&self.trust, &chain).map(|(key, gateway)| Stage::Signature {
                key,
                transcript: transcript.clone(),
                gateway,
            }),
            Stage::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::Order),
        };
        self.step(result)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        let result = match &self.stage {
            Stage::Signature {
                key,
                transcript,
                gateway,
            } if holds(key, transcript, &verify) => Ok(Stage::Accepted(gateway.clone())),
            Stage::Signature { .. } => Err(Refusal::Signature),
            Stage::Refused(refusal) => Err(*refusal),
            _ => Err(Refusal::Order),
        };
        self.step(result)
    }
}

/// RFC 8446, section 4.4.3.
fn holds(key: &PublicKey, transcript: &Sha256, verify: &CertificateVerifyRef<'_>) -> bool {
    const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
    let mut message = Vec::with_capacity(64 + CONTEXT.len() + 32);
    message.resize(64, b' ');
    message.extend_from_slice(CONTEXT);
    message.extend_from_slice(&transcript.clone().finalize());
    verify.signature_scheme == SignatureScheme::EcdsaSecp256r1Sha256 && key.verify_der(&message, verify.signature)
}

fn verify_chain(trust: &Trust, chain: &CertificateRef<'_>) -> Result<(PublicKey, Accepted), Refusal> {
    let chain: Vec<&[u8]> = chain
        .entries
        .iter()
        .map(|entry| match entry {
            CertificateEntryRef::X509(der) | CertificateEntryRef::RawPublicKey(der) => *der,
        })
        .collect();
    let (leaf, intermediate) = match chain[..] {
        [leaf, intermediate] => (leaf, intermediate),
        [leaf, intermediate, root] if root == trust.anchor => (leaf, intermediate),
        _ => return Err(Refusal::ChainLength),
    };
    let parse = |der| Certificate::parse(der).map_err(|_| Refusal::Malformed);
    let (leaf, intermediate, root) = (parse(leaf)?, parse(intermediate)?, parse(&trust.anchor)?);

    // Cheap checks come before the signatures.
    check_authority(&root, 1)?;
    check_authority(&intermediate, 0)?;
    check_server(&leaf, &trust.gateway_name)?;
    if intermediate.issuer != root.subject || leaf.issuer != intermediate.subject {
        return Err(Refusal::Chain);
    }
    if [&leaf, &intermediate, &root]
        .iter()
        .any(|certificate| certificate.not_after_s < trust.time_ms / 1000)
    {
        return Err(Refusal::Expired);
    }
    let key_digest = Digest::of(leaf.spki);
    if trust.gateway_pin.is_some_and(|pin| pin != key_digest) {
        return Err(Refusal::Pin);
    }

    let verified = [&intermediate, &leaf].map(|certificate| Digest::of(certificate.der));
    for (certificate, issuer, digest) in [(&intermediate, &root, verified[0]), (&leaf, &intermediate, verified[1])] {
        if !trust.verified.contains(&digest) {
            let key = issuer.key().map_err(|_| Refusal::Malformed)?;
            if !certificate.is_signed_by(&key) {
                return Err(Refusal::Chain);
            }
        }
    }
    let key = leaf.key().map_err(|_| Refusal::Malformed)?;
    Ok((
        key,
        Accepted {
            key_digest,
            verified: verified.into(),
        },
    ))
}

/// RFC 5280, section 6.1.4: an issuer is an authority, may sign certificates, and allows as many below it.
fn check_authority(certificate: &Certificate<'_>, authorities_below: u8) -> Result<(), Refusal> {
    let extensions = &certificate.extensions;
    let signs = extensions.key_usage.is_some_and(|usage| usage & KEY_CERT_SIGN != 0);
    let deep_enough = extensions.path_len.is_none_or(|len| len >= authorities_below);
    if extensions.is_ca && signs && deep_enough {
        Ok(())
    } else {
        Err(Refusal::NotAnAuthority)
    }
}

fn check_server(certificate: &Certificate<'_>, name: &str) -> Result<(), Refusal> {
    let extensions = &certificate.extensions;
    let signs = extensions.key_usage.is_some_and(|usage| usage & DIGITAL_SIGNATURE != 0);
    if extensions.is_ca || !signs || extensions.server_auth != Some(true) {
        return Err(Refusal::NotAServer);
    }
    if certificate.has_dns_name(name) {
        Ok(())
    } else {
        Err(Refusal::Name)
    }
}

/// Whether the bytes can serve as a trust anchor.
pub(crate) fn is_anchor(der: &[u8]) -> bool {
    Certificate::parse(der).is_ok_and(|root| check_authority(&root, 1).is_ok() && root.key().is_ok())
}
