//! Accepting a byte stream: limits, TLS handshake, then the protocol that the peer chose.

use super::{EndReason, SessionService, serve};
use crate::{clock::elapsed, gateway::PeerLabel, tls::Purpose};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// Serves one connection to its end; returns the reason as one sentence.
pub(crate) async fn connection<S>(
    service: Arc<SessionService>,
    stream: S,
    peer: PeerLabel,
    ending: CancellationToken,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(_connection) = service.admission.connections.clone().try_acquire_owned() else {
        return service
            .audit
            .connection_refused(&peer.label, "there are too many connections".to_owned())
            .await;
    };
    let Ok(handshake) = service.admission.handshakes.clone().try_acquire_owned() else {
        return service
            .audit
            .connection_refused(&peer.label, "too many connections are being set up".to_owned())
            .await;
    };
    let clock = peer.clock.clone().unwrap_or_else(|| service.clock.clone());
    let result = tokio::select! {
        result = handshake_of(&service, stream) => result,
        () = elapsed(&*clock, service.limits.handshake_timeout_ms) => {
            Err(format!("the TLS handshake took longer than {} ms", service.limits.handshake_timeout_ms))
        }
        () = ending.cancelled() => Err("the gateway closed the connection".to_owned()),
    };
    let (purpose, tls) = match result {
        Ok(accepted) => accepted,
        Err(reason) => return service.audit.connection_refused(&peer.label, reason).await,
    };
    match purpose {
        Purpose::Enroll => super::enroll::serve(&service, tls, &peer.label, &*clock, &ending).await,
        Purpose::Session => serve::serve(service, tls, peer, clock, ending, handshake).await,
    }
}

async fn handshake_of<S>(service: &SessionService, stream: S) -> Result<(Purpose, TlsStream<S>), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let start = acceptor
        .await
        .map_err(|error| format!("the TLS handshake failed: {error}"))?;
    let chosen = service.tls.choose(&start.client_hello());
    let (purpose, config) = chosen.unwrap_or_else(|| (Purpose::Enroll, service.tls.any()));
    let tls = start
        .into_stream(config)
        .await
        .map_err(|error| format!("the TLS handshake failed: {error}"))?;
    if tls.get_ref().1.alpn_protocol().is_none() {
        return Err("the peer did not say what it wants to speak (ALPN)".to_owned());
    }
    Ok((purpose, tls))
}

impl EndReason {
    /// One sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Superseded => "a newer session of the device took its place",
            Self::Revoked => "the device's certificate was revoked",
            Self::Idle => "nothing was heard of the device for too long",
            Self::Closing => "the gateway closed",
        }
    }
}
