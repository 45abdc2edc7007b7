//! Executes each instruction after the specifications. The threaded dispatch must agree with this reference and falls
//! back on it.

use super::RiscV;
use super::instruction::{AmoOp, CsrOp, CsrSource, Instruction, Reg};
use super::trap::{Cause, Trap};
use crate::core::fabric::{AccessFault, AccessSize};

/// The next instruction after an executed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next instruction.
    Next,
    /// To this address.
    Jump(u32),
}

impl RiscV {
    /// Executes one instruction. `regs.pc` is its address, `next` that of the following one.
    pub(super) fn execute(&mut self, instruction: &Instruction, next: u32) -> Result<Flow, Trap> {
        use Instruction as I;
        match *instruction {
            I::Constant { rd, value } => self.regs.set(rd, value),
            I::AluImmediate { op, rd, rs1, imm } => {
                let result = op.apply(self.regs.get(rs1), imm);
                self.regs.set(rd, result);
            }
            I::Alu { op, rd, rs1, rs2 } => {
                let result = op.apply(self.regs.get(rs1), self.regs.get(rs2));
                self.regs.set(rd, result);
            }
            I::Load { width, rd, rs1, imm } => {
                let value = self.load(self.regs.get(rs1).wrapping_add(imm), width)?;
                self.regs.set(rd, value);
            }
            I::Store { width, rs2, rs1, imm } => {
                self.store(self.regs.get(rs1).wrapping_add(imm), self.regs.get(rs2), width)?;
            }
            I::Branch {
                comparison,
                rs1,
                rs2,
                target,
            } => {
                if comparison.holds(self.regs.get(rs1), self.regs.get(rs2)) {
                    return Ok(Flow::Jump(target));
                }
            }
            I::Jump { rd, target } => {
                self.regs.set(rd, next);
                return Ok(Flow::Jump(target));
            }
            I::JumpRegister { rd, rs1, imm } => {
                let target = self.regs.get(rs1).wrapping_add(imm) & !1;
                self.regs.set(rd, next);
                return Ok(Flow::Jump(target));
            }
            I::LoadReserved { rd, rs1 } => self.load_reserved(rd, rs1)?,
            I::StoreConditional { rd, rs1, rs2 } => self.store_conditional(rd, rs1, rs2)?,
            I::Amo { op, rd, rs1, rs2 } => self.amo(op, rd, rs1, rs2)?,
            I::Csr { op, rd, csr, source } => self.access_csr(op, rd, csr, source)?,
            // Stores are visible to fetches and devices at once.
            I::Fence | I::FenceI => {}
            I::EnvironmentCall => {
                let cause = match self.user {
                    true => Cause::CallFromUser,
                    false => Cause::CallFromMachine,
                };
                return Err(Trap::new(cause, 0));
            }
            I::Breakpoint => return Err(Trap::new(Cause::Breakpoint, self.regs.pc)),
            I::MachineReturn => {
                if self.user {
                    return Err(self.illegal());
                }
                return Ok(Flow::Jump(self.return_from_trap()));
            }
            I::WaitForInterrupt => {
                if self.user && self.csrs.waits_time_out() {
                    return Err(self.illegal());
                }
                self.sleeping = true;
                self.attention = true;
            }
            I::Illegal { bits } => return Err(Trap::new(Cause::IllegalInstruction, bits)),
        }
        Ok(Flow::Next)
    }

    /// LR.W (unpriv 8.2). Devices cannot be reserved.
    fn load_reserved(&mut self, rd: Reg, rs1: Reg) -> Result<(), Trap> {
        let addr = self.regs.get(rs1);
        if addr & 3 != 0 {
            return Err(Trap::new(Cause::LoadMisaligned, addr));
        }
        if !self.reservable(addr, None) {
            return Err(Trap::new(Cause::LoadAccess, addr));
        }
        let value = self.load_aligned(addr, AccessSize::Word)?;
        self.reservation = Some(addr);
        self.regs.set(rd, value);
        Ok(())
    }

