//! A reliable link over a noisy byte stream (UART, USB-CDC, PTY, TCP): three ordered channels of bytes, nothing lost.
//!
//! An [`Endpoint`] is a pure state machine: the caller passes received bytes to [`Endpoint::receive`], takes frames to
//! send from [`Endpoint::transmit`], and passes the time in. It allocates its buffers once, in [`Endpoint::new`].
//!
//! How it works, in the order in which a reader meets it:
//! * A frame is COBS-encoded and ends with a zero byte, so that a receiver that starts in the middle of a stream is in
//!   step after the next zero. A CRC-32 covers the whole frame; a frame with a wrong CRC is dropped. See [`frame`].
//! * Each side sends a hello with its version and its *epoch*, a number that changes with each start. Every later frame
//!   carries a tag made of both epochs, so that frames from before a restart are never taken for current ones.
//! * Data frames of all channels share one sequence. The receiver accepts them in order only and acknowledges with the
//!   number that it expects next. When it sees a gap or a damaged frame, it asks for a repetition at once, and the
//!   sender goes back to that frame (go-back-N). A timer in the manner of RFC 6298 covers losses at the end of a burst.
//! * Every frame also carries how many bytes each channel can take, so that a channel that nobody reads stops its own
//!   sender and no other channel.
//!
//! Call [`Endpoint::transmit`] until it returns 0 after each [`receive`](Endpoint::receive),
//! [`write`](Endpoint::write), [`read`](Endpoint::read) and when [`Endpoint::next_timeout_ms`] has come.

mod cobs;
mod crc;
mod endpoint;
pub mod frame;
mod rate;
mod ring;
mod timer;

pub use crc::crc32;
pub use endpoint::Endpoint;
pub use rate::RateWatch;

/// Longest encoded frame in bytes, with COBS overhead and delimiters.
pub const MAX_FRAME_BYTES: usize = 256;

/// The byte streams of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channel {
    /// Identity and pairing: [`control`](crate::control) messages, each with its length in front as a big-endian `u16`.
    Control = 0,
    /// Text lines of the firmware.
    Log = 1,
    /// TLS records.
    Session = 2,
}

impl Channel {
    /// Every channel, by number.
    pub const ALL: [Self; 3] = [Self::Control, Self::Log, Self::Session];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Which end of the link this is. It decides the sizes of the buffers, and lets an end ignore its own echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The board: about 4 KB of memory.
    Device,
    /// The workbench: about 16 KB.
    Host,
}

/// The peer was seen for the first time, or it restarted: all streams begin at zero, and a session on them is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerReset {
    /// Epoch of the peer's new life.
    pub epoch: u32,
    /// Link version of the peer. The link only comes up if it is [`LINK_VERSION`](crate::limits::LINK_VERSION).
    pub version: u8,
    /// Whether it is the first peer of this endpoint: bytes written to `control` and `log` before are kept for it.
    pub first: bool,
}

/// Counters of an endpoint since [`Endpoint::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Frames handed out by [`Endpoint::transmit`], of every sort.
    pub frames_sent: u32,
    /// Frames received whole, of every sort.
    pub frames_received: u32,
    /// Data frames sent again.
    pub retries: u32,
    /// Frames received with a wrong checksum or form, or too long.
    pub damaged: u32,
    /// Data frames that were received a second time.
    pub duplicates: u32,
    /// Frames that belonged to an earlier life of either side.
    pub stale: u32,
}

/// The counters of two endpoints, one after the other.
impl core::ops::Add for Stats {
    type Output = Self;

    fn add(self, later: Self) -> Self {
        Self {
            frames_sent: self.frames_sent + later.frames_sent,
            frames_received: self.frames_received + later.frames_received,
            retries: self.retries + later.retries,
            damaged: self.damaged + later.damaged,
            duplicates: self.duplicates + later.duplicates,
            stale: self.stale + later.stale,
        }
    }
}
