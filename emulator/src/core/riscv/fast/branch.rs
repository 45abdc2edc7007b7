//! Cells that leave a block.

use super::{Cell, Handler, get, set};
use crate::core::dispatch::{Clock, follow_jump, follow_link, next_pc};
use crate::core::riscv::RiscV;
use crate::core::riscv::instruction::Comparison;

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::GreaterOrEqual,
    Comparison::LessUnsigned,
    Comparison::GreaterOrEqualUnsigned,
];

macro_rules! by_comparison {
    ($comparison:expr, $zero:literal, $($name:ident)*) => {
        match $comparison {
            $(Comparison::$name => compare_cell::<{ Comparison::$name as u8 }, $zero>,)*
        }
    };
}

/// A branch by `a` and `b`.
pub(super) fn compare(comparison: Comparison) -> Handler {
    by_comparison!(comparison, false, Equal NotEqual Less GreaterOrEqual LessUnsigned GreaterOrEqualUnsigned)
}

/// A branch by `a` and zero.
pub(super) fn compare_zero(comparison: Comparison) -> Handler {
    by_comparison!(comparison, true, Equal NotEqual Less GreaterOrEqual LessUnsigned GreaterOrEqualUnsigned)
}

unsafe fn compare_cell<const COMPARISON: u8, const ZERO: bool>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler; a link cell follows.
    unsafe {
        let op = &(*at).op;
        let y = if ZERO { 0 } else { get(core, op.b) };
        match COMPARISONS[COMPARISON as usize].holds(get(core, op.a), y) {
            true => follow_link::<true, _>(core, at, clock),
            false => follow_link::<false, _>(core, at, clock),
        }
    }
}

/// JAL that links nothing.
pub(super) unsafe fn jump(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: a link cell follows.
    unsafe { follow_link::<true, _>(core, at, clock) }
}

/// JAL: `a` becomes `imm`.
pub(super) unsafe fn call(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `compare_cell`.
    unsafe {
        let op = &(*at).op;
        set(core, op.a, op.imm);
        follow_link::<true, _>(core, at, clock)
    }
}

/// JALR to `b + imm` that links nothing.
pub(super) unsafe fn jump_register(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler.
    unsafe {
        let op = &(*at).op;
        let target = get(core, op.b).wrapping_add(op.imm) & !1;
        follow_jump(core, target, clock)
    }
}

/// JALR to `b`; `a` becomes `imm`.
pub(super) unsafe fn call_register(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `jump_register`.
    unsafe {
        let op = &(*at).op;
        let target = get(core, op.b) & !1;
        set(core, op.a, op.imm);
        follow_jump(core, target, clock)
    }
}

/// JALR to `b + imm`, four bytes long; `a` becomes the address after it, which the block knows.
pub(super) unsafe fn call_far(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `jump_register`.
    unsafe {
        let op = &(*at).op;
        let target = get(core, op.b).wrapping_add(op.imm) & !1;
        set(core, op.a, next_pc(at));
        follow_jump(core, target, clock)
    }
}
