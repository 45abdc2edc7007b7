//! The fleet: the boards of a data directory, the data about each, and the tasks that run them.

mod board;
mod console;
mod kept_snapshot;
mod record;
mod saving;
mod telemetry;
mod view;

pub use board::derived_seed;
pub(crate) use board::{Command, FleetBoard, PendingUpdates, parse_seed};
pub(crate) use console::NewLine;
pub(crate) use kept_snapshot::KeptSnapshot;
pub(crate) use record::{BoardRecord, EmulatedRecord, HostRecord, read};
pub(crate) use telemetry::{metrics_since, read_logs, read_metrics};
pub(crate) use view::board_view;

use drydock_gateway::DeviceId;
use saving::Saving;
use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The boards, by id.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    boards: Mutex<Boards>,
    saving: Saving,
}

#[derive(Debug, Default)]
struct Boards {
    by_id: BTreeMap<String, Arc<FleetBoard>>,
    by_device: HashMap<DeviceId, Arc<FleetBoard>>,
}

impl Fleet {
    /// All boards, by name.
    pub(crate) fn all(&self) -> Vec<Arc<FleetBoard>> {
        let mut boards: Vec<Arc<FleetBoard>> = self.lock().by_id.values().cloned().collect();
        boards.sort_by_cached_key(|board| natural(&board.name()));
        boards
    }

    /// How many boards there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// The board with this id or name.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<Arc<FleetBoard>> {
        let boards = &self.lock().by_id;
        let by_name = || boards.values().find(|board| board.state().record.name == id_or_name);
        boards.get(id_or_name).or_else(by_name).cloned()
    }

    /// The board that carries this device's identity.
    pub(crate) fn of_device(&self, device: &DeviceId) -> Option<Arc<FleetBoard>> {
        self.lock().by_device.get(device).cloned()
    }

    pub(crate) fn insert(&self, board: Arc<FleetBoard>) {
        let device = board.state().record.device.clone();
        let id = board.id.clone();
        {
            let mut boards = self.lock();
            boards.by_device.insert(device, Arc::clone(&board));
            boards.by_id.insert(id.clone(), board);
        }
        self.saving.came(&id);
    }

    pub(crate) fn remove(&self, id: &str) {
        let mut boards = self.lock();
        if let Some(board) = boards.by_id.remove(id) {
            boards.by_device.remove(&board.state().record.device);
        }
    }

    /// Writes the list of boards, and one that is about to be added. Callers that ask during a write share the next
    /// one.
    pub(crate) async fn save(&self, directory: &Path, new: Option<&BoardRecord>) -> io::Result<()> {
        self.saving.save(directory, new, || self.records()).await
    }

    fn records(&self) -> Vec<BoardRecord> {
        let boards = self.lock();
        boards
            .by_id
            .values()
            .map(|board| board.state().record.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Boards> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sort key that puts `bench-2` before `bench-10`: pieces of text, each with the number after it, if any.
fn natural(name: &str) -> Vec<(String, Option<u64>)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[text..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |end| text + end);
        let digits = &rest[text..number];
        let value = (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX));
        parts.push((rest[..text].to_owned(), value));
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
