//! One connection of a client: bytes in both directions, and how far it has come.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::wire::{Command, HEADER_BYTES, MAX_TRANSFER_BYTES, Malformed, Reply, Request};

/// How long a client may take for its request.
const ASKING: Duration = Duration::from_secs(5);
/// Bytes that wait for the client; no more commands are read while there are as many.
const OUTBOX_BYTES: usize = 1024 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;
/// Transfers of a client that the device has not answered.
const OUTSTANDING: usize = 256;

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed it, or it broke.
    Gone,
    /// The client does not speak the protocol.
    Protocol,
}

impl From<Malformed> for End {
    fn from(_: Malformed) -> Self {
        Self::Protocol
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// A stream with its buffers.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// When it ends if it has come no further.
    pub(super) deadline: Instant,
    /// It asked for the device, which is still awaited; it is told at this time if another client still has it.
    pub(super) waits: Option<Instant>,
    /// It ends when its last bytes are out.
    is_ending: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
            outbox: Vec::new(),
            deadline: now + ASKING,
            waits: None,
            is_ending: false,
        })
    }

    /// Whether it waits for bytes of the client.
    pub(super) fn wants_bytes(&self) -> bool {
        self.is_heard() && self.inbox.len() < HEADER_BYTES + MAX_TRANSFER_BYTES as usize
    }

    /// Whether the client takes its answers.
    fn is_heard(&self) -> bool {
        self.outbox.len() < OUTBOX_BYTES
    }

    /// Whether bytes wait for the client.
    pub(super) fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Reads what has arrived. Returns whether anything has.
    pub(super) fn read(&mut self) -> Result<bool, End> {
        if !self.wants_bytes() {
            return Ok(false);
        }
        let mut piece = [0; PIECE];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(End::Gone),
            Ok(count) => {
                self.inbox.extend(&piece[..count]);
                Ok(true)
            }
            Err(error) if is_for_later(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The next message that has arrived whole.
    fn take<T>(&mut self, decode: Decode<T>) -> Result<Option<T>, End> {
        let Some((message, len)) = decode(&self.inbox)? else {
            return Ok(None);
        };
        self.inbox.drain(..len);
        Ok(Some(message))
    }

    /// The client's request, once it has arrived.
    pub(super) fn request(&mut self) -> Result<Option<Request>, End> {
        self.take(Request::decode)
    }

    /// The client's next command, once it has arrived. None while it does not take its answers.
    pub(super) fn command(&mut self) -> Result<Option<Command>, End> {
        match self.is_heard() {
            true => self.take(Command::decode),
            false => Ok(None),
        }
    }

    /// Sends bytes, as far as the client takes them.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.outbox.extend(bytes);
        self.flush()
    }

    /// Sends the last bytes.
    pub(super) fn send_last(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.is_ending = true;
        self.send(bytes)
    }

    /// Sends what waits. A connection that sent its last bytes ends.
    pub(super) fn flush(&mut self) -> Result<(), End> {
        let mut sent = 0;
        while sent < self.outbox.len() {
            match self.stream.write(&self.outbox[sent..]) {
                Ok(count) => sent += count,
                Err(error) if is_for_later(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.outbox.drain(..sent);
        match self.is_ending && self.outbox.is_empty() {
            true => Err(End::Gone),
            false => Ok(()),
        }
    }
}

type Decode<T> = fn(&[u8]) -> Result<Option<(T, usize)>, Malformed>;

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The client that has imported the device.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) connection: Connection,
    /// The device that it has imported: changes of the device up to then.
    pub(super) changes: u64,
    /// Transfers that are not over.
    outstanding: HashSet<u32>,
}

impl Attached {
    pub(super) fn new(connection: Connection, changes: u64) -> Self {
        Self {
            connection,
            changes,
            outstanding: HashSet::new(),
        }
    }

    /// The next command; its transfer is outstanding from now on.
    pub(super) fn command(&mut self, device: u32) -> Result<Option<Command>, End> {
        let command = self.connection.command()?;
        if let Some(Command::Submit(submit)) = &command {
            let is_new = self.outstanding.insert(submit.seqnum);
            if submit.device != device || !is_new || self.outstanding.len() > OUTSTANDING {
                return Err(End::Protocol);
            }
        }
        Ok(command)
    }

    /// Sends an answer.
    pub(super) fn answer(&mut self, reply: &Reply) -> Result<(), End> {
        match reply {
            Reply::Submit { seqnum, .. } => self.outstanding.remove(seqnum),
            Reply::Unlink { unlinked, .. } => self.outstanding.remove(unlinked),
        };
        self.connection.send(&reply.encode())
    }
}
