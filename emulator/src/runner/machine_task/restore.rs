//! Restores a snapshot into a running machine.

use super::{Body, MachineEvent, MachineTask, PinChange, RunState, guarded, lock};
use crate::{MachineError, MachineSnapshot};

impl Body {
    /// Restores a state. Pace and input log restart at its virtual time.
    pub(super) fn restore(&mut self, task: &MachineTask, state: &MachineSnapshot) -> Result<(), MachineError> {
        let Some(machine) = &mut self.machine else {
            return Ok(());
        };
        let mut outcome = Ok(());
        let done = guarded(machine, |machine| {
            let board = machine.info().board.clone();
            outcome = match machine.snapshots() {
                Some(snapshots) => snapshots.restore(state),
                None => Err(MachineError::Refused {
                    board,
                    reason: "its engine has no snapshots".to_owned(),
                }),
            };
            // Earlier outputs do not belong to this state.
            machine.take_uart_output();
            machine.take_pin_changes();
            machine.take_faults();
            Ok(())
        });
        if let Err(cause) = done {
            self.enter(task, RunState::Crashed { cause });
            return Ok(());
        }
        outcome?;
        lock(&task.input_log).give_up();
        let at = machine.now();
        let mut changes = Vec::new();
        for (pin, seen) in lock(&task.seen).pins.iter_mut().enumerate() {
            let pin = pin as u16;
            let level = machine.pin_level(pin);
            if std::mem::replace(seen, level) != level {
                changes.push(PinChange { at, pin, level });
            }
        }
        changes
            .into_iter()
            .for_each(|change| task.publish_event(MachineEvent::Pin(change)));
        // Earlier entries do not belong to this state either; the trace itself goes on.
        machine.trace(self.tracer.is_some());
        // It may be a state of another machine.
        self.reset_at = None;
        self.tell_begin(task);
        self.usb_restored(task);
        self.idle = None;
        self.pause_at = None;
        self.pacer.restart();
        self.leave_lockstep(task);
        if self.state == RunState::Paused {
            self.publish(task, true);
        } else {
            self.enter(task, RunState::Running);
        }
        Ok(())
    }
}
