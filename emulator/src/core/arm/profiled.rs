//! Running for a profile: one instruction at a time, each reported to the recorder. The guest's behaviour is the
//! same.

use super::code::{Slot, decode_slot};
use super::instruction::Instruction;
use super::{CortexM, cycles};
use crate::debug::profile::{Step, Watched};
use crate::machine::TraceEvent;

impl CortexM {
    /// Where the core is, for a profile.
    pub(in crate::core) fn watched(&self) -> Watched {
        Watched {
            cycles: self.cycles,
            slept: self.slept,
        }
    }

    /// As `run_code`, one instruction at a time.
    pub(super) fn run_profiled(&mut self, due: u64, limit: u64) {
        while self.cycles < due && self.instructions < limit && !self.attention {
            let (pc, before, at) = (self.regs.pc(), self.instructions, self.watched());
            let slot = decode_slot(self.fabric.memory(), pc, self.regs.it);
            let bytes = slot.as_ref().map_or(2, |slot| u32::from(slot.bytes));
            let link = slot.as_ref().and_then(link);
            if let Some(profile) = self.fabric.profile_mut() {
                profile.recorder.begin(at, pc, bytes);
            }
            self.step_over(slot);
            let step = Step {
                at: self.watched(),
                pc: self.regs.pc(),
                behind: pc.wrapping_add(bytes),
                sp: self.regs.r[13],
                process: self.regs.exception == 0 && self.regs.process_stack,
                link,
                // A semihosting call that ends the program is not counted.
                instructions: self.instructions.saturating_sub(before),
            };
            if let Some(profile) = self.fabric.profile_mut() {
                profile.recorder.end(&step);
            }
        }
    }

    /// Exception `exception` was taken.
    pub(super) fn record_exception(&mut self, exception: u16) {
        if self.fabric.is_traced() {
            let now = self.now();
            self.fabric.note_at(now, TraceEvent::Entered(u32::from(exception)));
        }
        let at = self.watched();
        if let Some(profile) = self.fabric.profile_mut() {
            let entry = match profile.recorder.is_returning() {
                true => cycles::TAIL_CHAIN,
                false => cycles::EXCEPTION_ENTRY,
            };
            profile.recorder.exception_entered(u32::from(exception), at, entry);
        }
    }

    pub(super) fn record_exception_return(&mut self) {
        if self.fabric.is_traced() {
            let now = self.now();
            self.fabric.note_at(now, TraceEvent::Returned);
        }
        if let Some(profile) = self.fabric.profile_mut() {
            profile.recorder.exception_returned();
        }
    }

    pub(super) fn record_reset(&mut self) {
        let at = self.watched();
        if let Some(profile) = self.fabric.profile_mut() {
            profile.recorder.reset(at);
        }
    }
}

/// The return address of a call.
fn link(slot: &Slot) -> Option<u32> {
    let calls = matches!(
        slot.instruction,
        Instruction::BranchLink { .. } | Instruction::BranchLinkExchange { .. }
    );
    calls.then(|| slot.pc.wrapping_add(u32::from(slot.bytes)))
}
