//! The device's side of TLS: version 1.3 only. It verifies the gateway's chain against the anchor and returns the
//! gateway's key, for comparison with the pin.

use crate::device::SimError;
use rcgen::KeyPair;
use ring::digest::{SHA256, digest};
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WantsClientCert},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
};
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

pub(crate) type Stream<S> = tokio_rustls::client::TlsStream<S>;

/// A device's data for a handshake.
pub(crate) struct Client<'a> {
    pub(crate) anchor: &'a [u8],
    pub(crate) gateway_name: &'a str,
    pub(crate) alpn: &'a [u8],
    pub(crate) certificate: Option<(&'a [u8], &'a KeyPair)>,
}

/// Performs the handshake; returns the stream and the SHA-256 of the gateway's SubjectPublicKeyInfo.
pub(crate) async fn connect<S>(stream: S, client: &Client<'_>) -> Result<(Stream<S>, [u8; 32]), SimError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(client.gateway_name.to_owned())
        .map_err(|_| SimError::Pairing("the gateway's name is no DNS name"))?;
    let connector = TlsConnector::from(Arc::new(config(client)?));
    let tls = connector.connect(name, stream).await.map_err(SimError::Connection)?;
    let key = gateway_key(&tls).ok_or_else(|| {
        SimError::Connection(io::Error::new(
            io::ErrorKind::InvalidData,
            "the gateway shows no certificate",
        ))
    })?;
    Ok((tls, key))
}

fn config(client: &Client<'_>) -> Result<ClientConfig, SimError> {
    let builder = builder(client.anchor)?;
    let mut config = match client.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from(certificate.to_vec())];
            let key = PrivatePkcs8KeyDer::from(key.serialize_der());
            builder
                .with_client_auth_cert(chain, key.into())
                .map_err(SimError::Tls)?
        }
    };
    config.alpn_protocols = vec![client.alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn builder(anchor: &[u8]) -> Result<rustls::ConfigBuilder<ClientConfig, WantsClientCert>, SimError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(anchor.to_vec()))
        .map_err(|_| SimError::Pairing("the anchor is no certificate"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(SimError::Tls)?
        .with_root_certificates(roots))
}

fn gateway_key<S>(tls: &Stream<S>) -> Option<[u8; 32]> {
    let certificate = tls.get_ref().1.peer_certificates()?.first()?;
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let key = certificate.subject_public_key_info();
    digest(&SHA256, &key).as_ref().try_into().ok()
}
