//! Watchpoints of a core under a debugger: the address comparators of the trace block (ARMv7-M C1.8). The trace block is
//! switched on with the first watchpoint. Comparators that the program uses for itself are left to it.

use super::{ProbeError, debugged::DebuggedChip};

const DFSR: u64 = 0xe000_ed30;
const DEMCR: u64 = 0xe000_edfc;
const DWT_CTRL: u64 = 0xe000_1000;
/// DWT_COMP0; DWT_MASK0 and DWT_FUNCTION0 follow, then the next comparator.
const DWT_COMP: u64 = 0xe000_1020;
const MASK: u64 = 0x4;
const FUNCTION: u64 = 0x8;
const NEXT: u64 = 0x10;

/// DFSR.DWTTRAP: a comparator has halted the core. Writing one clears it.
const DWTTRAP: u32 = 1 << 2;
/// DEMCR.TRCENA.
const TRCENA: u32 = 1 << 24;
/// DWT_FUNCTION: what it does, and MATCHED, which reading clears.
const DOES: u32 = 0xf;
const MATCHED: u32 = 1 << 24;
/// As wide as DWT_MASK may be.
const MASK_BITS: u32 = 0x1f;

/// What is watched for, with its value in DWT_FUNCTION.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Loads = 5,
    Stores = 6,
    Both = 7,
}

/// Memory that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watchpoint {
    pub(crate) address: u32,
    pub(crate) length: u32,
    pub(crate) watched: Watched,
}

/// What a comparator is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    Ours(Watchpoint),
    Program,
}

/// The comparators; empty before they are needed.
#[derive(Debug, Default)]
pub(super) struct Comparators {
    uses: Vec<Use>,
    /// How many low bits of an address a comparator can ignore.
    mask_bits: u32,
}

impl DebuggedChip {
    /// Clears what an earlier debugger left, if it left the trace block on.
    pub(super) fn clear_watchpoints(&mut self) -> Result<(), ProbeError> {
        match self.word(DEMCR)? & TRCENA {
            0 => Ok(()),
            _ => self.find_comparators(),
        }
    }

    /// Sets a watchpoint; false if the comparators that are free do not suffice.
    pub(crate) fn add_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<bool, ProbeError> {
        if self.watch.uses.is_empty() {
            let demcr = self.word(DEMCR)?;
            self.set_word(DEMCR, demcr | TRCENA)?;
            self.find_comparators()?;
        }
        let free: Vec<usize> = self.used_for(Use::Free);
        let blocks = blocks(watchpoint.address, watchpoint.length, self.watch.mask_bits, free.len());
        let Some(blocks) = blocks else { return Ok(false) };
        for (index, (address, bits)) in free.into_iter().zip(blocks) {
            let at = comparator(index);
            self.set_word(at + FUNCTION, 0)?;
            self.set_word(at, address)?;
            self.set_word(at + MASK, bits)?;
            self.set_word(at + FUNCTION, watchpoint.watched as u32)?;
            self.watch.uses[index] = Use::Ours(watchpoint);
        }
        Ok(true)
    }

    /// Removes a watchpoint; false if there is none.
    pub(crate) fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<bool, ProbeError> {
        let ours = self.used_for(Use::Ours(watchpoint));
        for index in &ours {
            self.set_word(comparator(*index) + FUNCTION, 0)?;
            self.watch.uses[*index] = Use::Free;
        }
        Ok(!ours.is_empty())
    }

    /// The watchpoint that has halted the core since the last call.
    pub(crate) fn take_watched(&mut self) -> Result<Option<Watchpoint>, ProbeError> {
        let uses = self.watch.uses.clone();
        let ours = uses.iter().enumerate().filter_map(|(index, used)| match used {
            Use::Ours(watchpoint) => Some((index, *watchpoint)),
            Use::Free | Use::Program => None,
        });
        let mut found = None;
        for (index, watchpoint) in ours {
            let matched = self.word(comparator(index) + FUNCTION)? & MATCHED != 0;
            found = found.or(matched.then_some(watchpoint));
        }
        if found.is_none() {
            return Ok(None);
        }
        let trapped = self.word(DFSR)? & DWTTRAP != 0;
        self.set_word(DFSR, DWTTRAP)?;
        Ok(found.filter(|_| trapped))
    }

    /// Removes all watchpoints.
    pub(super) fn release_watchpoints(&mut self) -> Result<(), ProbeError> {
        for index in 0..self.watch.uses.len() {
            if let Use::Ours(_) = self.watch.uses[index] {
                self.set_word(comparator(index) + FUNCTION, 0)?;
                self.watch.uses[index] = Use::Free;
            }
        }
        Ok(())
    }

    fn find_comparators(&mut self) -> Result<(), ProbeError> {
        let count = self.word(DWT_CTRL)? >> 28;
        let mut uses = Vec::new();
        for index in 0..count as usize {
            let at = comparator(index);
            let does = self.word(at + FUNCTION)? & DOES;
            let is_program = does != 0 && !(Watched::Loads as u32..=Watched::Both as u32).contains(&does);
            if !is_program {
                self.set_word(at + FUNCTION, 0)?;
                self.set_word(at + MASK, MASK_BITS)?;
                self.watch.mask_bits = self.word(at + MASK)? & MASK_BITS;
            }
            uses.push(if is_program { Use::Program } else { Use::Free });
        }
        self.watch.uses = uses;
        self.set_word(DFSR, DWTTRAP)
    }

    fn used_for(&self, used: Use) -> Vec<usize> {
        let uses = self.watch.uses.iter().enumerate();
        uses.filter(|(_, found)| **found == used)
            .map(|(index, _)| index)
            .collect()
    }
}

fn comparator(index: usize) -> u64 {
    DWT_COMP + NEXT * index as u64
}

/// Memory as blocks that a comparator each can match, by address and number of bits that are ignored; `None` if there are none
/// or more than `most`.
fn blocks(address: u32, length: u32, mask_bits: u32, most: usize) -> Option<Vec<(u32, u32)>> {
    let (mut at, end) = (u64::from(address), u64::from(address) + u64::from(length));
    let mut blocks = Vec::new();
    while at < end {
        let bits = at.trailing_zeros().min((end - at).ilog2()).min(mask_bits);
        blocks.push((u32::try_from(at).ok()?, bits));
        if blocks.len() > most {
            return None;
        }
        at += 1 << bits;
    }
    (!blocks.is_empty()).then_some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_matched_by_aligned_blocks() {
        for (address, length, most, expected) in [
            (0x2000_0000, 4, 1, Some(vec![(0x2000_0000, 2)])),
            (0x2000_0003, 1, 1, Some(vec![(0x2000_0003, 0)])),
            (0x2000_0002, 4, 2, Some(vec![(0x2000_0002, 1), (0x2000_0004, 1)])),
            (0x2000_0002, 4, 1, None),
            (0x2000_0000, 12, 4, Some(vec![(0x2000_0000, 3), (0x2000_0008, 2)])),
            (
                0x2000_0000,
                0x1_0000,
                2,
                Some(vec![(0x2000_0000, 15), (0x2000_8000, 15)]),
            ),
            (0x2000_0000, u32::MAX, 4, None),
            (0xffff_fffe, 4, 4, None),
            (0, 0, 4, None),
            (0, 4, 0, None),
        ] {
            assert_eq!(blocks(address, length, 15, most), expected, "{address:#x}, {length}");
        }
    }
}
