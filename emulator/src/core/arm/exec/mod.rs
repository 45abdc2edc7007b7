//! Executes each instruction after the manual's pseudocode. The threaded dispatch must agree with this reference and
//! falls back on it. One module per group; faults are values, which `exceptions` takes.

mod alu;
mod branch;
mod dsp;
mod memory;
mod multiply;
mod system;
mod vfp;

use super::CortexM;
use super::exceptions::Fault;
use super::instruction::Instruction;

#[cfg(not(feature = "safe"))]
pub(super) use alu::add_with_carry;

/// The next instruction after an executed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next instruction.
    Next,
    /// To this address.
    Jump(u32),
}

/// Why an instruction did not complete as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trap {
    /// A synchronous fault; the instruction has had no effect that a restart would repeat wrongly.
    Fault(Fault),
    /// SVC: the exception is taken with the next instruction as return address.
    SupervisorCall,
    /// BKPT.
    Breakpoint(u8),
    /// A branch to an EXC_RETURN value in Handler mode.
    ExceptionReturn(u32),
    /// WFI or WFE put the core to sleep; the instruction itself has completed.
    Sleep,
}

impl From<Fault> for Trap {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl CortexM {
    /// Executes one instruction whose condition holds. `regs.r[15]` is its address.
    pub(super) fn execute(&mut self, instruction: &Instruction) -> Result<Flow, Trap> {
        use Instruction as I;
        match *instruction {
            I::Alu {
                op,
                set_flags,
                rd,
                rn,
                operand,
            } => return Ok(self.alu(op, set_flags, rd, rn, operand)),
            I::ShiftByRegister {
                shift,
                set_flags,
                rd,
                rn,
                rm,
            } => {
                self.shift_by_register(shift, set_flags, rd, rn, rm);
            }
            I::MovTop { rd, imm16 } => {
                let low = self.regs.get(rd) & 0xffff;
                self.regs.set(rd, u32::from(imm16) << 16 | low);
            }
            I::BitFieldInsert { rd, rn, lsb, width } => self.bit_field_insert(rd, rn, lsb, width),
            I::BitFieldExtract {
                signed,
                rd,
                rn,
                lsb,
                width,
            } => self.bit_field_extract(signed, rd, rn, lsb, width),
            I::Extend {
                extension,
                rd,
                rn,
                rm,
                rotate,
            } => self.extend(extension, rd, rn, rm, rotate),
            I::Reverse { reversal, rd, rm } => self.reverse(reversal, rd, rm),

            I::Saturate {
                signed,
                rd,
                rn,
                bits,
                shift,
                amount,
            } => self.saturate(signed, rd, rn, bits, shift, amount),
            I::Saturate16 { signed, rd, rn, bits } => self.saturate16(signed, rd, rn, bits),
            I::Pack {
                top_first,
                rd,
                rn,
                rm,
                shift,
                amount,
            } => self.pack(top_first, rd, rn, rm, shift, amount),
            I::Select { rd, rn, rm } => self.select(rd, rn, rm),
            I::Parallel { lanes, op, rd, rn, rm } => self.parallel(lanes, op, rd, rn, rm),
            I::Saturating { op, rd, rm, rn } => self.saturating(op, rd, rm, rn),

            I::Multiply { set_flags, rd, rn, rm } => self.multiply(set_flags, rd, rn, rm),
            I::MultiplyAccumulate {
                subtract,
                rd,
                rn,
                rm,
                ra,
            } => self.multiply_accumulate(subtract, rd, rn, rm, ra),
            I::MultiplyLong {
                op,
                rd_lo,
                rd_hi,
                rn,
                rm,
            } => self.multiply_long(op, rd_lo, rd_hi, rn, rm),
            I::MultiplyDsp { op, rd, rn, rm, ra } => self.multiply_dsp(op, rd, rn, rm, ra),
            I::Divide { signed, rd, rn, rm } => self.divide(signed, rd, rn, rm)?,

            I::Load {
                width,
                rt,
                address,
                unprivileged,
            } => return self.load_single(width, rt, address, unprivileged),
            I::Store {
                width,
                rt,
                address,
                unprivileged,
            } => self.store_single(width, rt, address, unprivileged)?,
            I::LoadDual { rt, rt2, address } => self.load_dual(rt, rt2, address)?,
            I::StoreDual { rt, rt2, address } => self.store_dual(rt, rt2, address)?,
            I::LoadMultiple {
                rn,
                list,
                write_back,
                before,
            } => {
                return self.load_multiple(rn, list, write_back, before);
            }
            I::StoreMultiple {
                rn,
                list,
                write_back,
                before,
            } => self.store_multiple(rn, list, write_back, before)?,
            I::LoadExclusive { width, rt, rn, imm } => self.load_exclusive(width, rt, rn, imm)?,
            I::StoreExclusive { width, rd, rt, rn, imm } => self.store_exclusive(width, rd, rt, rn, imm)?,
            I::ClearExclusive => self.exclusive = false,

            I::Branch { condition, target } => {
                if self.regs.holds(condition) {
                    return Ok(Flow::Jump(target));
                }
            }
            I::BranchLink { target } => {
                self.regs.r[14] = self.regs.pc().wrapping_add(4) | 1;
                return Ok(Flow::Jump(target));
            }
            I::BranchExchange { rm } => return self.branch_exchange(rm),
            I::BranchLinkExchange { rm } => return self.branch_link_exchange(rm),
            I::CompareBranch { nonzero, rn, target } => {
                if (self.regs.get(rn) != 0) == nonzero {
                    return Ok(Flow::Jump(target));
                }
            }
            I::TableBranch { half, rn, rm } => return self.table_branch(half, rn, rm),

            // The runner starts the block.
            I::IfThen { .. } => {}
            I::Hint(hint) => return self.hint(hint),
            I::ChangeState {
                disable,
                primask,
                faultmask,
            } => self.change_state(disable, primask, faultmask),
            I::MoveFromSpecial { rd, sysm } => self.move_from_special(rd, sysm),
            I::MoveToSpecial { rn, sysm, mask } => self.move_to_special(rn, sysm, mask),
            I::SupervisorCall { .. } => return Err(Trap::SupervisorCall),
            I::Breakpoint { imm } => return Err(Trap::Breakpoint(imm)),
            I::Vfp(vfp) => self.vfp(&vfp)?,
            I::Coprocessor { .. } => return Err(Fault::NoCoprocessor.into()),
            I::Undefined => return Err(Fault::UndefinedInstruction.into()),
        }
        Ok(Flow::Next)
    }
}
