//! Decoded blocks: straight lines of instructions up to the next one that may branch, kept by address.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cycles;
use super::decode::{decode, is_wide};
use super::fast::{Block, translate};
use super::instruction::{Address, AluOp, Condition, Instruction, Operand, PC, Width};
use super::registers::{it_condition, next_it};
use crate::builtin::memory::{GuestMemory, RegionKind};

/// A block ends after so many instructions (an IT block that has begun is finished), so that a run can be cut finely
/// enough and a cell's place fits a byte.
const SLOTS_MAX: usize = 48;

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

/// Blocks of one machine. All start outside IT blocks.
#[derive(Default)]
pub(super) struct CodeCache {
    blocks: HashMap<u32, Box<Block>, BuildHasherDefault<PcHasher>>,
}

impl CodeCache {
    pub(super) fn get(&self, pc: u32) -> Option<&Block> {
        self.blocks.get(&pc).map(|block| &**block)
    }

    /// Decodes the block at `pc`; `None` when there is no memory to fetch from, or an IT block cannot be had whole.
    pub(super) fn decode(&mut self, memory: &mut GuestMemory, pc: u32) -> Option<&Block> {
        let slots = decode_line(memory, pc);
        for slot in &slots {
            memory.mark_code(slot.pc, usize::from(slot.bytes));
        }
        let block = translate(slots.into())?;
        Some(self.blocks.entry(pc).insert_entry(block).into_mut())
    }

    /// Forgets everything: some code was rewritten.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }
}

/// The instructions from `pc` to the end of their line, whole IT blocks only.
fn decode_line(memory: &mut GuestMemory, pc: u32) -> Vec<Slot> {
    let mut slots = Vec::new();
    // How many slots there were when no IT block was open.
    let mut whole = 0;
    let (mut at, mut it) = (pc, 0);
    while slots.len() < SLOTS_MAX || it != 0 {
        let Some(slot) = decode_slot(memory, at, it) else { break };
        at = at.wrapping_add(u32::from(slot.bytes));
        it = match slot.instruction {
            Instruction::IfThen { state } => state,
            _ => next_it(it),
        };
        let ends = slot.instruction.ends_block();
        slots.push(resolve_literal(memory, slot));
        if it == 0 {
            whole = slots.len();
        }
        if ends {
            break;
        }
    }
    slots.truncate(whole);
    slots
}

/// A literal in flash is a constant: whoever rewrites it is told of as if it were code.
fn resolve_literal(memory: &mut GuestMemory, slot: Slot) -> Slot {
    let Instruction::Load {
        width: Width::Word,
        rt,
        address: Address::Literal(at),
        ..
    } = slot.instruction
    else {
        return slot;
    };
    let in_flash = memory.region(at).is_some_and(|region| region.kind == RegionKind::Flash);
    let Some(value) = memory.read_u32(at).ok().filter(|_| in_flash && rt != PC && at % 4 == 0) else {
        return slot;
    };
    memory.mark_code(at, 4);
    let operand = Operand::Imm { value, carry: None };
    let instruction = Instruction::Alu {
        op: AluOp::Mov,
        set_flags: false,
        rd: rt,
        rn: 0,
        operand,
    };
    Slot { instruction, ..slot }
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
