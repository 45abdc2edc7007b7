//! The cycle model, by which virtual time and `mcycle` advance: one figure for each kind of instruction, after the
//! SiFive FE310-G002 manual, chapter 3.4 "Execution Pipeline" (single issue, in order), with these choices where it
//! gives a range or depends on history:
//!
//! | kind | cycles |
//! |---|---|
//! | arithmetic, logic, stores, fences | 1 |
//! | load (result latency 2) | 2 |
//! | MUL and the like | 2 |
//! | DIV, REM (2–33) | 12 |
//! | LR, SC, AMO | 3 |
//! | CSR access | 2 |
//! | branch not taken | 1 |
//! | any taken branch or jump (predicted: 1, mispredicted: 3 more) | + 1 |
//! | trap entry, MRET | 4 |
//!
//! Memory has no wait states.

use super::instruction::{AluOp, Instruction};

/// Extra cycles of a taken branch or jump.
pub(super) const TAKEN: u32 = 1;
/// From the last instruction of the interrupted code to the first of the handler.
pub(super) const TRAP_ENTRY: u32 = 4;

/// Cycles of one instruction, without [`TAKEN`]. At least 1, so that instructions never outnumber cycles.
pub(super) fn cycles(instruction: &Instruction) -> u32 {
    use Instruction as I;
    match instruction {
        I::Load { .. } | I::Csr { .. } => 2,
        I::Alu { op, .. } => match op {
            AluOp::Mul | AluOp::Mulh | AluOp::Mulhsu | AluOp::Mulhu => 2,
            AluOp::Div | AluOp::Divu | AluOp::Rem | AluOp::Remu => 12,
            _ => 1,
        },
        I::LoadReserved { .. } | I::StoreConditional { .. } | I::Amo { .. } | I::MachineReturn => 3,
        _ => 1,
    }
}
