//! Joins parts of recordings into one, on one time axis.

use crate::{
    entries::{Entry, EntryError},
    lane::{Lane, LaneId, LaneKind, MAX_TIME_NS, TimeRange},
    recording::{Recording, WriteError, Writer},
};
use std::{
    collections::HashMap,
    io::{Seek, Write},
};

/// A part of a joined recording.
#[derive(Debug)]
pub struct Part<'a> {
    /// Where it is from.
    pub recording: &'a Recording,
    /// Its lanes, and what they are called in the joined recording. Lanes of several parts with the same name, unit and kind
    /// become one; a lane whose name has another kind or unit is left out.
    pub lanes: Vec<(LaneId, String)>,
    /// What is taken of it, in its own time.
    pub range: TimeRange,
    /// Where `range` begins in the joined recording, in ns. A part that would begin before the one before it ends, begins
    /// there.
    pub begins_ns: u64,
    /// Nothing is missing between the part before and this one. Otherwise there is a gap, of a nanosecond at least.
    pub continues: bool,
}

/// What became of the parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Entries that were copied, without gaps.
    pub entries: u64,
    /// The end of the last part, in ns: its last entry.
    pub until_ns: u64,
    /// What could not be read. There are gaps in its place.
    pub damage: Vec<EntryError>,
}

/// A lane of the joined recording.
struct Target {
    id: LaneId,
    lane: Lane,
    /// Its last entry, or the end of its last gap.
    last_ns: u64,
}

/// Copies the entries of the parts to `writer`, part after part, with their times moved. The level that holds where a range
/// begins stands at its begin. Between parts that do not continue each other, each lane has a gap.
///
/// # Errors
/// [`WriteError`]; what was copied before stays in `writer`.
pub fn join<S: Write + Seek>(parts: &[Part<'_>], writer: &mut Writer<S>) -> Result<Joined, WriteError> {
    let mut joined = Joined::default();
    let mut targets: Vec<Target> = Vec::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    for (number, part) in parts.iter().enumerate() {
        let has_gap = number > 0 && !part.continues;
        // A gap without a length would be none.
        let begins_ns = part.begins_ns.max(joined.until_ns + u64::from(has_gap));
        if has_gap {
            for target in &mut targets {
                writer.gap(
                    target.id,
                    TimeRange::new(joined.until_ns.max(target.last_ns), begins_ns),
                    0,
                )?;
                target.last_ns = target.last_ns.max(begins_ns);
            }
        }
        let mut end_ns = begins_ns;
        for (id, name) in &part.lanes {
            let Some(lane) = part.recording.lane(*id) else { continue };
            let known = match names.get(name) {
                Some(known) => *known,
                None => {
                    let lane = Lane {
                        name: name.clone(),
                        ..lane.clone()
                    };
                    let target = Target {
                        id: writer.declare(&lane)?,
                        lane,
                        last_ns: 0,
                    };
                    targets.push(target);
                    names.insert(name.clone(), targets.len() - 1);
                    targets.len() - 1
                }
            };
            let target = &mut targets[known];
            if target.lane.kind == lane.kind && target.lane.unit == lane.unit {
                copy(part, *id, begins_ns, target, writer, &mut joined)?;
                end_ns = end_ns.max(target.last_ns);
            }
        }
        joined.until_ns = end_ns;
        writer.flush(end_ns)?;
    }
    Ok(joined)
}

fn copy<S: Write + Seek>(
    part: &Part<'_>,
    id: LaneId,
    begins_ns: u64,
    target: &mut Target,
    writer: &mut Writer<S>,
    joined: &mut Joined,
) -> Result<(), WriteError> {
    let Part { recording, range, .. } = part;
    let place = |at_ns: u64| {
        let within = at_ns.max(range.from_ns) - range.from_ns;
        begins_ns.saturating_add(within).min(MAX_TIME_NS)
    };
    // A level holds until the next edge. A number is a sample: none is made up where a range begins.
    let held = match target.lane.kind {
        LaneKind::Digital => recording.held(id, range.from_ns),
        LaneKind::Number | LaneKind::Text => None,
    };
    for entry in held.map(Ok).into_iter().chain(recording.entries(id, *range)) {
        match entry {
            Ok(Entry::Level { at_ns, is_high }) => {
                target.last_ns = place(at_ns);
                writer.level(target.id, target.last_ns, is_high)?;
                joined.entries += 1;
            }
            Ok(Entry::Number { at_ns, value }) => {
                target.last_ns = place(at_ns);
                writer.number(target.id, target.last_ns, value)?;
                joined.entries += 1;
            }
            Ok(Entry::Text { at_ns, bytes }) => {
                target.last_ns = place(at_ns);
                writer.text(target.id, target.last_ns, bytes)?;
                joined.entries += 1;
            }
            Ok(Entry::Gap { range: gap, lost }) => {
                let gap = gap
                    .overlap(*range)
                    .unwrap_or(TimeRange::new(range.from_ns, range.from_ns));
                leave_out(
                    target,
                    TimeRange::new(place(gap.from_ns), place(gap.until_ns)),
                    lost,
                    writer,
                )?;
            }
            Err(error) => {
                let lost = error.range.overlap(*range).unwrap_or(*range);
                leave_out(
                    target,
                    TimeRange::new(place(lost.from_ns), place(lost.until_ns)),
                    0,
                    writer,
                )?;
                joined.damage.push(error);
            }
        }
    }
    Ok(())
}

fn leave_out<S: Write + Seek>(
    target: &mut Target,
    gap: TimeRange,
    lost: u32,
    writer: &mut Writer<S>,
) -> Result<(), WriteError> {
    let gap = TimeRange::new(gap.from_ns.max(target.last_ns), gap.until_ns);
    writer.gap(target.id, gap, lost)?;
    target.last_ns = gap.until_ns;
    Ok(())
}
