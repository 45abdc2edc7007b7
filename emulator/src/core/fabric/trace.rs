//! The trace: what happens in a machine beside its outputs, while somebody asks for it.

use super::Fabric;
use crate::machine::{TraceEntry, TraceEvent, TraceTaken, VirtualTime};

/// Entries between two takings; the rest is counted. A slice of a machine has far fewer.
const ENTRIES_MAX: usize = 65_536;

/// What was not taken yet.
#[derive(Debug, Default)]
pub(super) struct TraceLog {
    taken: TraceTaken,
}

impl TraceLog {
    fn push(&mut self, at: VirtualTime, what: TraceEvent) {
        match self.taken.entries.len() < ENTRIES_MAX {
            true => self.taken.entries.push(TraceEntry { at, what }),
            false => self.taken.lost += 1,
        }
    }
}

impl Fabric {
    /// Traces from now on, or no longer. The guest cannot notice it.
    pub fn trace(&mut self, on: bool) {
        if on {
            self.trace.get_or_insert_default();
        } else {
            self.trace = None;
        }
    }

    /// What was traced since the last time.
    pub fn take_trace(&mut self) -> TraceTaken {
        let log = self.trace.as_mut().map(|log| std::mem::take(&mut log.taken));
        log.unwrap_or_default()
    }

    /// Enters what happens now.
    pub(super) fn note(&mut self, what: TraceEvent) {
        if let Some(log) = &mut self.trace {
            log.push(self.now, what);
        }
    }

    /// Whether somebody traces. A core asks before it works out the instant.
    pub(in crate::core) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// Enters what the core does.
    pub(in crate::core) fn note_at(&mut self, at: VirtualTime, what: TraceEvent) {
        if let Some(log) = &mut self.trace {
            log.push(at, what);
        }
    }
}
