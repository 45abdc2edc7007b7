//! Debuggers: a caller works with the machine on its own thread, between two of its slices, and traps end runs.

use std::sync::atomic::Ordering;

use super::{Body, MachineEvent, MachineTask, RunState, guarded, lock};
use crate::{CoreActivity, Machine, ResetKind, VirtualTime};

/// What a visit did to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitEffect {
    /// Nothing that the guest could notice.
    None,
    /// The guest may notice it.
    Changed,
    /// It reset the machine.
    Reset(ResetKind),
    /// It also ran the machine: its virtual time no longer follows the host's, and its pace begins anew.
    Ran,
}

impl MachineTask {
    /// Calls `job` on this thread. `None`: the machine was stopped, or it crashed. Also returns whether the machine
    /// needs a turn now.
    pub(in crate::runner) fn visit<T>(
        &self,
        job: impl FnOnce(&mut dyn Machine) -> (T, VisitEffect),
    ) -> (Option<T>, bool) {
        self.visitors.fetch_add(1, Ordering::SeqCst);
        let (result, effect) = {
            let mut body = lock(&self.body);
            body.visit(self, job)
        };
        self.visitors.fetch_sub(1, Ordering::SeqCst);
        let turn_was_skipped = self.turn_was_skipped.swap(false, Ordering::SeqCst);
        (result, turn_was_skipped || effect != VisitEffect::None)
    }

    /// Whether a visitor waits for the machine or has it.
    pub(super) fn has_visitor(&self) -> bool {
        self.visitors.load(Ordering::SeqCst) > 0
    }

    /// Whether a visitor waits for the machine or has it. The turn that a worker wanted to take is then the visitor's to
    /// ask for.
    pub(super) fn yields_to_visitor(&self) -> bool {
        self.turn_was_skipped.store(true, Ordering::SeqCst);
        let yields = self.has_visitor();
        if !yields {
            self.turn_was_skipped.store(false, Ordering::SeqCst);
        }
        yields
    }
}

impl Body {
    fn visit<T>(
        &mut self,
        task: &MachineTask,
        job: impl FnOnce(&mut dyn Machine) -> (T, VisitEffect),
    ) -> (Option<T>, VisitEffect) {
        self.host = task.started.elapsed();
        self.catch_up(task);
        let Some(machine) = &mut self.machine else {
            return (None, VisitEffect::None);
        };
        let mut result = None;
        let mut effect = VisitEffect::Changed;
        let done = guarded(machine, |machine| {
            let (value, did) = job(machine);
            (result, effect) = (Some(value), did);
            Ok(())
        });
        if let Err(cause) = done {
            self.enter(task, RunState::Crashed { cause });
        }
        if effect != VisitEffect::None {
            lock(&task.input_log).give_up();
            self.idle = None;
            *lock(&task.asleep) = None;
            match effect {
                VisitEffect::Reset(kind) => {
                    let at = self.machine.as_ref().map_or(VirtualTime::ZERO, |machine| machine.now());
                    task.publish_event(MachineEvent::Reset { at, kind });
                    self.pacer.restart();
                }
                VisitEffect::Ran => {
                    self.pacer.restart();
                    self.leave_lockstep(task);
                }
                VisitEffect::None | VisitEffect::Changed => {}
            }
            self.revive(task);
            self.deliver(task);
        }
        (result, effect)
    }

    /// A debugger may have ended what stopped the machine.
    fn revive(&mut self, task: &MachineTask) {
        if !matches!(self.state, RunState::Halted(_)) {
            return;
        }
        let debug = self.machine.as_mut().and_then(|machine| machine.debug_access());
        if debug.is_some_and(|debug| !matches!(debug.core_activity(), CoreActivity::LockedUp | CoreActivity::Off)) {
            self.pacer.restart();
            self.enter(task, RunState::Running);
        }
    }

    /// Whether a debugger has halted the core: the machine has nothing to do until it goes on.
    pub(super) fn is_debug_halted(&mut self) -> bool {
        let debug = self.machine.as_mut().and_then(|machine| machine.debug_access());
        debug.is_some_and(|debug| debug.core_activity() == CoreActivity::Halted)
    }
}

impl Body {
    /// Whether a debugger's trap ended the run.
    pub(super) fn is_caught(&mut self) -> bool {
        let trapping = self.machine.as_mut().and_then(|machine| machine.trapping());
        trapping.is_some_and(|trapping| trapping.is_caught())
    }
}
