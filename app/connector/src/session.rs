//! The `session` channel, between two restarts of the link, as a byte stream.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Buffer of a session on the host, in bytes each way, beyond the link's own buffers.
const BUFFER_BYTES: usize = 4096;

/// The device's session, for TLS. It ends when the device or the link restarts. Dropping it or shutting it down ends
/// the session for the device too, and the next [`LinkEvent::Up`](crate::LinkEvent::Up) brings a new one. Dropping it
/// before any byte has passed does not disturb the device until the device begins to send.
#[derive(Debug)]
pub struct LinkSession {
    stream: DuplexStream,
}

impl LinkSession {
    /// A session and the driver's end of it.
    pub(crate) fn pair() -> (Self, DuplexStream) {
        let (stream, driver) = tokio::io::duplex(BUFFER_BYTES);
        (Self { stream }, driver)
    }
}

impl AsyncRead for LinkSession {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LinkSession {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
