//! Handlers (cells) of the Arm core for the most frequent instructions. The reference executes all others.
//!
//! Handlers rely on the invariants of `dispatch::threaded`: only [`translate`] sets their operands.

mod alu;
mod branch;
mod dsp;
mod memory;
mod multiply;
mod translate;
mod vfp;

use super::CortexM;
use crate::core::dispatch;

type Cell = dispatch::Cell<CortexM>;
type Handler = dispatch::Handler<CortexM>;

/// A register operand of a cell.
#[inline(always)]
unsafe fn get(core: &CortexM, reg: u8) -> u32 {
    // SAFETY: `translate` puts only registers below 16 there.
    unsafe { *core.regs.r.get_unchecked(usize::from(reg)) }
}

/// Writes a register operand of a cell: not PC, and SP only with a multiple of 4.
#[inline(always)]
unsafe fn set(core: &mut CortexM, reg: u8, value: u32) {
    // SAFETY: as for `get`.
    unsafe { *core.regs.r.get_unchecked_mut(usize::from(reg)) = value };
}
