//! The cycle model, by which virtual time and CYCCNT advance: one figure for each kind of instruction, after the
//! Cortex-M4 TRM r0p1, table 3-1, with these choices where the TRM gives a range:
//!
//! | kind | cycles |
//! |---|---|
//! | data processing, MUL, UMULL and the like, hints, IT | 1 |
//! | MLA, MLS, MRS, MSR | 2 |
//! | SDIV, UDIV (2–12) | 6 |
//! | single load, exclusive load | 2 |
//! | single store (buffered), exclusive store | 1, 2 |
//! | LDRD, STRD, LDM, STM of N registers | 1 + N |
//! | DSB, DMB, ISB (1 + B) | 2 |
//! | taken branch, any write to PC (1 + P, P 1–3) | + 2 for the refill |
//! | VADD, VMUL, VCMP, VCVT, VMOV and the like (table 7-1) | 1 |
//! | VMLA, VMLS, VFMA and the like | 3 |
//! | VDIV, VSQRT | 14 |
//! | VMOV of two core registers | 2 |
//! | VLDR, VSTR, VLDM, VSTM of N words | 1 + N |
//! | TBB, TBH | 2 + refill |
//! | exception entry, return, tail-chain (chapter 3.9) | 12, 10, 6 |
//!
//! An instruction whose IT condition fails costs as much as when it holds. Memory has no wait states.

use super::instruction::{Hint, Instruction, Vfp, VfpBinary, VfpUnary};

/// Extra cycles of a taken branch: the pipeline refill P.
pub(crate) const REFILL: u32 = 2;
/// From the last instruction of the interrupted code to the first of the handler.
pub(crate) const EXCEPTION_ENTRY: u32 = 12;
/// From EXC_RETURN to the next instruction of the interrupted code.
pub(crate) const EXCEPTION_RETURN: u32 = 10;
/// From EXC_RETURN to the first instruction of the next handler.
pub(crate) const TAIL_CHAIN: u32 = 6;

/// Cycles of one instruction, without [`REFILL`]. At least 1, so that instructions never outnumber cycles.
pub(crate) fn cycles(instruction: &Instruction) -> u32 {
    use Instruction as I;
    match instruction {
        I::MultiplyAccumulate { .. } | I::MoveFromSpecial { .. } | I::MoveToSpecial { .. } => 2,
        I::Divide { .. } => 6,
        I::Load { .. } | I::LoadExclusive { .. } | I::StoreExclusive { .. } | I::TableBranch { .. } => 2,
        I::LoadDual { .. } | I::StoreDual { .. } => 3,
        I::LoadMultiple { list, .. } | I::StoreMultiple { list, .. } => 1 + list.count_ones(),
        I::Hint(Hint::Barrier | Hint::InstructionBarrier) => 2,
        I::Vfp(vfp) => vfp_cycles(vfp),
        _ => 1,
    }
}

fn vfp_cycles(vfp: &Vfp) -> u32 {
    use VfpBinary as B;
    match vfp {
        Vfp::Binary { op: B::Divide, .. } => 14,
        Vfp::Binary {
            op: B::Add | B::Subtract | B::Multiply | B::NegatedMultiply,
            ..
        } => 1,
        Vfp::Binary { .. } => 3,
        Vfp::Unary {
            op: VfpUnary::SquareRoot,
            ..
        } => 14,
        Vfp::Load { count, .. } | Vfp::Store { count, .. } | Vfp::Multiple { count, .. } => 1 + u32::from(*count),
        Vfp::MovePair { .. } => 2,
        _ => 1,
    }
}
