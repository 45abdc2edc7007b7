//! Records which instructions were executed: one bit for each halfword of code.

use std::collections::BTreeMap;

use super::limits;

const PAGE_BYTES: u32 = 4_096;
const WORDS: usize = PAGE_BYTES as usize / 2 / 64;

/// The bits, by page.
#[derive(Clone, Debug, Default)]
pub(super) struct Executed {
    pages: BTreeMap<u32, Box<[u64; WORDS]>>,
    /// The most recent page, looked up once for a run of instructions on it.
    recent: Option<(u32, Box<[u64; WORDS]>)>,
    pub(super) without_room: u64,
}

impl Executed {
    /// The instruction at `pc`, `bytes` long, was executed.
    #[inline]
    pub(super) fn mark(&mut self, pc: u32, bytes: u32) {
        for half in 0..bytes.div_ceil(2) {
            self.mark_half(pc.wrapping_add(2 * half));
        }
    }

    #[inline]
    fn mark_half(&mut self, at: u32) {
        let (page, half) = (at / PAGE_BYTES, (at % PAGE_BYTES / 2) as usize);
        if self.recent.as_ref().is_none_or(|(recent, _)| *recent != page) && !self.open(page) {
            return;
        }
        if let Some((_, bits)) = &mut self.recent {
            bits[half / 64] |= 1 << (half % 64);
        }
    }

    fn open(&mut self, page: u32) -> bool {
        if let Some((page, bits)) = self.recent.take() {
            self.pages.insert(page, bits);
        }
        let bits = self.pages.remove(&page);
        if bits.is_none() && self.pages.len() >= limits::CODE_PAGES {
            self.without_room += 1;
            return false;
        }
        self.recent = Some((page, bits.unwrap_or_else(|| Box::new([0; WORDS]))));
        true
    }

    /// Maximal ranges of executed code: first address, and end address (exclusive).
    pub(super) fn ranges(&self) -> Vec<(u32, u32)> {
        let mut pages: BTreeMap<u32, &[u64; WORDS]> = self.pages.iter().map(|(page, bits)| (*page, &**bits)).collect();
        if let Some((page, bits)) = &self.recent {
            pages.insert(*page, bits);
        }
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (page, bits) in pages {
            for half in 0..PAGE_BYTES / 2 {
                if bits[half as usize / 64] >> (half % 64) & 1 == 0 {
                    continue;
                }
                let at = page * PAGE_BYTES + 2 * half;
                match ranges.last_mut() {
                    Some((_, end)) if *end == at => *end = at.saturating_add(2),
                    _ => ranges.push((at, at.saturating_add(2))),
                }
            }
        }
        ranges
    }
}
