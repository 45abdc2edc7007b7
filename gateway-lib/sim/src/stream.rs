//! Messages over a TLS stream.

use crate::{
    device::{SimError, encoded},
    tls::Stream,
};
use drydock_protocol::{
    envelope::Kind,
    framing::{self, Reader},
};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Splits the received bytes into messages and keeps the rest.
#[derive(Default)]
pub(crate) struct Messages {
    reader: Reader,
    arrived: Vec<u8>,
    taken: usize,
}

impl Messages {
    /// The next message. Cancel-safe: no byte is lost.
    pub(crate) async fn receive<S>(&mut self, tls: &mut Stream<S>) -> Result<Vec<u8>, SimError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let mut rest = &self.arrived[self.taken..];
            let message = self.reader.next(&mut rest).map_err(SimError::Framing)?;
            let message = message.map(<[u8]>::to_vec);
            self.taken = self.arrived.len() - rest.len();
            if let Some(message) = message {
                return Ok(message);
            }
            self.arrived.clear();
            self.taken = 0;
            let count = tls.read_buf(&mut self.arrived).await.map_err(SimError::Connection)?;
            if count == 0 {
                return Err(SimError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    pub(crate) async fn send<S, T>(&self, tls: &mut Stream<S>, kind: Kind, body: &T) -> Result<(), SimError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: minicbor::Encode<()>,
    {
        self.send_message(tls, &encoded(kind, body)?).await
    }

    pub(crate) async fn send_message<S>(&self, tls: &mut Stream<S>, message: &[u8]) -> Result<(), SimError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let framed = framing::framed(message).map_err(SimError::Framing)?;
        tls.write_all(&framed).await.map_err(SimError::Connection)?;
        tls.flush().await.map_err(SimError::Connection)
    }
}
