//! The device's end of the link: moves bytes between the board's UART and [`Endpoint`], and offers the `session` channel as
//! a stream for TLS. A guard rejects malformed records before TLS sees them.

use crate::{board::BoardRef, host, record_guard::RecordGuard};
use alloc::rc::Rc;
use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::Poll,
};
use drydock_protocol::{
    control::{FromDevice, FromHost},
    framing,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, Role, Stats},
};

/// Bytes of the session that the gateway may send ahead. With apps: as many as arrive while two chunks of a package are
/// decrypted and written. Must stay well below the receive buffer of each board's UART.
const SESSION_ROOM_BYTES: usize = if host::RUNS_APPS { 2048 } else { 1024 };

/// The device's end of the link.
pub struct Link {
    board: BoardRef,
    endpoint: RefCell<Endpoint>,
    /// A frame that the UART has taken only in part.
    frame: RefCell<OutFrame>,
    control: RefCell<framing::Reader>,
    /// Counts restarts. A stream of an earlier count fails with [`StreamError::Reset`].
    life: Cell<u32>,
    /// Counters of earlier endpoints.
    past: Cell<Stats>,
}

struct OutFrame {
    bytes: [u8; MAX_FRAME_BYTES],
    at: usize,
    len: usize,
}

impl Link {
    /// Makes the link; its epoch is random.
    pub fn new(board: BoardRef) -> Self {
        Self {
            board,
            endpoint: RefCell::new(
                Endpoint::new(Role::Device, random_epoch(board)).with_session_room(SESSION_ROOM_BYTES),
            ),
            frame: RefCell::new(OutFrame {
                bytes: [0; MAX_FRAME_BYTES],
                at: 0,
                len: 0,
            }),
            control: RefCell::default(),
            life: Cell::new(0),
            past: Cell::new(Stats::default()),
        }
    }

    /// Moves bytes both ways. Returns whether the peer restarted the link, which ends the session.
    pub fn pump(&self) -> bool {
        let mut endpoint = self.endpoint.borrow_mut();
        let now_ms = self.board.now_us() / 1000;
        let mut bytes = [0; 128];
        loop {
            let count = self.board.link_read(&mut bytes);
            if count == 0 {
                break;
            }
            endpoint.receive(&bytes[..count], now_ms);
        }
        let mut frame = self.frame.borrow_mut();
        loop {
            if frame.at == frame.len {
                frame.at = 0;
                frame.len = endpoint.transmit(now_ms, &mut frame.bytes);
            }
            let rest = &frame.bytes[frame.at..frame.len];
            let taken = if rest.is_empty() {
                0
            } else {
                self.board.link_write(rest)
            };
            if taken == 0 {
                break;
            }
            frame.at += taken;
        }
        let reset = endpoint.take_reset().is_some();
        if reset {
            self.life.set(self.life.get() + 1);
            self.control.take();
        }
        reset
    }

    /// Restarts the link, so that the host notices that the session is over.
    pub fn restart(&self) {
        self.life.set(self.life.get() + 1);
        self.past.set(self.stats());
        self.control.take();
        self.endpoint.borrow_mut().restart(random_epoch(self.board));
    }

    /// The link is on another wire. The peer there begins anew; the rest of a frame is not for it.
    pub fn moved(&self) {
        let mut frame = self.frame.borrow_mut();
        (frame.at, frame.len) = (0, 0);
        drop(frame);
        // Lines that nobody has heard yet are kept for the new peer.
        if self.is_up() {
            self.restart();
        }
    }

    /// Whether both sides have heard each other.
    pub fn is_up(&self) -> bool {
        self.endpoint.borrow().is_up()
    }

    /// When the link must be pumped again even if nothing arrives, in microseconds since reset.
    pub fn next_timeout_us(&self) -> Option<u64> {
        let frame = self.frame.borrow();
        if frame.at < frame.len {
            // The wire was busy; the end of its transfer is an interrupt.
            return None;
        }
        self.endpoint.borrow().next_timeout_ms().map(|ms| ms * 1000)
    }

