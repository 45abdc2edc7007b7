//! Values of virtual parts, set from outside.

use drydock_assets::Millionths;

use super::{Body, Input, MachineTask, RunState, guarded, lock};
use crate::{PartError, PartTable};

/// What is done with the parts of a machine.
pub(in crate::runner) enum PartsInput {
    /// A property of a part gets a value.
    Value {
        part: String,
        property: String,
        value: Millionths,
    },
    /// Values follow a table; with `None` no longer.
    Table(Option<Box<PartTable>>),
    /// A part keeps something else.
    Content { part: String, content: Box<[u8]> },
}

impl Body {
    pub(super) fn give_to_parts(&mut self, task: &MachineTask, input: PartsInput) -> Result<(), PartError> {
        let none = || PartError::NoPart {
            part: match &input {
                PartsInput::Value { part, .. } | PartsInput::Content { part, .. } => part.clone(),
                PartsInput::Table(_) => "of a table".to_owned(),
            },
            known: Vec::new(),
        };
        let machine = self.machine.as_mut().ok_or_else(none)?;
        let at = machine.now();
        let done = guarded(machine, |machine| {
            let Some(parts) = machine.parts() else {
                return Ok(Err(none()));
            };
            Ok(match &input {
                PartsInput::Value { part, property, value } => parts.set(part, property, *value),
                PartsInput::Table(table) => parts.play(table.as_deref().cloned()),
                PartsInput::Content { part, content } => parts.load_content(part, content),
            })
        });
        match done {
            Ok(Ok(())) => {
                let input = match input {
                    PartsInput::Value { part, property, value } => Input::Part { part, property, value },
                    PartsInput::Table(table) => Input::Table(table),
                    PartsInput::Content { part, content } => Input::Content { part, content },
                };
                lock(&task.input_log).add(at, input);
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
