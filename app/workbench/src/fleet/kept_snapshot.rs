//! A machine's state, kept in memory.

use super::board::FleetBoard;
use crate::api::SnapshotView;
use drydock_emulator::MachineSnapshot;
use std::sync::Arc;

/// A state that is kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptSnapshot {
    pub(crate) name: String,
    pub(crate) taken_ms: u64,
    pub(crate) instructions: u64,
    pub(crate) imported: bool,
    pub(crate) state: Arc<MachineSnapshot>,
}

impl KeptSnapshot {
    pub(crate) fn view(&self, board: &FleetBoard) -> SnapshotView {
        SnapshotView {
            name: self.name.clone(),
            board: board.id.clone(),
            taken_ms: self.taken_ms,
            virtual_time_s: self.state.at.as_us() as f64 / 1e6,
            instructions: self.instructions,
            imported: self.imported,
        }
    }
}
