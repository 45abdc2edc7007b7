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
    link::{Channel, Endpoint, MAX_FRAME_BYTES, RateWatch, Role, Stats},
};

/// Bytes of the session that the gateway may send ahead. With apps: as many as arrive while two chunks of a package are
/// decrypted and written. Must stay well below the receive buffer of each board's UART.
const SESSION_ROOM_BYTES: usize = if host::RUNS_APPS { 2048 } else { 1024 };

/// Whether the wire's baud rate changes when the host asks for it.
const CHANGES_RATE: bool = cfg!(feature = "link-rates");
/// How long a new rate may take to bring a whole frame. Shorter than the host's trial, so that the host finds the device
/// at the first rate when it gives up.
const RATE_TRIAL_MS: u64 = 1_000;
/// Silence after which the host is taken for gone; its next program expects the first rate.
const RATE_SILENCE_MS: u64 = 30_000;

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
    rate: Cell<Rate>,
}

/// Which baud rate the wire has.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "link-rates"), allow(dead_code, reason = "the first one always"))]
enum Rate {
    /// The one after reset.
    First,
    /// Changes to this one once everything is sent.
    Agreed(u32),
    /// Another one than the first.
    Other(RateWatch),
    /// Returns to the first one once everything is sent.
    GivenUp,
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
            rate: Cell::new(Rate::First),
        }
    }

    /// Moves bytes both ways. Returns whether the peer restarted the link, which ends the session.
    pub fn pump(&self) -> bool {
        let mut endpoint = self.endpoint.borrow_mut();
        let now_ms = self.board.now_us() / 1000;
        let mut bytes = [0; 128];
        let mut received = 0;
        loop {
            let count = self.board.link_read(&mut bytes);
            if count == 0 {
                break;
            }
            received += count;
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
        if CHANGES_RATE {
            let stats = self.past.get() + endpoint.stats();
            self.follow_rate(received, frame.at == frame.len, stats, now_ms);
        }
        let reset = endpoint.take_reset().is_some();
        if reset {
            self.life.set(self.life.get() + 1);
            self.control.take();
        }
        reset
    }

    /// Changes the wire's rate when that is due and the UART has every frame.
    fn follow_rate(&self, received: usize, is_written: bool, stats: Stats, now_ms: u64) {
        let rate = match self.rate.get() {
            Rate::Agreed(baud) if is_written && self.board.set_link_rate(Some(baud)) => {
                Rate::Other(RateWatch::new(stats, now_ms, RATE_TRIAL_MS, Some(RATE_SILENCE_MS)))
            }
            Rate::Other(mut watch) => match watch.is_good(received, stats, now_ms) {
                true => Rate::Other(watch),
                false => Rate::GivenUp,
            },
            Rate::GivenUp if self.board.set_link_rate(None) => Rate::First,
            rate => rate,
        };
        self.rate.set(rate);
    }

    /// The host asks for another baud rate.
    #[cfg(feature = "link-rates")]
    pub fn ask_rate(&self, baud: u32) {
        // At another rate the host was heard at that one, and does not ask again.
        if matches!(self.rate.get(), Rate::First)
            && self.board.link_rates().contains(&baud)
            && self.send_control(&FromDevice::LinkRate(baud))
        {
            self.rate.set(Rate::Agreed(baud));
        }
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

    /// Whether the `session` channel has room for more.
    pub fn takes_session(&self) -> bool {
        self.endpoint.borrow().writable(Channel::Session) > 0
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
        self.past.get() + self.endpoint.borrow().stats()
    }

    /// Writes a line to the `log` channel. A line that does not fit is dropped.
    pub fn log(&self, line: &str) {
        let mut endpoint = self.endpoint.borrow_mut();
        if endpoint.writable(Channel::Log) > line.len() {
            endpoint.write(Channel::Log, line.as_bytes());
            endpoint.write(Channel::Log, b"\n");
        }
    }

    /// Sends a control message if all of it fits, and returns whether it did; control messages are hints and are repeated.
    pub fn send_control(&self, message: &FromDevice) -> bool {
        let Ok(body) = minicbor::to_vec(message) else {
            return false;
        };
        let Ok(message) = framing::framed(&body) else {
            return false;
        };
        let mut endpoint = self.endpoint.borrow_mut();
        let fits = endpoint.writable(Channel::Control) >= message.len();
        if fits {
            endpoint.write(Channel::Control, &message);
        }
        fits
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
