//! The latest events, for people who ask what happened.

use crate::api::{ActivityEntry, Event};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Entries that are kept.
pub(crate) const KEPT: usize = 1000;

/// Events in their order.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<VecDeque<ActivityEntry>>);

impl Activity {
    /// Adds an event. One that is not stored is listed at the revision of the store at its time.
    pub(crate) fn push(&self, event: &Event, revision: u64) {
        let mut entries = self.lock();
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(ActivityEntry {
            revision: event.revision.unwrap_or(revision),
            time_ms: event.time_ms,
            event: event.event.clone(),
            board: event.board.clone(),
            text: event.text.clone(),
        });
    }

    /// What happened, newest first: before a revision, to the board of this name.
    pub(crate) fn list(&self, before: Option<u64>, limit: usize, board: Option<&str>) -> Vec<ActivityEntry> {
        let entries = self.lock();
        entries
            .iter()
            .rev()
            .filter(|entry| before.is_none_or(|before| entry.revision < before))
            .filter(|entry| board.is_none_or(|board| entry.board.as_deref() == Some(board)))
            .take(limit)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<ActivityEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::EventName;

    #[test]
    fn the_latest_entries_are_kept_newest_first() {
        let activity = Activity::default();
        for number in 0..KEPT as u64 + 5 {
            let event = Event {
                event: EventName::BoardAdded,
                revision: (number % 2 == 0).then_some(number),
                time_ms: number,
                board: Some(format!("bench-{}", number % 3)),
                app: None,
                text: String::new(),
                data: serde_json::Map::new(),
            };
            activity.push(&event, number);
        }
        let all = activity.list(None, usize::MAX, None);
        assert_eq!(
            (all.len(), all[0].revision, all[KEPT - 1].revision),
            (KEPT, KEPT as u64 + 4, 5)
        );
        let some = activity.list(Some(900), 2, Some("bench-1"));
        let revisions: Vec<u64> = some.iter().map(|entry| entry.revision).collect();
        assert_eq!(revisions, [898, 895]);
    }
}
