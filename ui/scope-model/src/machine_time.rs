//! The virtual time of a board's machine over the time axis of a recording.
//!
//! The lane `BOARD/clock` says which virtual time the machine had where the axis was set to it. From there on both run alike,
//! up to the gap that ends where the axis was set again.

use crate::{
    entries::Entry,
    lane::{LaneId, LaneKind, TimeRange},
    recording::Recording,
};

/// While a machine ran: the axis and its virtual time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// On the axis of the recording.
    pub range: TimeRange,
    /// The machine's virtual time when it began, in ns.
    pub machine_ns: u64,
}

/// When a machine ran, and which time it had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineTime {
    /// By time. Between two of them, the machine stood still or was off.
    pub runs: Vec<Run>,
}

impl MachineTime {
    /// Of a board by name. There are no runs if the recording has no clock of it, as of a physical board.
    pub fn of(recording: &Recording, board: &str) -> Self {
        let Some(clock) = recording.lane_named(&format!("{board}/clock")) else {
            return Self::default();
        };
        let entries = recording.entries(clock, TimeRange::new(0, u64::MAX));
        let settings: Vec<(u64, u64)> = entries
            .filter_map(|entry| match entry {
                Ok(Entry::Number { at_ns, value }) if value >= 0.0 => Some((at_ns, (value * 1e9).round() as u64)),
                _ => None,
            })
            .collect();
        let prefix = format!("{board}/");
        let lanes = recording
            .lanes()
            .filter(|(id, lane)| lane.name.starts_with(&prefix) && *id != clock);
        let lanes: Vec<(LaneId, LaneKind)> = lanes.map(|(id, lane)| (id, lane.kind)).collect();
        let state = recording.lane_named(&format!("{board}/state"));
        let runs = settings.iter().enumerate().map(|(index, &(from_ns, machine_ns))| {
            let until_ns = match settings.get(index + 1) {
                Some(&(next_ns, _)) => stood_still(recording, &lanes, state, TimeRange::new(from_ns, next_ns)),
                None => recording.recorded_until_ns().max(from_ns),
            };
            Run {
                range: TimeRange::new(from_ns, until_ns),
                machine_ns,
            }
        });
        Self { runs: runs.collect() }
    }

    /// The virtual time at an instant of the axis, in ns; `None` while the machine did not run.
    pub fn at(&self, at_ns: f64) -> Option<f64> {
        let next = self.runs.partition_point(|run| run.range.from_ns as f64 <= at_ns);
        let run = self.runs.get(next.checked_sub(1)?)?;
        (at_ns <= run.range.until_ns as f64).then_some(run.machine_ns as f64 + (at_ns - run.range.from_ns as f64))
    }

    /// How much virtual time passed between two instants of the axis, in ns. Pauses count for nothing.
    pub fn passed(&self, from_ns: f64, until_ns: f64) -> f64 {
        let of = |run: &Run| {
            let (begin, end) = (run.range.from_ns as f64, run.range.until_ns as f64);
            (end.min(until_ns) - begin.max(from_ns)).max(0.0)
        };
        self.runs.iter().map(of).sum()
    }
}

/// Where a machine stood still that goes on at the end of a range. Lanes of a machine have a gap there, and the lane `state`
/// says at its begin why.
fn stood_still(recording: &Recording, lanes: &[(LaneId, LaneKind)], state: Option<LaneId>, run: TimeRange) -> u64 {
    let end = TimeRange::new(run.until_ns.saturating_sub(1), run.until_ns);
    let gaps = lanes.iter().flat_map(|&(id, kind)| {
        let ends_here = recording.gaps(id, end).filter(|(gap, _)| gap.until_ns == run.until_ns);
        ends_here.map(move |(gap, _)| (kind, gap.from_ns.max(run.from_ns)))
    });
    let gaps: Vec<(LaneKind, u64)> = gaps.collect();
    let is_said = |from_ns: u64| {
        state
            .and_then(|id| recording.text_at(id, from_ns))
            .is_some_and(|(at, _)| at == from_ns)
    };
    // A pin that nothing drove has a gap of its own before.
    let said = gaps
        .iter()
        .map(|(_, from_ns)| *from_ns)
        .filter(|from_ns| is_said(*from_ns))
        .max();
    let of_texts = || {
        gaps.iter()
            .filter(|(kind, _)| *kind == LaneKind::Text)
            .map(|(_, from_ns)| *from_ns)
            .min()
    };
    let of_all = || gaps.iter().map(|(_, from_ns)| *from_ns).min();
    said.or_else(of_texts).or_else(of_all).unwrap_or(run.until_ns)
}
