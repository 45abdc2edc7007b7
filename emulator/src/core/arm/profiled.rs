//! Running for a profile: instruction by instruction, each told to the recorder. What the guest sees is the same.

use super::code::{Slot, decode_slot};
use super::instruction::Instruction;
use super::{CortexM, cycles};
use crate::debug::profile::{Step, Watched};

impl CortexM {
    /// Where the core is, for a profile.
    pub(in crate::core) fn watched(&self) -> Watched {
        Watched {
            cycles: self.cycles,
            slept: self.slept,
        }
    }

    pub(super) fn is_profiled(&self) -> bool {
        self.fabric
            .profile()
            .is_some_and(|profile| profile.recorder.is_recording())
    }

    /// `due`, or the end of the profile if that comes before.
    pub(super) fn profiled_until(&mut self, due: u64) -> u64 {
        if self.fabric.profile().is_none() {
            return due;
        }
        let (at, now) = (self.watched(), self.now());
        let Some(profile) = self.fabric.profile_mut() else {
            return due;
        };
        if profile.recorder.came_to(at, now) || !profile.recorder.is_recording() {
            return due;
        }
        match profile.recorder.until() {
            Some(until) => due.min(self.clock.cycle_at(until)),
            None => due,
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
