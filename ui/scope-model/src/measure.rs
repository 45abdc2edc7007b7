//! What a scope measures of a lane in a range. The cost grows with the number of gaps, not with the range.

use crate::{
    lane::{LaneId, LaneKind, TimeRange},
    pyramid::summarise,
    recording::{LaneBlocks, Place, Recording},
};

/// The measurement of a lane in a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measurement {
    /// Of a digital lane.
    Digital(DigitalMeasurement),
    /// Of numbers.
    Number(NumberMeasurement),
    /// Of texts: how many begin in the range.
    Text(u64),
}

/// Of a digital lane. Gaps, and the time before the first entry, count for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DigitalMeasurement {
    /// For how long the level is known, in ns.
    pub known_ns: u64,
    /// For how long it is known to be high, in ns.
    pub high_ns: u64,
    /// Changes of level.
    pub edges: u64,
    /// Periods from an edge to the next edge of the same direction that are whole in the range.
    pub periods: u64,
    /// How long these are together, in ns.
    pub periods_ns: u64,
}

impl DigitalMeasurement {
    /// The share of the known time in which it is high, 0 to 1.
    pub fn duty(&self) -> Option<f64> {
        (self.known_ns > 0).then(|| self.high_ns as f64 / self.known_ns as f64)
    }

    /// The mean frequency of the whole periods.
    pub fn frequency_hz(&self) -> Option<f64> {
        (self.periods_ns > 0).then(|| self.periods as f64 * 1e9 / self.periods_ns as f64)
    }
}

/// Of numbers. Each entry has the same weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberMeasurement {
    /// Entries.
    pub entries: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The root of the mean square.
    pub rms: f64,
}

/// From one cursor to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    /// The time between them, in ns.
    pub ns: i64,
    /// One divided by that time, if they are at different instants.
    pub frequency_hz: Option<f64>,
    /// The difference of the numbers there, if both are known.
    pub number: Option<f64>,
}

impl Recording {
    /// Measures a lane. `None` if the lane is not there, or has no number in the range.
    pub fn measure(&self, id: LaneId, range: TimeRange) -> Option<Measurement> {
        let lane = self.blocks(id)?;
        let first = lane.place(&self.bytes, range.from_ns, Place::default());
        let end = lane.place(&self.bytes, range.until_ns, first);
        let entries = lane.entries_before(end) - lane.entries_before(first);
        match self.lane(id)?.kind {
            LaneKind::Text => Some(Measurement::Text(entries)),
            LaneKind::Number if entries == 0 => None,
            LaneKind::Number => {
                let all = summarise(&self.bytes, lane, first, end);
                Some(Measurement::Number(NumberMeasurement {
                    entries,
                    min: all.min,
                    max: all.max,
                    mean: all.sum / entries as f64,
                    rms: (all.sum_of_squares / entries as f64).sqrt(),
                }))
            }
            LaneKind::Digital => Some(Measurement::Digital(self.measure_digital(lane, range))),
        }
    }

    /// From the cursor at `from_ns` to the one at `to_ns`.
    pub fn delta(&self, id: LaneId, from_ns: u64, to_ns: u64) -> Delta {
        let ns = i64::try_from(i128::from(to_ns) - i128::from(from_ns)).unwrap_or(i64::MAX);
        let number = self.number_at(id, from_ns).zip(self.number_at(id, to_ns));
        Delta {
            ns,
            frequency_hz: (ns != 0).then(|| 1e9 / ns.unsigned_abs() as f64),
            number: number.map(|(from, to)| to - from),
        }
    }

    fn measure_digital(&self, lane: &LaneBlocks, range: TimeRange) -> DigitalMeasurement {
        let mut all = DigitalMeasurement::default();
        let range = TimeRange::new(range.from_ns, range.until_ns.min(self.recorded_until_ns()));
        let mut from_ns = range.from_ns;
        for gap in lane.gaps_in(range) {
            self.measure_stretch(lane, TimeRange::new(from_ns, gap.from_ns.min(range.until_ns)), &mut all);
            from_ns = from_ns.max(gap.until_ns);
        }
        self.measure_stretch(lane, TimeRange::new(from_ns, range.until_ns), &mut all);
        all
    }

    /// Adds a range without gaps.
    fn measure_stretch(&self, lane: &LaneBlocks, range: TimeRange, all: &mut DigitalMeasurement) {
        let first = lane.place(&self.bytes, range.from_ns, Place::default());
        let end = lane.place(&self.bytes, range.until_ns, first);
        let entries = lane.entries_before(end) - lane.entries_before(first);
        let edges = lane.edges_before(end) - lane.edges_before(first);
        let instant = |place: Place| {
            let block = lane.blocks.get(place.block)?;
            Some(block.view(&self.bytes).instant(place.index))
        };
        let held = self.number_before(lane, first, range.from_ns);
        let first_ns = match entries {
            0 => range.until_ns,
            _ => instant(first).unwrap_or(range.until_ns),
        };
        if let Some(level) = held {
            all.known_ns += first_ns.saturating_sub(range.from_ns);
            all.high_ns += if level > 0.0 {
                first_ns.saturating_sub(range.from_ns)
            } else {
                0
            };
        }
        if entries == 0 {
            return;
        }
        all.edges += edges;
        all.known_ns += range.until_ns.saturating_sub(first_ns);
        // The sum has the time after the last entry up to the next one, which may be behind the range.
        let mut high_ns = summarise(&self.bytes, lane, first, end).sum as u64;
        if let Some((block, index)) = lane.last_before(end) {
            let view = block.view(&self.bytes);
            if view.is_high(index) {
                let counted_ns = match index + 1 < block.entries() {
                    true => view.instant(index + 1).saturating_sub(view.instant(index)),
                    false => block.held_high_ns,
                };
                high_ns = high_ns.saturating_sub(counted_ns) + range.until_ns.saturating_sub(view.instant(index));
            }
        }
        all.high_ns += high_ns;
        // The first entry is no edge if nothing is known before it.
        let first_edge = if edges == entries { first } else { lane.behind(first) };
        if edges >= 3 {
            let halves = (edges - 1) / 2 * 2;
            let last_edge = if halves == edges - 1 {
                lane.ahead(end)
            } else {
                lane.ahead(lane.ahead(end))
            };
            if let (Some(from_ns), Some(to_ns)) = (instant(first_edge), instant(last_edge)) {
                all.periods += halves / 2;
                all.periods_ns += to_ns.saturating_sub(from_ns);
            }
        }
    }
}
