//! Branches to addresses from registers and memory (A2.3.1: BXWritePC, BLXWritePC, LoadWritePC).

use super::{Flow, Trap};
use crate::core::arm::CortexM;
use crate::core::arm::exceptions::Fault;
use crate::core::arm::instruction::Reg;
use crate::core::fabric::AccessSize;

impl CortexM {
    pub(super) fn branch_exchange(&mut self, rm: Reg) -> Result<Flow, Trap> {
        let target = self.regs.get(rm);
        self.bx_write_pc(target)
    }

    pub(super) fn branch_link_exchange(&mut self, rm: Reg) -> Result<Flow, Trap> {
        let target = self.regs.get(rm);
        self.regs.r[14] = self.regs.pc().wrapping_add(2) | 1;
        self.interwork(target)
    }

    pub(super) fn table_branch(&mut self, half: bool, rn: Reg, rm: Reg) -> Result<Flow, Trap> {
        let (base, index) = (self.regs.get(rn), self.regs.get(rm));
        let privileged = self.regs.privileged();
        let offset = match half {
            true => self.load(base.wrapping_add(index << 1), AccessSize::Half, privileged)?,
            false => self.load(base.wrapping_add(index), AccessSize::Byte, privileged)?,
        };
        Ok(Flow::Jump(self.regs.pc().wrapping_add(4).wrapping_add(offset << 1)))
    }

    pub(super) fn load_write_pc(&mut self, target: u32) -> Result<Flow, Trap> {
        self.bx_write_pc(target)
    }

    fn bx_write_pc(&mut self, target: u32) -> Result<Flow, Trap> {
        if self.regs.exception != 0 && target >> 28 == 0xf {
            return Err(Trap::ExceptionReturn(target));
        }
        self.interwork(target)
    }

    /// Bit 0 must be set, because the core has only the Thumb state. The fault is taken at the target: the change of
    /// state itself does not fault.
    fn interwork(&mut self, target: u32) -> Result<Flow, Trap> {
        if target & 1 == 0 {
            self.regs.r[15] = target;
            return Err(Fault::InvalidState.into());
        }
        Ok(Flow::Jump(target & !1))
    }
}
