//! Running for a profile: one instruction at a time, each reported to the recorder. The guest's behaviour is the
//! same.

use super::code::{Slot, decode_slot};
use super::instruction::Instruction;
use super::{RiscV, cycles};
use crate::core::dispatch::Slot as _;
use crate::debug::profile::{Step, Watched};
use crate::machine::TraceEvent;

/// The ABI's stack pointer, `x2`, and the registers that hold return addresses, `x1` and `x5` (unpriv 2.5, table 2.1).
const SP: usize = 2;
const LINKS: [u8; 2] = [1, 5];

impl RiscV {
    /// Where the core is, for a profile.
    pub(in crate::core) fn watched(&self) -> Watched {
        Watched {
            cycles: self.cycles,
            slept: self.fabric.profile().map_or(0, |profile| profile.recorded_asleep),
        }
    }

    /// As `run_code`, one instruction at a time.
    pub(super) fn run_profiled(&mut self, due: u64, limit: u64) {
        while self.cycles < due && self.instructions < limit && !self.attention {
            let (pc, before, at) = (self.regs.pc, self.instructions, self.watched());
            let slot = decode_slot(self.fabric.memory(), pc);
            let bytes = slot.as_ref().map_or(2, |slot| u32::from(slot.bytes));
            let link = slot.as_ref().and_then(link);
            if let Some(profile) = self.fabric.profile_mut() {
                profile.recorder.begin(at, pc, bytes);
            }
            self.step_over(slot);
            let step = Step {
                at: self.watched(),
                pc: self.regs.pc,
                behind: pc.wrapping_add(bytes),
                sp: self.regs.x[SP],
                process: false,
                link,
                // A semihosting call that ends the program is not counted.
                instructions: self.instructions.saturating_sub(before),
            };
            if let Some(profile) = self.fabric.profile_mut() {
                profile.recorder.end(&step);
            }
        }
    }

    /// A trap with this `mcause` was taken.
    pub(super) fn record_exception(&mut self, cause: u32) {
        if self.fabric.is_traced() {
            let now = self.now();
            self.fabric.note_at(now, TraceEvent::Entered(cause));
        }
        let at = self.watched();
        if let Some(profile) = self.fabric.profile_mut() {
            profile.recorder.exception_entered(cause, at, cycles::TRAP_ENTRY);
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

    /// The core sleeps until `cycle`.
    pub(super) fn record_sleep(&mut self, cycle: u64) {
        let asleep = cycle.saturating_sub(self.cycles);
        if let Some(profile) = self.fabric.profile_mut() {
            profile.recorded_asleep += asleep;
        }
    }

    pub(super) fn record_reset(&mut self) {
        let at = self.watched();
        if let Some(profile) = self.fabric.profile_mut() {
            profile.recorder.reset(at);
        }
    }
}

/// The return address of a call: a jump that writes one of the ABI's link registers.
fn link(slot: &Slot) -> Option<u32> {
    let (Instruction::Jump { rd, .. } | Instruction::JumpRegister { rd, .. }) = slot.instruction else {
        return None;
    };
    LINKS.contains(&rd).then(|| slot.next_pc())
}
