//! Decodes blocks: straight lines of instructions up to the next one that may branch, stored by address.

use super::RiscV;
use super::cycles;
use super::decode::{decode, is_wide};
use super::instruction::Instruction;
use crate::core::code_cache::CodeCache;
use crate::core::dispatch::{self, Block, Slot as _};
use crate::core::memory::GuestMemory;

/// Maximum number of instructions of a block. A run can then be split finely enough, and a cell's index fits a byte.
const SLOTS_MAX: usize = 48;
/// No block is longer.
pub(super) const BLOCK_BYTES_MAX: u32 = 4 * SLOTS_MAX as u32;

/// One instruction of a block.
#[derive(Clone, Debug)]
pub(in crate::core) struct Slot {
    pub(super) instruction: Instruction,
    /// Its address.
    pub(super) pc: u32,
    pub(super) bytes: u8,
    pub(super) cycles: u32,
}

impl dispatch::Slot for Slot {
    #[inline(always)]
    fn pc(&self) -> u32 {
        self.pc
    }

    #[inline(always)]
    fn next_pc(&self) -> u32 {
        self.pc.wrapping_add(u32::from(self.bytes))
    }

    #[inline(always)]
    fn cycles(&self) -> u32 {
        self.cycles
    }
}

/// Decodes the block at `pc`; `None` when there is no memory to fetch from.
pub(super) fn decode_block<'a>(
    blocks: &'a mut CodeCache<Block<RiscV>>,
    memory: &mut GuestMemory,
    pc: u32,
) -> Option<&'a Block<RiscV>> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut at = pc;
    while slots.len() < SLOTS_MAX {
        let Some(slot) = decode_slot(memory, at) else { break };
        at = slot.next_pc();
        let ends = slot.instruction.ends_block();
        slots.push(slot);
        if ends {
            break;
        }
    }
    let bytes = at.wrapping_sub(pc);
    let shared = !memory.has_stale_code() && blocks.shared_cache().is_some_and(|shared| shared.covers(pc, bytes));
    if !shared {
        for slot in &slots {
            memory.mark_code(slot.pc, usize::from(slot.bytes));
        }
    }
    let block = Block::new(slots.into(), shared)?;
    if shared {
        blocks.keep_shared(pc, block)
    } else {
        blocks.keep_own(pc, block)
    }
}

/// Decodes the instruction at `pc`.
pub(super) fn decode_slot(memory: &GuestMemory, pc: u32) -> Option<Slot> {
    let mut half = [0; 2];
    memory.fetch(pc, &mut half).ok()?;
    let first = u16::from_le_bytes(half);
    if is_wide(first) {
        memory.fetch(pc.wrapping_add(2), &mut half).ok()?;
    }
    let decoded = decode(pc, first, u16::from_le_bytes(half));
    Some(Slot {
        instruction: decoded.instruction,
        pc,
        bytes: decoded.bytes,
        cycles: cycles::cycles(&decoded.instruction),
    })
}