    /// Counters since reset.
    pub fn stats(&self) -> Stats {
        let (past, now) = (self.past.get(), self.endpoint.borrow().stats());
        Stats {
            frames_sent: past.frames_sent + now.frames_sent,
            frames_received: past.frames_received + now.frames_received,
            retries: past.retries + now.retries,
            damaged: past.damaged + now.damaged,
            duplicates: past.duplicates + now.duplicates,
            stale: past.stale + now.stale,
        }
    }

    /// Writes a line to the `log` channel. A line that does not fit is dropped.
    pub fn log(&self, line: &str) {
        let mut endpoint = self.endpoint.borrow_mut();
        if endpoint.writable(Channel::Log) > line.len() {
            endpoint.write(Channel::Log, line.as_bytes());
            endpoint.write(Channel::Log, b"\n");
        }
    }

    /// Sends a control message if all of it fits; control messages are hints and are repeated.
    pub fn send_control(&self, message: &FromDevice) {
        let Ok(body) = minicbor::to_vec(message) else { return };
        let Ok(message) = framing::framed(&body) else { return };
        let mut endpoint = self.endpoint.borrow_mut();
        if endpoint.writable(Channel::Control) >= message.len() {
            endpoint.write(Channel::Control, &message);
        }
    }

    /// The next control message. Malformed messages are skipped.
    pub fn receive_control(&self) -> Option<FromHost> {
        let mut reader = self.control.borrow_mut();
        let mut endpoint = self.endpoint.borrow_mut();
        // Reads one byte at a time, so that it never reads beyond the end of a message.
        let mut byte = [0];
        while endpoint.read(Channel::Control, &mut byte) > 0 {
            match reader.next(&mut &byte[..]) {
                Ok(None) => {}
                Ok(Some(message)) => {
                    let message = minicbor::decode(message).ok();
                    // The next message may be far away, and other code needs this memory.
                    *reader = framing::Reader::new();
                    if message.is_some() {
                        return message;
                    }
                }
                // Permanently out of step: waits until the host restarts the link.
                Err(_) => *reader = framing::Reader::new(),
            }
        }
        None
    }

    /// The `session` channel of the link's present life as a stream.
    pub fn session_stream(self: &Rc<Self>) -> SessionStream {
        SessionStream {
            link: self.clone(),
            life: self.life.get(),
            guard: Rc::new(RefCell::new(RecordGuard::default())),
        }
    }
}

fn random_epoch(board: BoardRef) -> u32 {
    let mut epoch = [0; 4];
    board.fill_random(&mut epoch);
    u32::from_le_bytes(epoch)
}

/// The `session` channel for TLS. Waiting means that the main loop polls again after the next pump.
#[derive(Clone)]
pub struct SessionStream {
    link: Rc<Link>,
    life: u32,
    guard: Rc<RefCell<RecordGuard>>,
}

/// Why the stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    /// The link was restarted.
    Reset,
    /// The peer sent a TLS record that this device does not accept.
    Record,
}

impl core::fmt::Display for StreamError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Reset => "the link began anew",
            Self::Record => "a record that this device does not take",
        })
    }
}

impl core::error::Error for StreamError {}

impl embedded_io::Error for StreamError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Reset => embedded_io::ErrorKind::ConnectionReset,
            Self::Record => embedded_io::ErrorKind::InvalidData,
        }
    }
}

impl SessionStream {
    fn check(&self) -> Result<(), StreamError> {
        if self.life == self.link.life.get() {
            Ok(())
        } else {
            Err(StreamError::Reset)
        }
    }
}

impl embedded_io::ErrorType for SessionStream {
    type Error = StreamError;
}

impl embedded_io_async::Read for SessionStream {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, StreamError> {
        poll_fn(|_| {
            self.check()?;
            let count = self.link.endpoint.borrow_mut().read(Channel::Session, out);
            if count == 0 && !out.is_empty() {
                return Poll::Pending;
            }
            self.guard
                .borrow_mut()
                .check(&out[..count])
                .map_err(|_| StreamError::Record)?;
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl embedded_io_async::Write for SessionStream {
    async fn write(&mut self, data: &[u8]) -> Result<usize, StreamError> {
        poll_fn(|_| {
            self.check()?;
            let count = self.link.endpoint.borrow_mut().write(Channel::Session, data);
            if count == 0 && !data.is_empty() {
                return Poll::Pending;
            }
            Poll::Ready(Ok(count))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), StreamError> {
        self.check()
    }
}
