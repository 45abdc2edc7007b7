//! The host's end of a UART: a raw socket terminal, connected to at once. It accepts one client, so no other process
//! can read the output.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::session::{CommandError, Session};
use crate::external::process::wait_until;

/// Another process may take a port between our check and Renode's use.
const ATTEMPTS: usize = 4;
/// How long a terminal may take to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// Maximum output of one read; the rest waits for the next.
const LOOK_BYTES: usize = 1 << 20;

/// One connected UART.
#[derive(Debug)]
pub(super) struct Terminal {
    stream: TcpStream,
}

impl Terminal {
    /// Creates a terminal called `name`, connects `uart` to it, and connects to it.
    pub(super) fn open(session: &mut Session, name: &str, uart: &str) -> Result<Self, CommandError> {
        let mut refused = None;
        for _ in 0..ATTEMPTS {
            let port = free_port().map_err(|error| session.end(&format!("there is no free port: {error}")))?;
            match session.command(&format!("emulation CreateServerSocketTerminal {port} \"{name}\" false")) {
                Ok(_) => {
                    session.command(&format!("connector Connect sysbus.{uart} {name}"))?;
                    return Self::connect(port).map_err(|error| {
                        session.end(&format!(
                            "the terminal of {uart} at port {port} does not accept: {error}"
                        ))
                    });
                }
                Err(error @ CommandError::Refused { .. }) => refused = Some(error),
                Err(gone) => return Err(gone),
            }
        }
        Err(refused.unwrap_or_else(|| session.end("no terminal could be made")))
    }

    fn connect(port: u16) -> io::Result<Self> {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut last = io::ErrorKind::TimedOut.into();
        let stream = wait_until(Instant::now() + CONNECT, || {
            match TcpStream::connect_timeout(&server, CONNECT) {
                Ok(stream) => Some(stream),
                Err(error) => {
                    last = error;
                    None
                }
            }
        });
        let stream = stream.ok_or(last)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Bytes that arrived since the last call.
    pub(super) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        while bytes.len() < LOOK_BYTES {
            match self.stream.read(&mut piece) {
                Ok(0) if bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    /// Sends as much as the line takes now.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
