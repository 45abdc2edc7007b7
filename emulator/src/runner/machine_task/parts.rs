//! Values of virtual parts, set from outside.

use drydock_assets::Millionths;

use super::{Body, Input, MachineTask, RunState, guarded, lock};
use crate::PartError;

/// A property of a part and its new value.
pub(in crate::runner) struct PartValue {
    pub(in crate::runner) part: String,
    pub(in crate::runner) property: String,
    pub(in crate::runner) value: Millionths,
}

impl Body {
    pub(super) fn set_part(&mut self, task: &MachineTask, set: PartValue) -> Result<(), PartError> {
        let PartValue { part, property, value } = set;
        let none = || PartError::NoPart {
            part: part.clone(),
            known: Vec::new(),
        };
        let machine = self.machine.as_mut().ok_or_else(none)?;
        let at = machine.now();
        let done = guarded(machine, |machine| {
            Ok(match machine.parts() {
                Some(parts) => parts.set(&part, &property, value),
                None => Err(none()),
            })
        });
        match done {
            Ok(Ok(())) => {
                lock(&task.recording).add(at, Input::Part { part, property, value });
                self.idle = None;
                Ok(())
            }
            Ok(Err(refused)) => Err(refused),
            Err(cause) => {
                self.enter(task, RunState::Crashed { cause });
                Err(none())
            }
        }
    }
}
