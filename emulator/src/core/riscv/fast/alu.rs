//! Cells of arithmetic: one handler for each operation and kind of operand.

use super::{Cell, Handler, get, set};
use crate::core::dispatch::{Clock, next};
use crate::core::riscv::RiscV;
use crate::core::riscv::instruction::AluOp;

const OPS: [AluOp; 18] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Sll,
    AluOp::Slt,
    AluOp::Sltu,
    AluOp::Xor,
    AluOp::Srl,
    AluOp::Sra,
    AluOp::Or,
    AluOp::And,
    AluOp::Mul,
    AluOp::Mulh,
    AluOp::Mulhsu,
    AluOp::Mulhu,
    AluOp::Div,
    AluOp::Divu,
    AluOp::Rem,
    AluOp::Remu,
];

/// Expands to the handler for an operation: `$cell::<OP>`.
macro_rules! by_op {
    ($op:expr, $cell:ident, $($name:ident)*) => {
        match $op {
            $(AluOp::$name => $cell::<{ AluOp::$name as u8 }>,)*
        }
    };
}

/// `a = b op imm`.
pub(super) fn with_immediate(op: AluOp) -> Handler {
    by_op!(op, immediate_cell, Add Sub Sll Slt Sltu Xor Srl Sra Or And Mul Mulh Mulhsu Mulhu Div Divu Rem Remu)
}

/// `a = b op c`.
pub(super) fn with_register(op: AluOp) -> Handler {
    by_op!(op, register_cell, Add Sub Sll Slt Sltu Xor Srl Sra Or And Mul Mulh Mulhsu Mulhu Div Divu Rem Remu)
}

unsafe fn immediate_cell<const OP: u8>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler, and does not leave the block.
    unsafe {
        let op = &(*at).op;
        let value = OPS[OP as usize].apply(get(core, op.b), op.imm);
        set(core, op.a, value);
        next(core, at, clock)
    }
}

unsafe fn register_cell<const OP: u8>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `immediate_cell`.
    unsafe {
        let op = &(*at).op;
        let value = OPS[OP as usize].apply(get(core, op.b), get(core, op.c));
        set(core, op.a, value);
        next(core, at, clock)
    }
}

/// `a = imm`.
pub(super) unsafe fn constant(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `immediate_cell`.
    unsafe {
        let op = &(*at).op;
        set(core, op.a, op.imm);
        next(core, at, clock)
    }
}

/// `a = b`.
pub(super) unsafe fn copy(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `immediate_cell`.
    unsafe {
        let op = &(*at).op;
        let value = get(core, op.b);
        set(core, op.a, value);
        next(core, at, clock)
    }
}

/// `a = b << imm[4:0] >> imm[12:8]`.
pub(super) unsafe fn shift_pair<const SIGNED: bool>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `immediate_cell`.
    unsafe {
        let op = &(*at).op;
        let (left, right) = (op.imm & 31, op.imm >> 8 & 31);
        let shifted = get(core, op.b) << left;
        let value = match SIGNED {
            true => (shifted as i32 >> right) as u32,
            false => shifted >> right,
        };
        set(core, op.a, value);
        next(core, at, clock)
    }
}
