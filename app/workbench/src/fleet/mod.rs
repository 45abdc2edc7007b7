//! The fleet: the boards of a data directory, what is known of each, and what runs them.

mod board;
mod console;
mod record;
mod telemetry;
mod view;

pub(crate) use board::{Board, Command, Untold, parse_seed};
pub(crate) use console::NewLine;
pub(crate) use record::{Record, read, write};
pub(crate) use telemetry::{metrics_since, read_logs, read_metrics};
pub(crate) use view::board_view;

use drydock_gateway::DeviceId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The boards, by id.
#[derive(Debug, Default)]
pub(crate) struct Fleet(Mutex<BTreeMap<String, Arc<Board>>>);

impl Fleet {
    /// All boards, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Board>> {
        let mut boards: Vec<Arc<Board>> = self.lock().values().cloned().collect();
        boards.sort_by_cached_key(|board| natural(&board.name()));
        boards
    }

    /// The board with this id or name.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<Arc<Board>> {
        let boards = self.lock();
        let by_name = || boards.values().find(|board| board.state().record.name == id_or_name);
        boards.get(id_or_name).or_else(by_name).cloned()
    }

    /// The board that carries this device's identity.
    pub(crate) fn of_device(&self, device: &DeviceId) -> Option<Arc<Board>> {
        self.lock()
            .values()
            .find(|board| board.state().record.device == *device)
            .cloned()
    }

    pub(crate) fn insert(&self, board: Arc<Board>) {
        self.lock().insert(board.id.clone(), board);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.lock().values().map(|board| board.state().record.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Board>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Orders `bench-2` before `bench-10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[text..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |end| text + end);
        parts.push((rest[..text].to_owned(), rest[text..number].parse().unwrap_or(u64::MAX)));
        rest = &rest[number..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn names_are_in_the_order_people_expect() {
        let mut names = ["bench-10", "bench-2", "a", "bench", "a1b2", "a1b10", "7"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["7", "a", "a1b2", "a1b10", "bench", "bench-2", "bench-10"]);
    }
}
