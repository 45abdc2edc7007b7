//! Cursors, and what lies between them.

use crate::{session::Session, time};
use drydock_scope_model::{Measurement, TimeRange};

/// A click this near to an edge means the edge, in points.
pub const SNAP: f64 = 6.0;

/// One of the two cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// The first.
    A,
    /// The second.
    B,
}

/// The two cursors, in ns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cursors {
    /// The first.
    pub a: Option<f64>,
    /// The second.
    pub b: Option<f64>,
}

impl Cursors {
    /// Where a cursor is.
    pub fn get(self, cursor: Cursor) -> Option<f64> {
        match cursor {
            Cursor::A => self.a,
            Cursor::B => self.b,
        }
    }

    /// Puts a cursor somewhere, or takes it away.
    pub fn set(&mut self, cursor: Cursor, at_ns: Option<f64>) {
        match cursor {
            Cursor::A => self.a = at_ns,
            Cursor::B => self.b = at_ns,
        }
    }

    /// The earlier and the later one, if both are there.
    pub fn range(self) -> Option<(f64, f64)> {
        let (a, b) = self.a.zip(self.b)?;
        Some((a.min(b), a.max(b)))
    }
}

impl Session {
    /// What is measured: between the cursors, else what the window shows, in ns.
    pub fn measured(&self) -> (f64, f64) {
        self.cursors
            .range()
            .unwrap_or((self.axis.from_ns.max(0.0), self.axis.until_ns()))
    }

    /// The measured range in a recording.
    pub fn measured_in(&self, source: usize) -> TimeRange {
        let (from_ns, until_ns) = self.measured();
        let offset_ns = self.sources[source].offset_ns;
        let of = |ns: f64| (ns - offset_ns).max(0.0).round() as u64;
        TimeRange::new(of(from_ns), of(until_ns))
    }

    /// What is measured of a row, as a name and a value each.
    pub fn measure(&self, row: usize) -> Vec<(&'static str, String)> {
        let row = &self.rows[row];
        let source = &self.sources[row.source];
        let Some(measurement) = source.recording.measure(row.lane, self.measured_in(row.source)) else {
            return Vec::new();
        };
        match measurement {
            Measurement::Digital(it) => {
                let mut all = vec![("edges", it.edges.to_string())];
                all.extend(it.frequency_hz().map(|hz| ("frequency", time::frequency(hz))));
                all.extend(
                    it.duty()
                        .map(|duty| ("duty", format!("{} %", time::number(duty * 100.0)))),
                );
                all
            }
            Measurement::Number(it) => {
                let space = if row.unit.is_empty() { "" } else { " " };
                let value = |value: f64| format!("{}{space}{}", time::number(value), row.unit);
                let mut all = vec![
                    ("min", value(it.min)),
                    ("max", value(it.max)),
                    ("mean", value(it.mean)),
                    ("rms", value(it.rms)),
                    ("entries", it.entries.to_string()),
                ];
                if let Some((a, b)) = self.cursors.a.zip(self.cursors.b) {
                    let of = |ns: f64| (ns - source.offset_ns).max(0.0) as u64;
                    let delta = source.recording.delta(row.lane, of(a), of(b)).number;
                    all.extend(delta.map(|delta| ("B−A", value(delta))));
                }
                all
            }
            Measurement::Text(count) => vec![("texts", count.to_string())],
        }
    }

    /// The instant that a click means: that of an entry of the row, if one is near.
    pub fn snapped(&self, row: Option<usize>, at_ns: f64, width: f64) -> f64 {
        let near_ns = SNAP / width.max(1.0) * self.axis.span_ns;
        let Some(row) = row.map(|row| &self.rows[row]) else {
            return at_ns;
        };
        let source = &self.sources[row.source];
        let inside_ns = at_ns - source.offset_ns;
        if inside_ns < 0.0 {
            return at_ns;
        }
        let instant_ns = inside_ns as u64;
        [
            source.recording.instant_before(row.lane, instant_ns.saturating_add(1)),
            source.recording.instant_after(row.lane, instant_ns),
        ]
        .into_iter()
        .flatten()
        .map(|entry_ns| entry_ns as f64 + source.offset_ns)
        .filter(|entry_ns| (entry_ns - at_ns).abs() <= near_ns)
        .min_by(|one, other| (one - at_ns).abs().total_cmp(&(other - at_ns).abs()))
        .unwrap_or(at_ns)
    }

    /// Moves cursor A, or the middle of the window, to the next or the previous entry of the selected row.
    pub fn step(&mut self, is_later: bool) {
        let Some(row) = self.selected.and_then(|row| self.rows.get(row)) else {
            self.say("Select a lane first: click its name, or press Down.");
            return;
        };
        let source = &self.sources[row.source];
        let now_ns = self.cursors.a.unwrap_or(self.axis.from_ns + self.axis.span_ns / 2.0);
        let inside_ns = now_ns - source.offset_ns;
        let found = match (is_later, inside_ns < 0.0) {
            (true, true) => source.recording.instant_after(row.lane, 0),
            (true, false) => source.recording.instant_after(row.lane, inside_ns as u64),
            (false, true) => None,
            (false, false) => source.recording.instant_before(row.lane, inside_ns.ceil() as u64),
        };
        let Some(found_ns) = found.map(|ns| ns as f64 + source.offset_ns) else {
            let which = if is_later { "after" } else { "before" };
            self.say(format!("{} has no entry {which} {}.", row.name, self.instant(now_ns)));
            return;
        };
        self.cursors.a = Some(found_ns);
        self.reveal(found_ns);
    }

    /// Moves the window only if an instant is not in its inner part.
    pub fn reveal(&mut self, at_ns: f64) {
        let share = self.axis.x(at_ns, 1.0);
        if !(0.05..=0.95).contains(&share) {
            self.is_following = false;
            self.axis = self.axis.with_at(at_ns, 0.5);
        }
    }
}
