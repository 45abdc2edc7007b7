//! The core's own registers: R0–R15, the program status registers, masks and CONTROL (ARMv7-M B1.4).

use super::instruction::{Condition, PC, Reg, SP};

/// Core registers. SP is banked: `r[13]` is the one in use, [`Registers::banked_sp`] the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(C)]
pub struct Registers {
    /// R0–R15; `r[15]` is the address of the instruction being executed, or of the next one between instructions.
    pub r: [u32; 16],
    /// N and Z in one word: Z if the low 32 bits are zero, N if any bit from 31 up is set. A 32-bit result is stored
    /// unchanged. Bit 32 serves the one case without such a result: N and Z both set.
    pub nz: u64,
    /// C: 0 or 1.
    pub c: u32,
    /// V in bit 31.
    pub v: u32,
    /// APSR.Q.
    pub q: bool,
    /// APSR.GE, four bits.
    pub ge: u8,
    /// ITSTATE of the next instruction.
    pub it: u8,
    /// IPSR: the exception being handled, 0 in Thread mode.
    pub exception: u16,
    /// PRIMASK.
    pub primask: bool,
    /// FAULTMASK.
    pub faultmask: bool,
    /// BASEPRI.
    pub basepri: u8,
    /// CONTROL.nPRIV.
    pub unprivileged_thread: bool,
    /// CONTROL.SPSEL.
    pub process_stack: bool,
    /// The stack pointer that is not in use.
    pub banked_sp: u32,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            r: [0; 16],
            nz: 1,
            c: 0,
            v: 0,
            q: false,
            ge: 0,
            it: 0,
            exception: 0,
            primask: false,
            faultmask: false,
            basepri: 0,
            unprivileged_thread: false,
            process_stack: false,
            banked_sp: 0,
        }
    }
}

const APSR_Q: u32 = 1 << 27;
const EPSR_T: u32 = 1 << 24;

impl Registers {
    /// A register as an operand: PC reads as the instruction's address + 4.
    #[inline(always)]
    pub(super) fn get(&self, reg: Reg) -> u32 {
        let value = self.r[usize::from(reg & 15)];
        if reg == PC { value.wrapping_add(4) } else { value }
    }

    /// Writes R0–R14. SP's low two bits are always zero.
    #[inline(always)]
    pub(super) fn set(&mut self, reg: Reg, value: u32) {
        self.r[usize::from(reg & 15)] = if reg == SP { value & !3 } else { value };
    }

    /// Address of the current instruction.
    pub fn pc(&self) -> u32 {
        self.r[15]
    }

    #[inline(always)]
    pub(super) fn set_nz(&mut self, result: u32) {
        self.nz = u64::from(result);
    }

    #[inline(always)]
    pub(super) fn n(&self) -> bool {
        self.nz >> 31 != 0
    }

    #[inline(always)]
    pub(super) fn z(&self) -> bool {
        self.nz as u32 == 0
    }

    #[inline(always)]
    pub(super) fn v_flag(&self) -> bool {
        self.v >> 31 != 0
    }

