//! The byte stream of one debugger: buffered both ways, and bounded in size and time both ways.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{POLL, StopSwitch};

/// Bytes that are read at once.
const INPUT_BYTES: usize = 4096;
/// Bytes of an answer that are collected before they are sent.
const OUTPUT_BYTES: usize = 16 * 1024;

/// The result of a read.
pub(super) enum Input {
    /// The next byte.
    Byte(u8),
    /// No byte arrived within the limit.
    Nothing,
    /// The debugger closed the connection.
    End,
}

/// The reading half.
pub(super) struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
    position: usize,
}

impl Reader {
    /// Reads from `stream`, after the bytes that were `received` already.
    pub(super) fn new(stream: TcpStream, received: Vec<u8>) -> Self {
        Self {
            stream,
            buffer: received,
            position: 0,
        }
    }

    /// The next byte; waits for it no longer than `limit`, which is not zero.
    ///
    /// # Errors
    /// The connection broke in another way than by being closed.
    pub(super) fn byte(&mut self, limit: Duration) -> io::Result<Input> {
        if self.position == self.buffer.len() {
            self.buffer.resize(INPUT_BYTES, 0);
            self.stream.set_read_timeout(Some(limit))?;
            let read = self.stream.read(&mut self.buffer);
            self.position = 0;
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(Input::End),
                Ok(_) => {}
                Err(error) if is_not_yet(&error) => return Ok(Input::Nothing),
                Err(error) if is_closed(&error) => return Ok(Input::End),
                Err(error) => return Err(error),
            }
        }
        let byte = self.buffer[self.position];
        self.position += 1;
        Ok(Input::Byte(byte))
    }
}

/// The writing half: [`gdbstub`] writes its answers here byte by byte and flushes at the end of each.
pub(super) struct Writer {
    stream: TcpStream,
    pending: Vec<u8>,
    /// How long the debugger may leave its receive buffer full.
    limit: Duration,
    stop: StopSwitch,
}

impl Writer {
    pub(super) fn new(stream: TcpStream, limit: Duration, stop: StopSwitch) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            limit,
            stop,
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        let mut deadline = Instant::now() + self.limit;
        self.stream.set_write_timeout(Some(POLL))?;
        while sent < self.pending.len() {
            match self.stream.write(&self.pending[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    sent += count;
                    deadline = Instant::now() + self.limit;
                }
                Err(error) if !is_not_yet(&error) => return Err(error),
                Err(_) if self.stop.is_thrown() => return Err(io::ErrorKind::Interrupted.into()),
                Err(_) if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
                Err(_) => {}
            }
        }
        self.pending.clear();
        Ok(())
    }
}

impl gdbstub::conn::Connection for Writer {
    type Error = io::Error;

    fn write(&mut self, byte: u8) -> io::Result<()> {
        // An acknowledgement stands alone and is not flushed.
        let is_answer = byte == b'$' || !self.pending.is_empty();
        self.pending.push(byte);
        match is_answer && self.pending.len() < OUTPUT_BYTES {
            true => Ok(()),
            false => self.send(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Whether a read or write only has to be tried again.
pub(super) fn is_not_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Whether the debugger closed its end.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}
