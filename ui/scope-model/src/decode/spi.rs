//! SPI: a clock, data in both directions, and perhaps a select line that is active low. Words have 8 bits, highest first.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// Polarity and phase of the clock: on which of its edges the data is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpiMode {
    /// Idle low, taken on the rising edge.
    Mode0,
    /// Idle low, taken on the falling edge.
    Mode1,
    /// Idle high, taken on the falling edge.
    Mode2,
    /// Idle high, taken on the rising edge.
    Mode3,
}

/// Reads a bus. An annotation's bytes are what was sent and what was received, as far as both are known.
#[derive(Debug, Clone)]
pub struct Spi {
    sck: LaneId,
    mosi: Option<LaneId>,
    miso: Option<LaneId>,
    select: Option<LaneId>,
    takes_rising: bool,
    clock: Option<bool>,
    sent: Option<bool>,
    received: Option<bool>,
    selected: Option<bool>,
    bits: [u8; 2],
    taken: u32,
    since_ns: u64,
}

impl Spi {
    /// A bus without a select line counts as selected always.
    pub fn new(mode: SpiMode, sck: LaneId, mosi: Option<LaneId>, miso: Option<LaneId>, select: Option<LaneId>) -> Self {
        Self {
            sck,
            mosi,
            miso,
            select,
            takes_rising: matches!(mode, SpiMode::Mode0 | SpiMode::Mode3),
            clock: None,
            sent: None,
            received: None,
            selected: None,
            bits: [0; 2],
            taken: 0,
            since_ns: 0,
        }
    }

    fn bit(&mut self, at_ns: u64, out: &mut Vec<Annotation>) {
        if self.taken == 0 {
            self.since_ns = at_ns;
        }
        for (bits, level) in self.bits.iter_mut().zip([self.sent, self.received]) {
            *bits = *bits << 1 | u8::from(level == Some(true));
        }
        self.taken += 1;
        if self.taken < 8 {
            return;
        }
        let [sent, received] = self.bits;
        let range = TimeRange::new(self.since_ns, at_ns);
        out.push(match (self.mosi, self.miso) {
            (Some(_), Some(_)) => Annotation::new(range, format!("0x{sent:02x} / 0x{received:02x}"), &[sent, received]),
            (None, Some(_)) => Annotation::new(range, format!("0x{received:02x}"), &[received]),
            _ => Annotation::new(range, format!("0x{sent:02x}"), &[sent]),
        });
        self.taken = 0;
    }

    fn abandon(&mut self, at_ns: u64, out: &mut Vec<Annotation>) {
        if self.taken > 0 {
            let range = TimeRange::new(self.since_ns, at_ns);
            out.push(Annotation::error(range, format!("{} bits of 8", self.taken)));
        }
        self.taken = 0;
    }
}

impl Decoder for Spi {
    fn lanes(&self) -> Vec<LaneId> {
        // Data before the clock: where both change at one instant, the clock takes the new level.
        let all = [self.select, self.mosi, self.miso, Some(self.sck)];
        all.into_iter().flatten().collect()
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        let (at_ns, level) = match *entry {
            Entry::Level { at_ns, is_high } => (at_ns, Some(is_high)),
            Entry::Gap { range, .. } => (range.from_ns, None),
            _ => return,
        };
        if level.is_none() && self.lanes().contains(&lane) {
            self.abandon(at_ns, out);
        }
        if lane == self.sck {
            let before = std::mem::replace(&mut self.clock, level);
            let is_edge = before.is_some() && level.is_some() && before != level;
            let is_selected = self.select.is_none() || self.selected == Some(true);
            if is_edge && is_selected && level == Some(self.takes_rising) {
                self.bit(at_ns, out);
            }
        }
        if Some(lane) == self.mosi {
            self.sent = level;
        }
        if Some(lane) == self.miso {
            self.received = level;
        }
        if Some(lane) == self.select {
            self.abandon(at_ns, out);
            self.selected = level.map(|is_high| !is_high);
        }
    }
}
