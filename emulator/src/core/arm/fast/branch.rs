//! Cells that leave a block, and cells that test conditions.

use super::alu::{self, apply};
use super::{Cell, Handler, get, set};
use crate::core::arm::CortexM;
use crate::core::arm::instruction::{AluOp, Condition};
use crate::core::dispatch::{Clock, ahead, follow_jump, follow_link, next, reference};

/// Expands to the handler for a condition: `$cell::<CONDITION, …>`.
macro_rules! by_condition {
    ($condition:expr, $cell:ident $(, $rest:expr)*) => {
        match $condition {
            Condition::Eq => $cell::<{ Condition::Eq as u8 } $(, { $rest })*>,
            Condition::Ne => $cell::<{ Condition::Ne as u8 } $(, { $rest })*>,
            Condition::Cs => $cell::<{ Condition::Cs as u8 } $(, { $rest })*>,
            Condition::Cc => $cell::<{ Condition::Cc as u8 } $(, { $rest })*>,
            Condition::Mi => $cell::<{ Condition::Mi as u8 } $(, { $rest })*>,
            Condition::Pl => $cell::<{ Condition::Pl as u8 } $(, { $rest })*>,
            Condition::Vs => $cell::<{ Condition::Vs as u8 } $(, { $rest })*>,
            Condition::Vc => $cell::<{ Condition::Vc as u8 } $(, { $rest })*>,
            Condition::Hi => $cell::<{ Condition::Hi as u8 } $(, { $rest })*>,
            Condition::Ls => $cell::<{ Condition::Ls as u8 } $(, { $rest })*>,
            Condition::Ge => $cell::<{ Condition::Ge as u8 } $(, { $rest })*>,
            Condition::Lt => $cell::<{ Condition::Lt as u8 } $(, { $rest })*>,
            Condition::Gt => $cell::<{ Condition::Gt as u8 } $(, { $rest })*>,
            Condition::Le => $cell::<{ Condition::Le as u8 } $(, { $rest })*>,
            Condition::Al => $cell::<{ Condition::Al as u8 } $(, { $rest })*>,
        }
    };
}

const CONDITIONS: [Condition; 15] = [
    Condition::Eq,
    Condition::Ne,
    Condition::Cs,
    Condition::Cc,
    Condition::Mi,
    Condition::Pl,
    Condition::Vs,
    Condition::Vc,
    Condition::Hi,
    Condition::Ls,
    Condition::Ge,
    Condition::Lt,
    Condition::Gt,
    Condition::Le,
    Condition::Al,
];

#[inline(always)]
fn holds<const CONDITION: u8>(core: &CortexM) -> bool {
    core.regs.holds(CONDITIONS[CONDITION as usize])
}

/// The condition after `x - y`, from the operands: the host has instructions for it.
#[inline(always)]
fn holds_between<const CONDITION: u8>(x: u32, y: u32) -> bool {
    match CONDITIONS[CONDITION as usize] {
        Condition::Eq => x == y,
        Condition::Ne => x != y,
        Condition::Cs => x >= y,
        Condition::Cc => x < y,
        Condition::Mi => (x.wrapping_sub(y) as i32) < 0,
        Condition::Pl => (x.wrapping_sub(y) as i32) >= 0,
        Condition::Vs => (x as i32).overflowing_sub(y as i32).1,
        Condition::Vc => !(x as i32).overflowing_sub(y as i32).1,
        Condition::Hi => x > y,
        Condition::Ls => x <= y,
        Condition::Ge => x as i32 >= y as i32,
        Condition::Lt => (x as i32) < y as i32,
        Condition::Gt => x as i32 > y as i32,
        Condition::Le => x as i32 <= y as i32,
        Condition::Al => true,
    }
}

/// Skips the next `imm` cells, which are one instruction, unless the condition holds.
pub(super) fn guard(condition: Condition) -> Handler {
    by_condition!(condition, guard_cell)
}

unsafe fn guard_cell<const CONDITION: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler; the skipped cells are followed by another
    // one.
    unsafe {
        let (step, clock) = match holds::<CONDITION>(core) {
            true => (1, clock),
            false => (1 + (*at).op.imm as usize, clock - 1),
        };
        ahead(core, at, step, clock)
    }
}

/// B by the flags.
pub(super) fn branch(condition: Condition) -> Handler {
    by_condition!(condition, branch_cell)
}

unsafe fn branch_cell<const CONDITION: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: a link cell follows.
    unsafe {
        match holds::<CONDITION>(core) {
            true => follow_link::<true, _>(core, at, clock),
            false => follow_link::<false, _>(core, at, clock),
        }
    }
}

