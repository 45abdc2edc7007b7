//! Clients that connected and have not sent a packet yet. The core is not halted for them: a port scan, or a program
//! that connects and sends nothing, does not stop a board, and does not block a debugger.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::connection::is_not_yet;

/// Limit of waiting clients; the oldest is dropped for a new one.
const CLIENTS: usize = 16;
/// Bytes up to the end of the first packet; a client that sends more is dropped. GDB's is a few hundred bytes long.
const FIRST_PACKET_BYTES: usize = 4096;

/// A client that speaks GDB's protocol, with all bytes that it has sent so far.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) received: Vec<u8>,
}

/// The clients without a packet, the oldest first.
#[derive(Debug)]
pub(super) struct Clients {
    listener: TcpListener,
    silent: Vec<Silent>,
    /// How long a client may take to send its first packet.
    limit: Duration,
}

#[derive(Debug)]
struct Silent {
    stream: TcpStream,
    received: Vec<u8>,
    since: Instant,
}

enum Progress {
    Waits,
    Packet,
    Drop,
}

impl Clients {
    /// Clients of `listener`, which does not block.
    pub(super) fn new(listener: TcpListener, limit: Duration) -> Self {
        Self {
            listener,
            silent: Vec::new(),
            limit,
        }
    }

    pub(super) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Whether no client waits that has yet to send its first packet.
    pub(super) fn is_empty(&self) -> bool {
        self.silent.is_empty()
    }

    /// Accepts new clients, drops those that were silent for too long, and returns the first client whose packet is
    /// complete. Does not block.
    pub(super) fn next(&mut self) -> Option<Client> {
        // A connection that cannot be accepted now (for example because no file descriptor is left) is tried again by
        // the next call.
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.silent.len() == CLIENTS {
                self.silent.remove(0);
            }
            self.silent.push(Silent {
                stream,
                received: Vec::new(),
                since: Instant::now(),
            });
        }
        let mut index = 0;
        while let Some(client) = self.silent.get_mut(index) {
            match client.read(self.limit) {
                Progress::Waits => index += 1,
                Progress::Drop => drop(self.silent.remove(index)),
                Progress::Packet => {
                    let Silent { stream, received, .. } = self.silent.remove(index);
                    return Some(Client { stream, received });
                }
            }
        }
        None
    }

    /// Drops clients that were silent for too long, while another client is served.
    pub(super) fn drop_expired(&mut self) {
        self.silent.retain(|client| client.since.elapsed() < self.limit);
    }
}

impl Silent {
    fn read(&mut self, limit: Duration) -> Progress {
        let mut piece = [0; 512];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Progress::Drop,
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_not_yet(&error) => break,
                Err(_) => return Progress::Drop,
            }
            if has_packet(&self.received) {
                return Progress::Packet;
            }
            if self.received.len() > FIRST_PACKET_BYTES {
                return Progress::Drop;
            }
        }
        match self.since.elapsed() < limit {
            true => Progress::Waits,
            false => Progress::Drop,
        }
    }
}

/// Whether `bytes` hold a whole packet: `$`, its body, `#` and two digits (GDB manual, E.1 "Overview").
fn has_packet(bytes: &[u8]) -> bool {
    let Some(start) = bytes.iter().position(|byte| *byte == b'$') else {
        return false;
    };
    let end = bytes[start..].iter().position(|byte| *byte == b'#');
    end.is_some_and(|end| {
        let sum = &bytes[start + end + 1..];
        sum.len() >= 2 && sum[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use super::has_packet;

    #[test]
    fn a_packet_ends_with_its_two_digits() {
        let check = |bytes: &[u8], expected| assert_eq!(has_packet(bytes), expected, "{bytes:?}");
        check(b"$?#3f", true);
        check(b"+$qSupported#37", true);
        check(b"+++$?#3f$g#67", true);
        check(b"", false);
        check(b"+", false);
        check(b"$?#3", false);
        check(b"#3f$?", false);
        check(b"GET / HTTP/1.1\r\n\r\n", false);
        check(b"$?#zz", false);
    }
}
