//! The bytes of a part that keeps them without power: a memory, a card, a file that a part plays. Pages that are erased take
//! no room.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const PAGE_BYTES: usize = 4_096;
/// An erased byte.
const ERASED: u8 = 0xff;

/// Bytes that stay when the supply is switched off.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Memory {
    bytes: u32,
    /// Pages that are not erased, by number. The last one may be longer than the memory.
    pages: BTreeMap<u32, Vec<u8>>,
    /// Counts what was written, so that nobody has to compare contents to see a change.
    changes: u64,
}

impl Memory {
    /// An erased one.
    pub(super) fn new(bytes: u32) -> Self {
        Self {
            bytes,
            pages: BTreeMap::new(),
            changes: 0,
        }
    }

    /// Its size.
    pub(super) fn len(&self) -> u32 {
        self.bytes
    }

    /// Rises with each change.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The byte at `address`, which wraps.
    pub(super) fn byte(&self, address: u32) -> u8 {
        let address = address % self.bytes;
        let page = self.pages.get(&(address / PAGE_BYTES as u32));
        page.map_or(ERASED, |page| page[address as usize % PAGE_BYTES])
    }

    /// Changes the byte at `address`, which wraps.
    pub(super) fn update(&mut self, address: u32, change: impl FnOnce(u8) -> u8) {
        let address = address % self.bytes;
        let page = self.pages.entry(address / PAGE_BYTES as u32);
        let page = page.or_insert_with(|| vec![ERASED; PAGE_BYTES]);
        let byte = &mut page[address as usize % PAGE_BYTES];
        *byte = change(*byte);
        self.changes += 1;
    }

    /// Erases whole pages of 4 KiB, from the one of `address` on.
    pub(super) fn erase(&mut self, address: u32, bytes: u32) {
        let first = address % self.bytes / PAGE_BYTES as u32;
        let erased = first..first + bytes.div_ceil(PAGE_BYTES as u32);
        self.pages.retain(|page, _| !erased.contains(page));
        self.changes += 1;
    }

    /// All bytes.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut content = vec![ERASED; self.bytes as usize];
        for (number, page) in &self.pages {
            let at = *number as usize * PAGE_BYTES;
            let end = (at + PAGE_BYTES).min(content.len());
            content[at..end].copy_from_slice(&page[..end - at]);
        }
        content
    }

    /// Has `content` from now on, and erased bytes behind it; its size becomes `bytes`.
    pub(super) fn load(&mut self, content: &[u8], bytes: u32) {
        self.bytes = bytes;
        self.pages.clear();
        for (number, piece) in content.chunks(PAGE_BYTES).enumerate() {
            if piece.iter().any(|byte| *byte != ERASED) {
                let mut page = piece.to_vec();
                page.resize(PAGE_BYTES, ERASED);
                self.pages.insert(number as u32, page);
            }
        }
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It holds what a plain list of bytes would hold.
        #[test]
        fn it_is_a_list_of_bytes(
            bytes in 1_u32..20_000,
            begin in prop::collection::vec(any::<u8>(), 0..9_000),
            acts in prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 0..40),
        ) {
            let begin = &begin[..begin.len().min(bytes as usize)];
            let mut list = vec![ERASED; bytes as usize];
            list[..begin.len()].copy_from_slice(begin);
            let mut memory = Memory::new(7);
            memory.load(begin, bytes);
            for (address, byte, erases) in acts {
                let before = memory.changes();
                let at = (address % bytes) as usize;
                if erases {
                    memory.erase(address, 4_096);
                    let first = at / PAGE_BYTES * PAGE_BYTES;
                    let end = (first + PAGE_BYTES).min(list.len());
                    list[first..end].fill(ERASED);
                } else {
                    memory.update(address, |old| old ^ byte);
                    list[at] ^= byte;
                }
                prop_assert_eq!(memory.byte(address), list[at]);
                prop_assert!(memory.changes() > before);
            }
            prop_assert_eq!(memory.content(), list);
        }
    }
}
