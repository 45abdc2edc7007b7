//! Decodes blocks: straight lines of instructions up to the next one that may branch, stored by address.

use super::CortexM;
use super::cycles;
use super::decode::{decode, is_wide};
use super::instruction::{Address, AluOp, Condition, Instruction, Operand, PC, Width};
use super::registers::{it_condition, next_it};
use crate::core::code_cache::CodeCache;
use crate::core::dispatch::{self, Block};
use crate::core::memory::{GuestMemory, RegionKind};

/// Maximum number of instructions of a block (an IT block that has begun is completed). A run can then be split finely
/// enough, and a cell's index fits a byte.
const SLOTS_MAX: usize = 48;

/// One instruction of a block.
#[derive(Clone, Debug)]
pub(in crate::core) struct Slot {
    pub(super) instruction: Instruction,
    /// Its address.
    pub(super) pc: u32,
    /// Its condition from IT.
    pub(super) condition: Condition,
    /// ITSTATE while it runs.
    pub(super) it: u8,
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

/// Decodes the block at `pc`, which starts outside any IT block. `None` if there is no memory to fetch from, or an IT
/// block cannot be decoded completely.
pub(super) fn decode_block<'a>(
    blocks: &'a mut CodeCache<Block<CortexM>>,
    memory: &mut GuestMemory,
    pc: u32,
) -> Option<&'a Block<CortexM>> {
    let mut literals = Vec::new();
    let slots = decode_line(memory, pc, &mut literals);
    let code = slots.iter().map(|slot| (slot.pc, u32::from(slot.bytes)));
    let sources: Vec<(u32, u32)> = code.chain(literals.into_iter().map(|at| (at, 4))).collect();
    let shared = !memory.has_stale_code()
        && blocks
            .shared_cache()
            .is_some_and(|shared| sources.iter().all(|(at, bytes)| shared.covers(*at, *bytes)));
    let block = Block::new(slots.into(), shared)?;
    if shared {
        return blocks.keep_shared(pc, block);
    }
    for (at, bytes) in sources {
        memory.mark_code(at, bytes as usize);
    }
    blocks.keep_own(pc, block)
}

/// The instructions from `pc` to the end of the straight line, complete IT blocks only, and the literals in flash that
/// were resolved with them.
fn decode_line(memory: &GuestMemory, pc: u32, literals: &mut Vec<u32>) -> Vec<Slot> {
    let mut slots = Vec::new();
    // Number of slots when no IT block was open.
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
        slots.push(resolve_literal(memory, slot, literals));
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

/// A literal in flash is a constant: rewriting it counts as rewriting code.
fn resolve_literal(memory: &GuestMemory, slot: Slot, literals: &mut Vec<u32>) -> Slot {
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
    literals.push(at);
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