    /// ConditionPassed (A7.3.1).
    #[inline(always)]
    pub(super) fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Eq => self.z(),
            Condition::Ne => !self.z(),
            Condition::Cs => self.c != 0,
            Condition::Cc => self.c == 0,
            Condition::Mi => self.n(),
            Condition::Pl => !self.n(),
            Condition::Vs => self.v_flag(),
            Condition::Vc => !self.v_flag(),
            Condition::Hi => self.c != 0 && !self.z(),
            Condition::Ls => self.c == 0 || self.z(),
            Condition::Ge => self.n() == self.v_flag(),
            Condition::Lt => self.n() != self.v_flag(),
            Condition::Gt => !self.z() && self.n() == self.v_flag(),
            Condition::Le => self.z() || self.n() != self.v_flag(),
            Condition::Al => true,
        }
    }

    /// APSR: N Z C V Q and GE in their places.
    pub fn apsr(&self) -> u32 {
        u32::from(self.n()) << 31
            | u32::from(self.z()) << 30
            | self.c << 29
            | u32::from(self.v_flag()) << 28
            | u32::from(self.q) << 27
            | u32::from(self.ge) << 16
    }

    /// Sets N, Z, C, V and Q.
    pub fn set_apsr_nzcvq(&mut self, value: u32) {
        self.set_apsr_nzcv(value);
        self.q = value & APSR_Q != 0;
    }

    /// Sets N, Z, C and V.
    pub(super) fn set_apsr_nzcv(&mut self, value: u32) {
        self.nz = match (value >> 31 & 1, value >> 30 & 1) {
            (0, 0) => 1,
            (1, 0) => 1 << 31,
            (0, _) => 0,
            _ => 1 << 32,
        };
        self.c = value >> 29 & 1;
        self.v = (value >> 28 & 1) << 31;
    }

    /// Sets GE from bits 19:16.
    pub fn set_apsr_ge(&mut self, value: u32) {
        self.ge = (value >> 16 & 15) as u8;
    }

    /// The whole xPSR, as it is stacked.
    pub fn xpsr(&self) -> u32 {
        let it = u32::from(self.it);
        self.apsr() | (it & 3) << 25 | EPSR_T | (it >> 2) << 10 | u32::from(self.exception)
    }

    /// Restores APSR and ITSTATE from a stacked xPSR; the caller checks IPSR and T.
    pub(super) fn restore_xpsr(&mut self, xpsr: u32) {
        self.set_apsr_nzcvq(xpsr);
        self.set_apsr_ge(xpsr);
        self.it = ((xpsr >> 25 & 3) | (xpsr >> 10 & 0x3f) << 2) as u8;
    }

    /// CONTROL without FPCA.
    pub fn control(&self) -> u32 {
        u32::from(self.unprivileged_thread) | u32::from(self.process_stack) << 1
    }

    /// Whether the running code is privileged.
    pub fn privileged(&self) -> bool {
        self.exception != 0 || !self.unprivileged_thread
    }

    /// Main stack pointer.
    pub fn msp(&self) -> u32 {
        if self.uses_process_stack() {
            self.banked_sp
        } else {
            self.r[13]
        }
    }

    /// Process stack pointer.
    pub fn psp(&self) -> u32 {
        if self.uses_process_stack() {
            self.r[13]
        } else {
            self.banked_sp
        }
    }

    pub(super) fn set_msp(&mut self, value: u32) {
        match self.uses_process_stack() {
            true => self.banked_sp = value & !3,
            false => self.r[13] = value & !3,
        }
    }

    pub(super) fn set_psp(&mut self, value: u32) {
        match self.uses_process_stack() {
            true => self.r[13] = value & !3,
            false => self.banked_sp = value & !3,
        }
    }

    /// Changes mode (exception number) and CONTROL.SPSEL together, swapping the stack pointers when the one in use
    /// changes. Handler mode always uses the main stack.
    pub(super) fn switch(&mut self, exception: u16, process_stack: bool) {
        let before = self.uses_process_stack();
        self.exception = exception;
        self.process_stack = process_stack;
        if self.uses_process_stack() != before {
            std::mem::swap(&mut self.r[13], &mut self.banked_sp);
        }
    }

    fn uses_process_stack(&self) -> bool {
        self.process_stack && self.exception == 0
    }

    /// ITAdvance (A7.3.3).
    pub(super) fn advance_it(&mut self) {
        self.it = next_it(self.it);
    }
}

/// ITSTATE after one more instruction of the block.
pub(super) fn next_it(it: u8) -> u8 {
    if it & 7 == 0 { 0 } else { it & 0xe0 | it << 1 & 0x1f }
}

/// The condition that ITSTATE puts on the next instruction.
pub(super) fn it_condition(it: u8) -> Condition {
    if it & 15 == 0 {
        return Condition::Al;
    }
    Condition::from_bits(u32::from(it >> 4)).unwrap_or(Condition::Al)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_flags_survives() {
        let mut regs = Registers::default();
        for flags in 0..32 {
            regs.set_apsr_nzcvq(flags << 27);
            assert_eq!(regs.apsr() >> 27, flags);
        }
    }

    #[test]
    fn it_state_walks_through_its_conditions() {
        // ITTE EQ: 0000 0110.
        let mut it = 0b0000_0110;
        let mut seen = Vec::new();
        while it != 0 {
            seen.push(it_condition(it));
            it = next_it(it);
        }
        assert_eq!(seen, [Condition::Eq, Condition::Eq, Condition::Ne]);
    }

    #[test]
    fn handler_mode_uses_the_main_stack() {
        let mut regs = Registers::default();
        regs.set_msp(0x100);
        regs.set_psp(0x200);
        regs.switch(0, true);
        assert_eq!((regs.r[13], regs.msp(), regs.psp()), (0x200, 0x100, 0x200));
        regs.switch(3, true);
        assert_eq!((regs.r[13], regs.psp()), (0x100, 0x200));
        regs.switch(0, true);
        assert_eq!(regs.r[13], 0x200);
    }
}
