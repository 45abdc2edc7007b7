//! What a UART carried, as hexadecimal numbers and as letters.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};
use std::fmt::Write as _;

/// Bytes of one annotation that are written out.
const SHOWN: usize = 64;

/// Reads a lane that holds bytes as text: an annotation for each entry.
#[derive(Debug, Clone)]
pub struct Bytes {
    lane: LaneId,
}

impl Bytes {
    /// Reads a lane.
    pub fn new(lane: LaneId) -> Self {
        Self { lane }
    }
}

impl Decoder for Bytes {
    fn lanes(&self) -> Vec<LaneId> {
        vec![self.lane]
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        let Entry::Text { at_ns, bytes } = *entry else { return };
        if lane == self.lane {
            out.push(Annotation::new(TimeRange::new(at_ns, at_ns), dump(bytes), bytes));
        }
    }
}

/// `70 61 6e 0a |pan.|`.
fn dump(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let mut text = String::new();
    for byte in shown {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x} ");
    }
    text.push('|');
    text.extend(shown.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    }));
    text.push('|');
    if bytes.len() > SHOWN {
        let _ = write!(text, " and {} bytes more", bytes.len() - SHOWN);
    }
    text
}
