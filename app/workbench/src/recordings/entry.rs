//! What a recorder is told: entries of boards, with their times.

use drydock_emulator::I2cStep;
use drydock_emulator::parts::{I2cPins, SpiPins};
use std::sync::Arc;

/// Entries of one board, in order.
pub(super) struct Batch {
    /// The board's place in the recording.
    pub(super) board: usize,
    pub(super) entries: Vec<Entry>,
}

pub(super) struct Entry {
    /// In the recording's time.
    pub(super) at_ns: u64,
    pub(super) what: What,
}

pub(super) enum What {
    /// The levels that the chip drives, on all of its pins; nothing is known about what was before.
    Pins(Box<[Option<bool>]>),
    /// The chip drives another level, or none.
    Level(u16, Option<bool>),
    /// Something outside of the chip drives another level, or none.
    Input(u16, Option<bool>),
    /// The chip was reset: no handler runs.
    Reset,
    Sent(u8, Box<[u8]>),
    Received(u8, Box<[u8]>),
    Entered(u32),
    Returned,
    I2c(I2cPins, I2cStep),
    Spi(SpiPins, u8, u8),
    Microvolts(u16, u32),
    /// Nothing is known about the machine since this instant, up to the entry's.
    Gap {
        from_ns: u64,
        lost: u64,
        cause: String,
    },
    /// The pins changed too often since this instant: what they did up to the entry's is left out.
    PinsGap {
        from_ns: u64,
        lost: u64,
        /// The levels that they have then.
        levels: Vec<(u16, Option<bool>)>,
    },
    /// The machine's virtual time, in ns.
    Clock(u64),
    Number {
        lane: Arc<str>,
        unit: &'static str,
        value: f64,
    },
    /// Numbers that an app published, with their times.
    Samples {
        lane: Arc<str>,
        samples: Vec<(u64, f64)>,
        /// Some are missing before these.
        gap_before: bool,
    },
    Text {
        lane: &'static str,
        text: String,
    },
}
