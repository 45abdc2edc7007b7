//! 1-Wire at standard speed (Maxim application note 126): a long low pulse resets, the devices answer with a shorter one, and
//! each bit is a low pulse whose width says which. Bytes have their lowest bit first.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// A reset is at least this long.
const RESET_NS: u64 = 480_000;
/// A one is low for at most 15 µs, a zero for at least 60 µs.
const ZERO_NS: u64 = 30_000;
/// A zero, or an answer to a reset, is at most this long.
const LONGEST_NS: u64 = 300_000;

/// Reads one bus. The bits that a search exchanges are shown as bytes too.
#[derive(Debug, Clone)]
pub struct OneWire {
    lane: LaneId,
    level: Option<(bool, u64)>,
    state: State,
    bits: u8,
    taken: u32,
    since_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No reset was seen.
    Unknown,
    /// The devices may answer.
    WasReset,
    /// The first byte is a ROM command.
    Command,
    Data,
}

impl OneWire {
    /// A bus that is high when it is idle.
    pub fn new(lane: LaneId) -> Self {
        Self {
            lane,
            level: None,
            state: State::Unknown,
            bits: 0,
            taken: 0,
            since_ns: 0,
        }
    }

    fn pulse(&mut self, low: TimeRange, out: &mut Vec<Annotation>) {
        let width_ns = low.len_ns();
        if width_ns >= RESET_NS {
            if self.taken > 0 {
                let range = TimeRange::new(self.since_ns, low.from_ns);
                out.push(Annotation::error(range, format!("{} bits of 8", self.taken)));
            }
            out.push(Annotation::new(low, "reset", &[]));
            self.state = State::WasReset;
            self.taken = 0;
            return;
        }
        if width_ns > LONGEST_NS {
            out.push(Annotation::error(low, "neither a bit nor a reset"));
            self.state = State::Unknown;
            self.taken = 0;
            return;
        }
        match self.state {
            State::Unknown => return,
            State::WasReset if width_ns > ZERO_NS => {
                out.push(Annotation::new(low, "presence", &[]));
                self.state = State::Command;
                return;
            }
            State::WasReset => {
                out.push(Annotation::error(
                    TimeRange::new(low.from_ns, low.from_ns),
                    "no presence",
                ));
                self.state = State::Command;
            }
            State::Command | State::Data => {}
        }
        if self.taken == 0 {
            self.since_ns = low.from_ns;
        }
        self.bits = self.bits >> 1 | u8::from(width_ns < ZERO_NS) << 7;
        self.taken += 1;
        if self.taken < 8 {
            return;
        }
        self.taken = 0;
        let name = match (self.state, self.bits) {
            (State::Command, 0x33) => " read ROM",
            (State::Command, 0x55) => " match ROM",
            (State::Command, 0xcc) => " skip ROM",
            (State::Command, 0xf0) => " search ROM",
            (State::Command, 0xec) => " alarm search",
            _ => "",
        };
        let range = TimeRange::new(self.since_ns, low.until_ns);
        out.push(Annotation::new(
            range,
            format!("0x{:02x}{name}", self.bits),
            &[self.bits],
        ));
        self.state = State::Data;
    }
}

impl Decoder for OneWire {
    fn lanes(&self) -> Vec<LaneId> {
        vec![self.lane]
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        if lane != self.lane {
            return;
        }
        match *entry {
            Entry::Level { at_ns, is_high } => {
                match self.level {
                    Some((level, _)) if level == is_high => return,
                    Some((false, since_ns)) => self.pulse(TimeRange::new(since_ns, at_ns), out),
                    _ => {}
                }
                self.level = Some((is_high, at_ns));
            }
            Entry::Gap { .. } => {
                self.level = None;
                self.state = State::Unknown;
                self.taken = 0;
            }
            _ => {}
        }
    }
}
