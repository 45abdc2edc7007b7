//! Translates instructions to the cells of a threaded block.

use super::{Handler, alu, branch, memory};
use crate::core::dispatch::{self, Dispatch, Slot as _, Threaded, go_on, reference};
use crate::core::riscv::code::Slot;
use crate::core::riscv::instruction::{AluOp, Instruction, Reg};
use crate::core::riscv::registers::SINK;
use crate::core::riscv::{RiscV, cycles};

type NewOp = dispatch::NewOp<RiscV>;
type BlockBuilder<'a> = dispatch::BlockBuilder<'a, RiscV>;

// SAFETY: `make` and `fuse` choose operands as documented at the handlers in `alu`, `branch`, `memory`; a block ends
// with a handler that leaves it, or with `go_on`.
unsafe impl Threaded for RiscV {
    const TAKEN_CYCLES: u32 = cycles::TAKEN;
    const REGISTERS: u8 = SINK + 1;

    fn branch_target(slot: &Slot) -> u32 {
        match slot.instruction {
            Instruction::Branch { target, .. } | Instruction::Jump { target, .. } => target,
            _ => 0,
        }
    }

    fn emit(builder: &mut BlockBuilder<'_>) {
        let slots = builder.slots;
        let mut index = 0;
        while index < slots.len() {
            let slot = &slots[index];
            if let Some(fused) = slots.get(index + 1).and_then(|second| fuse(slot, second)) {
                builder.push(fused, index, 2);
                index += 2;
                continue;
            }
            index += 1;
            if !is_nothing(&slot.instruction) {
                let new_op = make(slot).unwrap_or_else(|| NewOp::new(reference));
                builder.push(new_op, index - 1, 1);
            }
        }
        if !slots.last().is_some_and(|slot| leaves_by_itself(&slot.instruction)) {
            builder.push(NewOp::new(go_on).linked(), slots.len(), 0);
        }
    }

    #[inline(always)]
    fn dispatch(&mut self) -> &mut Dispatch<Self> {
        &mut self.dispatch
    }

    #[inline(always)]
    fn set_elapsed(&mut self, cycles: u64, instructions: u64) {
        (self.cycles, self.instructions) = (cycles, instructions);
    }

    #[inline(always)]
    fn go_to(&mut self, pc: u32) {
        self.regs.pc = pc;
    }
}

/// Whether its cell never continues with the next.
fn leaves_by_itself(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Branch { .. } | Instruction::Jump { .. } | Instruction::JumpRegister { .. }
    )
}

/// Instructions whose only effect is on the clock, which the header counts.
fn is_nothing(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Fence
            | Instruction::FenceI
            | Instruction::Constant { rd: 0, .. }
            | Instruction::AluImmediate { rd: 0, .. }
            | Instruction::Alu { rd: 0, .. }
    )
}

/// Two instructions in one cell: pairs that compilers write where other architectures have one instruction.
fn fuse(first: &Slot, second: &Slot) -> Option<NewOp> {
    use Instruction as I;
    match (first.instruction, second.instruction) {
        // LUI, ADDI: a constant.
        (
            I::Constant { rd, value },
            I::AluImmediate {
                op: AluOp::Add,
                rd: second_rd,
                rs1,
                imm,
            },
        ) if rd == second_rd && rd == rs1 && rd != 0 => {
            Some(NewOp::abc(alu::constant, rd, 0, 0, value.wrapping_add(imm)))
        }
        // SLLI, SRLI (or SRAI) of one register: the low bits, extended.
        (
            I::AluImmediate {
                op: AluOp::Sll,
                rd,
                rs1,
                imm: left,
            },
            I::AluImmediate {
                op: op @ (AluOp::Srl | AluOp::Sra),
                rd: second_rd,
                rs1: second_rs1,
                imm: right,
            },
        ) if rd == second_rd && rd == second_rs1 && rd != 0 => {
            let handler: Handler = match op {
                AluOp::Srl => alu::shift_pair::<false>,
                _ => alu::shift_pair::<true>,
            };
            Some(NewOp::abc(handler, rd, rs1, 0, left | right << 8))
        }
        _ => None,
    }
}

/// The cell of one instruction; `None` if the reference runs it.
fn make(slot: &Slot) -> Option<NewOp> {
    use Instruction as I;
    Some(match slot.instruction {
        I::Constant { rd, value } => NewOp::abc(alu::constant, rd, 0, 0, value),
        I::AluImmediate {
            op: AluOp::Add,
            rd,
            rs1,
            imm: 0,
        } => NewOp::abc(alu::copy, rd, rs1, 0, 0),
        I::AluImmediate {
            op: AluOp::Add,
            rd,
            rs1: 0,
            imm,
        } => NewOp::abc(alu::constant, rd, 0, 0, imm),
        I::Alu {
            op: AluOp::Add,
            rd,
            rs1: 0,
            rs2: rs,
        } => NewOp::abc(alu::copy, rd, rs, 0, 0),
        I::AluImmediate { op, rd, rs1, imm } => NewOp::abc(alu::with_immediate(op), rd, rs1, 0, imm),
        I::Alu { op, rd, rs1, rs2 } => NewOp::abc(alu::with_register(op), rd, rs1, rs2, 0),
        I::Load { width, rd, rs1, imm } => NewOp::abc(memory::load(width), sink(rd), rs1, 0, imm),
        I::Store { width, rs2, rs1, imm } => NewOp::abc(memory::store(width), rs2, rs1, 0, imm),
        I::Branch {
            comparison,
            rs1,
            rs2: 0,
            ..
        } => NewOp::abc(branch::compare_zero(comparison), rs1, 0, 0, 0).linked(),
        I::Branch {
            comparison, rs1, rs2, ..
        } => NewOp::abc(branch::compare(comparison), rs1, rs2, 0, 0).linked(),
        I::Jump { rd: 0, .. } => NewOp::abc(branch::jump, 0, 0, 0, 0).linked(),
        I::Jump { rd, .. } => NewOp::abc(branch::call, rd, 0, 0, slot.next_pc()).linked(),
        I::JumpRegister { rd: 0, rs1, imm } => NewOp::abc(branch::jump_register, 0, rs1, 0, imm),
        I::JumpRegister { rd, rs1, imm: 0 } => NewOp::abc(branch::call_register, rd, rs1, 0, slot.next_pc()),
        I::JumpRegister { rd, rs1, imm } => NewOp::abc(branch::call_far, rd, rs1, 0, imm),
        _ => return None,
    })
}

/// The register to which the value of `rd` is written.
fn sink(rd: Reg) -> Reg {
    if rd == 0 { SINK } else { rd }
}
