//! A machine's turn in lockstep.

use super::{Body, MachineTask, Next, RunState};
use crate::{RunLimit, VirtualTime};

impl Body {
    pub(super) fn leave_lockstep(&mut self, task: &MachineTask) {
        if let Some(membership) = self.membership.take() {
            task.lockstep.leave(membership);
        }
    }

    /// The open quantum of the lockstep group, or a wait for the next.
    pub(super) fn advance_in_lockstep(&mut self, task: &MachineTask) -> Next {
        let Some(machine) = &self.machine else {
            return Next::WhenNotified;
        };
        let now = machine.now();
        if self.pause_at.is_some_and(|pause_at| pause_at <= now) {
            self.pause_at = None;
            self.enter(task, RunState::Paused);
            return Next::WhenNotified;
        }
        let mut membership = match self.membership {
            Some(membership) => membership,
            None => task.lockstep.join(task.me.clone(), now),
        };
        let open = task.lockstep.open();
        let end = membership.end(open);
        let begins = now < end && membership.begins(open);
        self.membership = Some(membership);
        if now >= end {
            return task.lockstep.arrive(membership, self.slept, task.has_live_link());
        }
        if begins {
            self.slept = true;
            self.take_input(task);
        }
        let before = self.machine.as_ref().map(|machine| machine.instructions());
        let until = end.min(self.pause_at.unwrap_or(VirtualTime::MAX));
        self.run(task, RunLimit::until(until));
        self.slept &= before == self.machine.as_ref().map(|machine| machine.instructions());
        // It sleeps at most until the end of the quantum.
        self.idle = None;
        Next::Again
    }
}
