//! Decoded blocks: straight lines of instructions up to the next one that may branch, kept by address.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cycles;
use super::decode::{decode, is_wide};
use super::fast::{Block, translate};
use super::instruction::Instruction;
use crate::builtin::memory::GuestMemory;

/// A block ends after so many instructions, so that a run can be cut finely enough and a cell's place fits a byte.
const SLOTS_MAX: usize = 48;
/// No block is longer.
pub(super) const BLOCK_BYTES_MAX: u32 = 4 * SLOTS_MAX as u32;

/// One instruction of a block.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) instruction: Instruction,
    /// Its address.
    pub(super) pc: u32,
    pub(super) bytes: u8,
    pub(super) cycles: u32,
}

impl Slot {
    /// The address behind it.
    pub(super) fn next_pc(&self) -> u32 {
        self.pc.wrapping_add(u32::from(self.bytes))
    }
}

/// Blocks of one machine.
#[derive(Default)]
pub(super) struct CodeCache {
    blocks: HashMap<u32, Box<Block>, BuildHasherDefault<PcHasher>>,
}

impl CodeCache {
    pub(super) fn get(&self, pc: u32) -> Option<&Block> {
        self.blocks.get(&pc).map(|block| &**block)
    }

    /// Decodes the block at `pc`; `None` when there is no memory to fetch from.
    pub(super) fn decode(&mut self, memory: &mut GuestMemory, pc: u32) -> Option<&Block> {
        let mut slots = Vec::new();
        let mut at = pc;
        while slots.len() < SLOTS_MAX {
            let Some(slot) = decode_slot(memory, at) else { break };
            memory.mark_code(slot.pc, usize::from(slot.bytes));
            at = slot.next_pc();
            let ends = slot.instruction.ends_block();
            slots.push(slot);
            if ends {
                break;
            }
        }
        let block = translate(slots.into())?;
        Some(self.blocks.entry(pc).insert_entry(block).into_mut())
    }

    /// Forgets everything: some code was rewritten.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }
}

/// Decodes the instruction at `pc`.
pub(super) fn decode_slot(memory: &GuestMemory, pc: u32) -> Option<Slot> {
    let mut half = [0; 2];
    memory.read(pc, &mut half).ok()?;
    let first = u16::from_le_bytes(half);
    if is_wide(first) {
        memory.read(pc.wrapping_add(2), &mut half).ok()?;
    }
    let decoded = decode(pc, first, u16::from_le_bytes(half));
    Some(Slot {
        instruction: decoded.instruction,
        pc,
        bytes: decoded.bytes,
        cycles: cycles::cycles(&decoded.instruction),
    })
}

/// Spreads addresses over a hash table.
#[derive(Default)]
struct PcHasher(u64);

impl Hasher for PcHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, pc: u32) {
        self.0 = (self.0 ^ u64::from(pc))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(32);
    }
}
