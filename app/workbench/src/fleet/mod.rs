//! The fleet: the boards of a data directory, the data about each, and the tasks that run them.

mod board;
mod console;
mod kept_snapshot;
mod part_record;
mod record;
mod saving;
mod telemetry;
mod view;

pub use board::derived_seed;
pub(crate) use board::{BoardKind, Command, FleetBoard, PendingUpdates, PortUser, parse_seed};
pub(crate) use console::NewLine;
pub(crate) use kept_snapshot::KeptSnapshot;
pub(crate) use part_record::PartRecord;
pub(crate) use record::{BoardRecord, EmulatedRecord, HostRecord, PhysicalRecord, read};
pub(crate) use telemetry::{metrics_since, read_app_samples, read_logs, read_metrics};
pub(crate) use view::board_view;

use drydock_gateway::DeviceId;
use saving::Saving;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
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
    /// Names and ids of boards that are being made.
    reserved: HashSet<String>,
}

impl Boards {
    fn by_name(&self, name: &str) -> Option<&Arc<FleetBoard>> {
        self.by_id.values().find(|board| board.state().record.name == name)
    }

    fn is_taken(&self, id_or_name: &str) -> bool {
        self.reserved.contains(id_or_name) || self.by_id.contains_key(id_or_name) || self.by_name(id_or_name).is_some()
    }
}

/// A name or an id that belongs to a board that is being made. Dropping it gives it back; a board that is in the fleet by
/// then keeps it.
#[must_use]
pub(crate) struct Reservation<'a> {
    fleet: &'a Fleet,
    text: String,
}

impl Reservation<'_> {
    /// The name or the id.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.fleet.lock().reserved.remove(&self.text);
    }
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
        let boards = self.lock();
        let by_name = || boards.by_name(id_or_name);
        boards.by_id.get(id_or_name).or_else(by_name).cloned()
    }

    /// Reserves a name or an id. `None` if a board has it, or a board that is being made.
    pub(crate) fn reserve(&self, id_or_name: String) -> Option<Reservation<'_>> {
        let mut boards = self.lock();
        if boards.is_taken(&id_or_name) {
            return None;
        }
        boards.reserved.insert(id_or_name.clone());
        Some(Reservation {
            fleet: self,
            text: id_or_name,
        })
    }

    /// Reserves the first free name of `stem-1`, `stem-2`, ….
    pub(crate) fn reserve_numbered(&self, stem: &str) -> Reservation<'_> {
        let mut boards = self.lock();
        let names: HashSet<String> = {
            let board_names = boards.by_id.values().map(|board| board.state().record.name.clone());
            board_names.collect()
        };
        let mut number = 1_u64;
        let text = loop {
            let name = format!("{stem}-{number}");
            if !names.contains(&name) && !boards.reserved.contains(&name) && !boards.by_id.contains_key(&name) {
                break name;
            }
            number += 1;
        };
        boards.reserved.insert(text.clone());
        Reservation { fleet: self, text }
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
    use super::{Fleet, natural};

    #[test]
    fn a_reserved_name_is_given_out_once_until_it_is_dropped() {
        let fleet = Fleet::default();
        let first = fleet.reserve_numbered("bench");
        let second = fleet.reserve_numbered("bench");
        assert_eq!((first.text(), second.text()), ("bench-1", "bench-2"));
        assert!(fleet.reserve("bench-1".into()).is_none());
        drop(first);
        assert!(fleet.reserve("bench-1".into()).is_some());
    }

    #[test]
    fn names_are_in_the_order_people_expect() {
        let mut names = ["bench-10", "bench-2", "a", "bench", "a1b2", "a1b10", "7"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["7", "a", "a1b2", "a1b10", "bench", "bench-2", "bench-10"]);
    }
}
