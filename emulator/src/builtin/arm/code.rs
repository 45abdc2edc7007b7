//! Decoded blocks: straight lines of instructions up to the next one that may branch, kept by address.

use std::sync::Arc;

use super::cycles;
use super::decode::{decode, is_wide};
use super::instruction::{Condition, Instruction};
use super::registers::{it_condition, next_it};
use crate::builtin::memory::GuestMemory;

/// A block holds at most this many instructions, so that a run can be cut finely enough.
const SLOTS_MAX: usize = 32;
/// Direct-mapped places for blocks.
const PLACES: usize = 4_096;

/// One instruction of a block.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) instruction: Instruction,
    /// Its address.
    pub(super) pc: u32,
    /// What IT demands of it.
    pub(super) condition: Condition,
    /// ITSTATE while it runs.
    pub(super) it: u8,
    pub(super) bytes: u8,
    pub(super) cycles: u32,
}

/// A straight line of instructions.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) slots: Box<[Slot]>,
    /// The sum of its instructions' cycles, without the refill of a taken branch.
    pub(super) cycles: u32,
}

/// Blocks of one machine.
#[derive(Default)]
pub(super) struct CodeCache {
    places: Vec<Option<Arc<Block>>>,
}

impl CodeCache {
    pub(super) fn get(&self, pc: u32, it: u8) -> Option<&Arc<Block>> {
        let block = self.places.get(place(pc))?.as_ref()?;
        let first = block.slots.first()?;
        (first.pc == pc && first.it == it).then_some(block)
    }

    /// Decodes the block at `pc`; `None` when there is no memory to fetch from.
    pub(super) fn decode(&mut self, memory: &mut GuestMemory, pc: u32, it: u8) -> Option<Arc<Block>> {
        let mut slots = Vec::new();
        let (mut at, mut it) = (pc, it);
        while slots.len() < SLOTS_MAX {
            let Some(slot) = decode_slot(memory, at, it) else { break };
            memory.mark_code(at);
            memory.mark_code(at + u32::from(slot.bytes) - 1);
            at = at.wrapping_add(u32::from(slot.bytes));
            it = match slot.instruction {
                Instruction::IfThen { state } => state,
                _ => next_it(it),
            };
            let ends = slot.instruction.ends_block();
            slots.push(slot);
            if ends {
                break;
            }
        }
        slots.first()?;
        let cycles = slots.iter().map(|slot| slot.cycles).sum();
        let block = Arc::new(Block {
            slots: slots.into(),
            cycles,
        });
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        self.places[place(pc)] = Some(block.clone());
        Some(block)
    }

    /// Forgets everything: some code was rewritten.
    pub(super) fn clear(&mut self) {
        self.places.clear();
    }
}

/// Decodes the instruction at `pc`.
pub(super) fn decode_slot(memory: &GuestMemory, pc: u32, it: u8) -> Option<Slot> {
    let mut half = [0; 2];
    memory.read(pc, &mut half).ok()?;
    let first = u16::from_le_bytes(half);
    if is_wide(first) {
        memory.read(pc.wrapping_add(2), &mut half).ok()?;
    }
    let decoded = decode(pc, first, u16::from_le_bytes(half), it & 15 != 0);
    let cycles = cycles::cycles(&decoded.instruction);
    let condition = it_condition(it);
    Some(Slot {
        instruction: decoded.instruction,
        pc,
        condition,
        it,
        bytes: decoded.bytes,
        cycles,
    })
}

fn place(pc: u32) -> usize {
    (pc >> 1) as usize % PLACES
}
