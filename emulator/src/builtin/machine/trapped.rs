//! Runs with breakpoints or watchpoints: one instruction at a time, with a check after each.

use super::{BuiltinMachine, CoreStop, Limits};
use crate::machine::MachineError;
use crate::machine::{Caught, Trapping, Traps};
use crate::machine::{RunLimit, StopReason};

/// The traps of a debugger, and which one ended the last run.
#[derive(Debug)]
pub(super) struct Armed {
    traps: Traps,
    caught: Option<Caught>,
}

impl BuiltinMachine {
    /// `Machine::run` with traps.
    pub(super) fn run_trapped(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        let traps = self.armed.as_ref().map(|armed| armed.traps.clone()).unwrap_or_default();
        let mut before = traps.watched(self);
        loop {
            if self.pause.take() {
                return Ok(StopReason::Paused);
            }
            let (instructions, pc) = (self.core.instructions(), self.core.pc());
            let stop = self.run_core(Limits {
                until: limit.until,
                instructions: instructions + 1,
                stop_when_idle: limit.stop_when_idle,
            })?;
            let advanced = self.core.instructions() != instructions || self.core.pc() != pc;
            if advanced && matches!(stop, CoreStop::Instructions | CoreStop::Time | CoreStop::Idle) {
                let now = traps.watched(self);
                let at_breakpoint = traps.breakpoints.contains(&self.core.pc());
                let caught = traps
                    .changed(&before, &now)
                    .or(at_breakpoint.then_some(Caught::Breakpoint));
                if let (Some(caught), Some(armed)) = (caught, &mut self.armed) {
                    armed.caught = Some(caught);
                    return Ok(StopReason::Paused);
                }
                before = now;
                if self.core.halt_at_breakpoint() {
                    return Ok(StopReason::DebugHalt);
                }
            }
            if stop != CoreStop::Instructions {
                return Ok(self.stop_reason(stop));
            }
        }
    }
}

impl Trapping for BuiltinMachine {
    fn set_traps(&mut self, traps: Traps) {
        self.armed = (!traps.is_empty()).then(|| Box::new(Armed { traps, caught: None }));
    }

    fn is_caught(&self) -> bool {
        self.armed.as_ref().is_some_and(|armed| armed.caught.is_some())
    }

    fn take_caught(&mut self) -> Option<Caught> {
        self.armed.as_mut()?.caught.take()
    }
}
