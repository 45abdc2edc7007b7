//! WS2812 (its datasheet): each bit is a pulse whose width says which; 24 bits, green, red and blue, are one LED; a long
//! low level ends the chain.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// T0H is 0.4 µs and T1H is 0.8 µs, each within 0.15 µs: in between is what tells them apart.
const ONE_NS: u64 = 600;
/// Nothing that is shorter or longer is a bit.
const PULSE_NS: std::ops::RangeInclusive<u64> = 150..=2_000;
/// RES.
const RESET_NS: u64 = 50_000;

/// Reads one data line. An annotation's bytes are red, green and blue.
#[derive(Debug, Clone)]
pub struct Ws2812 {
    lane: LaneId,
    level: Option<(bool, u64)>,
    bits: u32,
    taken: u32,
    since_ns: u64,
    leds: u32,
}

impl Ws2812 {
    /// A data line.
    pub fn new(lane: LaneId) -> Self {
        Self {
            lane,
            level: None,
            bits: 0,
            taken: 0,
            since_ns: 0,
            leds: 0,
        }
    }

    fn pulse(&mut self, pulse: TimeRange, out: &mut Vec<Annotation>) {
        if !PULSE_NS.contains(&pulse.len_ns()) {
            out.push(Annotation::error(pulse, "a pulse that is no bit"));
            self.taken = 0;
            return;
        }
        if self.taken == 0 {
            self.since_ns = pulse.from_ns;
        }
        self.bits = self.bits << 1 | u32::from(pulse.len_ns() > ONE_NS);
        self.taken += 1;
        if self.taken == 24 {
            let [_, green, red, blue] = self.bits.to_be_bytes();
            let range = TimeRange::new(self.since_ns, pulse.until_ns);
            let text = format!("{}: #{red:02x}{green:02x}{blue:02x}", self.leds);
            out.push(Annotation::new(range, text, &[red, green, blue]));
            self.leds = self.leds.wrapping_add(1);
            self.taken = 0;
        }
    }

    fn low(&mut self, low: TimeRange, out: &mut Vec<Annotation>) {
        if low.len_ns() < RESET_NS {
            return;
        }
        if self.taken > 0 {
            let range = TimeRange::new(self.since_ns, low.from_ns);
            out.push(Annotation::error(range, format!("{} bits of 24", self.taken)));
        }
        self.taken = 0;
        self.leds = 0;
    }
}

impl Decoder for Ws2812 {
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
                    Some((true, since_ns)) if !is_high => self.pulse(TimeRange::new(since_ns, at_ns), out),
                    Some((false, since_ns)) if is_high => self.low(TimeRange::new(since_ns, at_ns), out),
                    Some(_) => return,
                    None => {}
                }
                self.level = Some((is_high, at_ns));
            }
            Entry::Gap { .. } => {
                self.level = None;
                self.taken = 0;
                self.leds = 0;
            }
            _ => {}
        }
    }

    fn finish(&mut self, until_ns: u64, out: &mut Vec<Annotation>) {
        if let Some((false, since_ns)) = self.level {
            self.low(TimeRange::new(since_ns, until_ns), out);
        }
    }
}
