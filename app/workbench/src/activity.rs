//! The latest events, for the activity list.

use crate::api::{ActivityEntry, Event, EventName};
use serde_json::Value;
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
    /// Adds an event; `boards` returns the names of all boards. An event that is not stored is listed at `revision`,
    /// the store's current revision.
    pub(crate) fn push(&self, event: &Event, revision: u64, boards: impl Fn() -> Vec<String>) {
        let new = entries(event, revision, boards);
        let mut entries = self.lock();
        for entry in new {
            if entries.len() == KEPT {
                entries.pop_front();
            }
            entries.push_back(entry);
        }
    }

    /// The events, newest first: before a revision, of the board with this name.
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

/// The entries for an event. Work that a killed run left undone is one entry per board. Two events report it: the
/// gateway's has the details, the workbench's is for clients that follow only the workbench.
fn entries(event: &Event, revision: u64, boards: impl Fn() -> Vec<String>) -> Vec<ActivityEntry> {
    let entry = |board: Option<String>, text: String| ActivityEntry {
        revision: event.revision.unwrap_or(revision),
        time_ms: event.time_ms,
        event: event.event.clone(),
        board,
        text,
    };
    let sentences = event.data.get("sentences").and_then(Value::as_array);
    match (&event.event, sentences) {
        (EventName::GatewayRecovered, Some(sentences)) => {
            let boards = boards();
            let sentences = sentences.iter().filter_map(Value::as_str);
            sentences
                .map(|sentence| entry(board_of(sentence, &boards), format!("{sentence}.")))
                .collect()
        }
        (EventName::WorkbenchRecovered, _) => vec![entry(None, "Drydock was not closed the last time.".into())],
        _ => vec![entry(event.board.clone(), event.text.clone())],
    }
}

/// The board that a sentence is about: the longest board name in it that is a whole word.
fn board_of(sentence: &str, boards: &[String]) -> Option<String> {
    let words: Vec<&str> = sentence.split([' ', ';', ',']).collect();
    let named = boards.iter().filter(|name| words.contains(&name.as_str()));
    named.max_by_key(|name| name.len()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

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
            activity.push(&event, number, Vec::new);
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

    #[test]
    fn what_a_run_left_undone_is_one_entry_for_each_board() {
        let event = |event, sentences: &[&str]| Event {
            event,
            revision: Some(7),
            time_ms: 1,
            board: None,
            app: None,
            text: sentences.join("; "),
            data: Map::from_iter([("sentences".to_owned(), json!(sentences))]),
        };
        let boards = || vec!["bench-1".to_owned(), "bench-10".to_owned()];
        let sentences = [
            "bench-10 was connected when Drydock ended without closing",
            "blink was on its way to bench-1 when Drydock ended; it is sent again when the board returns",
        ];
        let told = entries(&event(EventName::GatewayRecovered, &sentences), 0, boards);
        let shown: Vec<(Option<&str>, &str)> = told
            .iter()
            .map(|entry| (entry.board.as_deref(), entry.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (
                    Some("bench-10"),
                    "bench-10 was connected when Drydock ended without closing."
                ),
                (
                    Some("bench-1"),
                    "blink was on its way to bench-1 when Drydock ended; it is sent again when the board returns."
                ),
            ]
        );
        let told = entries(&event(EventName::WorkbenchRecovered, &sentences), 9, boards);
        assert_eq!(told.len(), 1, "the details are the gateway's entries");
    }
}
