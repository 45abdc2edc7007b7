//! The entries of several lanes in the order of their instants.

use crate::{
    entries::{Entries, Entry, EntryError},
    lane::{LaneId, TimeRange},
    recording::Recording,
};
use std::iter::Peekable;

/// The entries of several lanes by instant. At one instant they come in the order in which the lanes were named.
#[derive(Debug)]
pub struct Merged<'a> {
    lanes: Vec<(LaneId, Peekable<Entries<'a>>)>,
}

impl<'a> Merged<'a> {
    /// The entries of these lanes in a range; a lane that is named twice counts once.
    pub fn new(recording: &'a Recording, lanes: &[LaneId], range: TimeRange) -> Self {
        let mut merged: Vec<(LaneId, Peekable<Entries<'a>>)> = Vec::new();
        for &lane in lanes {
            if merged.iter().all(|(known, _)| *known != lane) {
                merged.push((lane, recording.entries(lane, range).peekable()));
            }
        }
        Self { lanes: merged }
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = Result<(LaneId, Entry<'a>), EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut next: Option<(u64, usize)> = None;
        for (index, (_, entries)) in self.lanes.iter_mut().enumerate() {
            let Some(entry) = entries.peek() else { continue };
            let at_ns = match entry {
                Ok(entry) => entry.at_ns(),
                Err(error) => error.range.from_ns,
            };
            if next.is_none_or(|(earliest_ns, _)| at_ns < earliest_ns) {
                next = Some((at_ns, index));
            }
        }
        let (lane, entries) = &mut self.lanes[next?.1];
        let lane = *lane;
        entries.next().map(|entry| entry.map(|entry| (lane, entry)))
    }
}