    /// Whether there can be a reservation at `addr`; logs the access if not.
    fn reservable(&mut self, addr: u32, write: Option<u32>) -> bool {
        let able = self.options.reservations && self.fabric.memory().region(addr).is_some();
        if !able {
            self.place_fabric();
            self.fabric
                .log_fault(addr, AccessSize::Word, write, AccessFault::Denied);
        }
        able
    }

    /// SC.W: it succeeds if its address is the last reserved one, and no trap came between.
    fn store_conditional(&mut self, rd: Reg, rs1: Reg, rs2: Reg) -> Result<(), Trap> {
        let addr = self.regs.get(rs1);
        if addr & 3 != 0 {
            return Err(Trap::new(Cause::StoreMisaligned, addr));
        }
        if !self.reservable(addr, Some(self.regs.get(rs2))) {
            return Err(Trap::new(Cause::StoreAccess, addr));
        }
        let reserved = self.reservation.take() == Some(addr);
        if reserved {
            self.store_aligned(addr, self.regs.get(rs2), AccessSize::Word)?;
        }
        self.regs.set(rd, u32::from(!reserved));
        Ok(())
    }

    /// AMO*.W (unpriv 8.4), also on devices: a load and a store with nothing between them.
    fn amo(&mut self, op: AmoOp, rd: Reg, rs1: Reg, rs2: Reg) -> Result<(), Trap> {
        let addr = self.regs.get(rs1);
        if addr & 3 != 0 {
            return Err(Trap::new(Cause::StoreMisaligned, addr));
        }
        // Any fault of an AMO is a store's fault.
        let old = self
            .load_aligned(addr, AccessSize::Word)
            .map_err(|trap| Trap::new(Cause::StoreAccess, trap.value))?;
        let new = op.apply(old, self.regs.get(rs2));
        self.store_aligned(addr, new, AccessSize::Word)?;
        self.regs.set(rd, old);
        Ok(())
    }

    /// CSRRW, CSRRS, CSRRC (unpriv 9.1): setting or clearing with x0 or 0 writes nothing.
    fn access_csr(&mut self, op: CsrOp, rd: Reg, csr: u16, source: CsrSource) -> Result<(), Trap> {
        let (value, none) = match source {
            CsrSource::Register(rs1) => (self.regs.get(rs1), rs1 == 0),
            CsrSource::Immediate(imm) => (u32::from(imm), imm == 0),
        };
        let write = op == CsrOp::Write || !none;
        if !self.may_access_csr(csr, write) {
            return Err(self.illegal());
        }
        let old = self.csr(csr).ok_or(self.illegal())?;
        if write {
            let new = match op {
                CsrOp::Write => value,
                CsrOp::Set => old | value,
                CsrOp::Clear => old & !value,
            };
            self.set_csr(csr, new).ok_or(self.illegal())?;
        }
        self.regs.set(rd, old);
        Ok(())
    }

    /// The running instruction, still in memory, is illegal in the present state.
    fn illegal(&self) -> Trap {
        let bits = self.fabric.memory().read_u32(self.regs.pc).unwrap_or(0);
        Trap::new(Cause::IllegalInstruction, bits)
    }
}

impl RiscV {
    /// Whether the EBREAK at pc is a semihosting call: `slli x0, x0, 31; ebreak; srai x0, x0, 7`, uncompressed (RISC-V
    /// Semihosting 1.0).
    pub(super) fn is_semihosting(&self) -> bool {
        let memory = self.fabric.memory();
        let word = |addr| memory.read_u32(addr).ok();
        let pc = self.regs.pc;
        word(pc) == Some(0x0010_0073)
            && word(pc.wrapping_sub(4)) == Some(0x01f0_1013)
            && word(pc.wrapping_add(4)) == Some(0x4070_5013)
    }
}
