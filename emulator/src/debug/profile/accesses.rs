//! Counts the core's loads and stores that reach a device.

use std::collections::HashMap;

use super::limits;

/// Counts for each 16 bytes of address space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accesses {
    pieces: HashMap<u32, (u64, u64)>,
    pub(super) without_room: u64,
}

impl Accesses {
    pub(crate) fn count(&mut self, addr: u32, write: bool) {
        let piece = addr >> 4;
        if self.pieces.len() >= limits::REGISTERS && !self.pieces.contains_key(&piece) {
            self.without_room += 1;
            return;
        }
        let (loads, stores) = self.pieces.entry(piece).or_default();
        *if write { stores } else { loads } += 1;
    }

    /// First address of each piece that was used, with its loads and stores.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        self.pieces
            .iter()
            .map(|(piece, (loads, stores))| (piece << 4, *loads, *stores))
    }
}
