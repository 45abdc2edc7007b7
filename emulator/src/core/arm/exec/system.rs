//! Hints, mask changes and special registers (B5.2).

use super::{Flow, Trap};
use crate::core::arm::CortexM;
use crate::core::arm::instruction::{APSR_MAX, Hint, Reg};

/// SYSm numbers of MRS and MSR (B5.2.2).
mod sysm {
    pub(super) const MSP: u8 = 8;
    pub(super) const PSP: u8 = 9;
    pub(super) const PRIMASK: u8 = 16;
    pub(super) const BASEPRI: u8 = 17;
    pub(super) const BASEPRI_MAX: u8 = 18;
    pub(super) const FAULTMASK: u8 = 19;
    pub(super) const CONTROL: u8 = 20;
}

impl CortexM {
    pub(super) fn hint(&mut self, hint: Hint) -> Result<Flow, Trap> {
        match hint {
            Hint::Nop | Hint::Barrier | Hint::InstructionBarrier => Ok(Flow::Next),
            Hint::Sev => {
                self.event_register = true;
                Ok(Flow::Next)
            }
            Hint::Wfe if std::mem::take(&mut self.event_register) => Ok(Flow::Next),
            Hint::Wfe => {
                self.sleep_for_event();
                Err(Trap::Sleep)
            }
            Hint::Wfi => {
                self.sleep_for_interrupt();
                Err(Trap::Sleep)
            }
        }
    }

    pub(super) fn change_state(&mut self, disable: bool, primask: bool, faultmask: bool) {
        if !self.regs.privileged() {
            return;
        }
        if primask {
            self.regs.primask = disable;
        }
        if faultmask && (!disable || self.execution_priority() > -1) {
            self.regs.faultmask = disable;
        }
        self.attention = true;
    }

    pub(super) fn move_from_special(&mut self, rd: Reg, sysm: u8) {
        let privileged = self.regs.privileged();
        let value = match sysm {
            // APSR, IPSR, EPSR and their unions: bit 0 adds IPSR, bit 2 leaves APSR out; EPSR reads as zero.
            0..=7 => {
                let ipsr = if sysm & 1 != 0 && privileged {
                    u32::from(self.regs.exception)
                } else {
                    0
                };
                let apsr = if sysm & 4 == 0 { self.regs.apsr() } else { 0 };
                apsr | ipsr
            }
            sysm::CONTROL => self.control(),
            _ if !privileged => 0,
            sysm::MSP => self.regs.msp(),
            sysm::PSP => self.regs.psp(),
            sysm::PRIMASK => u32::from(self.regs.primask),
            sysm::BASEPRI | sysm::BASEPRI_MAX => u32::from(self.regs.basepri),
            sysm::FAULTMASK => u32::from(self.regs.faultmask),
            _ => 0,
        };
        self.regs.set(rd, value);
    }

    pub(super) fn move_to_special(&mut self, rn: Reg, sysm: u8, mask: u8) {
        let value = self.regs.get(rn);
        let privileged = self.regs.privileged();
        match sysm {
            0..=APSR_MAX => {
                if mask & 2 != 0 {
                    self.regs.set_apsr_nzcvq(value);
                }
                if mask & 1 != 0 {
                    self.regs.set_apsr_ge(value);
                }
                return;
            }
            _ if !privileged => {}
            sysm::MSP => self.regs.set_msp(value),
            sysm::PSP => self.regs.set_psp(value),
            sysm::PRIMASK => self.regs.primask = value & 1 != 0,
            sysm::BASEPRI => self.regs.basepri = self.system.nvic.implemented(value as u8),
            sysm::BASEPRI_MAX => {
                let new = self.system.nvic.implemented(value as u8);
                if new != 0 && (self.regs.basepri == 0 || new < self.regs.basepri) {
                    self.regs.basepri = new;
                }
            }
            sysm::FAULTMASK if value & 1 == 0 || self.execution_priority() > -1 => {
                self.regs.faultmask = value & 1 != 0;
            }
            sysm::CONTROL => self.set_control(value),
            _ => {}
        }
        self.attention = true;
    }
}
