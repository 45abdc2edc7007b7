//! Listening for TCP connections.

use super::{SessionService, accept::connection};
use crate::{
    error::ListenError,
    gateway::{Connection, PeerLabel},
};
use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

impl SessionService {
    /// Serves one byte stream in a task of its own.
    pub(crate) fn accept<S>(self: &Arc<Self>, stream: S, peer: PeerLabel) -> Connection
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ending = self.lifetime.shutdown.child_token();
        let serving = connection(self.clone(), stream, peer, ending.clone());
        Connection::new(self.lifetime.tasks.spawn(serving), ending)
    }

    /// Listens on an address until the gateway closes; returns the address with its port.
    pub(crate) async fn listen(self: &Arc<Self>, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => ListenError::InUse { address },
            _ => ListenError::Io { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bound);
        self.lifetime.tasks.spawn(accept_all(self.clone(), listener));
        Ok(bound)
    }

    /// Addresses that are listened on.
    pub(crate) fn listening(&self) -> Vec<SocketAddr> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept_all(service: Arc<SessionService>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = service.lifetime.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                // Each small message waits for its answer, so none may be held back.
                let _ = stream.set_nodelay(true);
                service.accept(stream, PeerLabel::new(address.to_string()));
            }
            Err(error) => {
                // Most likely the file descriptors ran out: other connections have to end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