/// The comparison before a fused branch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// CMP `b`, operand.
    Cmp,
    /// TST `b`, operand.
    Tst,
    /// SUBS `a`, `b`, operand.
    Subs,
}

/// A comparison with a constant (or the register `c`) and B, in one cell.
pub(super) fn compare_and_branch(compare: Compare, register: bool, condition: Condition) -> Handler {
    use alu::{IMM, REG};
    match (compare, register) {
        (Compare::Cmp, false) => by_condition!(condition, compare_cell, AluOp::Cmp as u8, IMM),
        (Compare::Cmp, true) => by_condition!(condition, compare_cell, AluOp::Cmp as u8, REG),
        (Compare::Tst, false) => by_condition!(condition, compare_cell, AluOp::Tst as u8, IMM),
        (Compare::Tst, true) => by_condition!(condition, compare_cell, AluOp::Tst as u8, REG),
        (Compare::Subs, false) => by_condition!(condition, compare_cell, AluOp::Sub as u8, IMM),
        (Compare::Subs, true) => by_condition!(condition, compare_cell, AluOp::Sub as u8, REG),
    }
}

unsafe fn compare_cell<const CONDITION: u8, const OP: u8, const OPERAND: u8>(
    core: &mut CortexM,
    at: *const Cell,
    clock: Clock,
) {
    // SAFETY: `at` is an operation that `translate` made for this handler; a link cell follows.
    unsafe {
        let op = &(*at).op;
        let x = get(core, op.b);
        let y = if OPERAND == alu::IMM { op.imm } else { get(core, op.c) };
        apply::<OP, OPERAND, true>(core, at);
        let holds = if OP == AluOp::Tst as u8 {
            holds::<CONDITION>(core)
        } else {
            holds_between::<CONDITION>(x, y)
        };
        match holds {
            true => follow_link::<true, _>(core, at, clock),
            false => follow_link::<false, _>(core, at, clock),
        }
    }
}

/// CBZ, CBNZ of `a`.
pub(super) unsafe fn zero_branch<const NONZERO: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `compare_cell`.
    unsafe {
        match (get(core, (*at).op.a) != 0) == NONZERO {
            true => follow_link::<true, _>(core, at, clock),
            false => follow_link::<false, _>(core, at, clock),
        }
    }
}

/// BL: LR is `imm`.
pub(super) unsafe fn call(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `compare_cell`.
    unsafe {
        core.regs.r[14] = (*at).op.imm;
        follow_link::<true, _>(core, at, clock)
    }
}

/// BX `a`; with `LINK`, BLX `a`, which sets LR to `imm`.
pub(super) unsafe fn jump<const LINK: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler.
    unsafe {
        let op = &(*at).op;
        let target = get(core, op.a);
        if target & 1 == 0 || target >> 28 == 0xf {
            return reference(core, at, clock);
        }
        if LINK {
            core.regs.r[14] = op.imm;
        }
        follow_jump(core, target & !1, clock)
    }
}

/// TBB, TBH with PC as base (`imm`, the table's address, from which offsets count) and index `a`.
pub(super) unsafe fn table<const HALF: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `jump`.
    unsafe {
        let op = &(*at).op;
        let index = get(core, op.a);
        let memory = core.fabric.memory();
        let offset = match HALF {
            true => memory
                .load_fast(op.imm.wrapping_add(index << 1))
                .map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            false => memory
                .load_fast::<1>(op.imm.wrapping_add(index))
                .map(|[byte]| u32::from(byte)),
        };
        match offset {
            Some(offset) => follow_jump(core, op.imm.wrapping_add(offset << 1), clock),
            None => reference(core, at, clock),
        }
    }
}

/// LDR PC: `a` is unused, the address is `b + imm`, or `b + (c << imm)` with `REGISTER`.
pub(super) unsafe fn load_and_jump<const REGISTER: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `jump`.
    unsafe {
        let op = &(*at).op;
        let offset = if REGISTER { get(core, op.c) << op.imm } else { op.imm };
        let address = get(core, op.b).wrapping_add(offset);
        match core.fabric.memory().load_fast(address).map(u32::from_le_bytes) {
            Some(target) if target & 1 != 0 && target >> 28 != 0xf => follow_jump(core, target & !1, clock),
            _ => reference(core, at, clock),
        }
    }
}

/// MOV `a`, with a constant (used by the translator for values that it knows).
pub(super) unsafe fn constant(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `jump`; the cell does not leave the block.
    unsafe {
        let op = &(*at).op;
        set(core, op.a, op.imm);
        next(core, at, clock)
    }
}
