//! Handlers (cells) of the RISC-V core for the most frequent instructions. The reference executes all others.
//!
//! Handlers rely on the invariants of `dispatch::threaded`: only [`translate`] sets their operands.

mod alu;
mod branch;
mod memory;
mod translate;

use super::RiscV;
use crate::core::dispatch;

type Cell = dispatch::Cell<RiscV>;
type Handler = dispatch::Handler<RiscV>;

/// A register operand of a cell.
#[inline(always)]
unsafe fn get(core: &RiscV, reg: u8) -> u32 {
    // SAFETY: `translate` puts only registers below 33 there.
    unsafe { *core.regs.x.get_unchecked(usize::from(reg)) }
}

/// Writes a register operand of a cell; x0 is named as the sink.
#[inline(always)]
unsafe fn set(core: &mut RiscV, reg: u8, value: u32) {
    // SAFETY: as for `get`.
    unsafe { *core.regs.x.get_unchecked_mut(usize::from(reg)) = value };
}
