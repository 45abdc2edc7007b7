//! Records the inputs of a machine with their instants: with image and seed, a replay needs nothing else.

use drydock_assets::Millionths;

use crate::{Machine, MachineError, PartTable, ResetKind, RunLimit, StopReason, UsbAction, UsbToken, VirtualTime};

/// Limit of a log's memory, in bytes. A machine with more input has no log.
const BYTES_MAX: usize = 64 << 20;

/// Inputs in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputLog {
    /// The inputs.
    pub inputs: Vec<LoggedInput>,
    /// Whether inputs are missing: too many for the log, made through
    /// [`MachineHandle::with_machine`](super::MachineHandle::with_machine), or after
    /// [`MachineHandle::stop_input_log`](super::MachineHandle::stop_input_log). Such a log does not replay, and holds
    /// no inputs.
    pub incomplete: bool,
    bytes: usize,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedInput {
    /// The machine's virtual time at this input.
    pub at: VirtualTime,
    /// The input.
    pub input: Input,
}

/// An input of a machine from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes that a UART's inbound queue took.
    Uart {
        /// Which UART.
        index: u8,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A pin was driven, or no longer is.
    Pin {
        /// Which pin.
        pin: u16,
        /// To what.
        level: Option<bool>,
    },
    /// A host acted on the USB.
    Usb(UsbAction),
    /// A property of a virtual part was set.
    Part {
        /// Which part.
        part: String,
        /// Which property.
        property: String,
        /// To what.
        value: Millionths,
    },
    /// Values of parts follow a table, or no longer do.
    Table(Option<Box<PartTable>>),
    /// A part keeps something else.
    Content {
        /// Which part.
        part: String,
        /// What it keeps.
        content: Box<[u8]>,
    },
    /// It was reset.
    Reset(ResetKind),
}

impl InputLog {
    /// Adds an input at `at`.
    pub(super) fn add(&mut self, at: VirtualTime, input: Input) {
        if self.incomplete {
            return;
        }
        let bytes = size_of::<LoggedInput>()
            + match &input {
                Input::Uart { bytes, .. } => bytes.len(),
                Input::Part { part, property, .. } => part.len() + property.len(),
                Input::Content { part, content } => part.len() + content.len(),
                Input::Table(table) => table.as_ref().map_or(0, |table| table.bytes()),
                Input::Usb(UsbAction::Transact(transaction)) => match &transaction.token {
                    UsbToken::Out { data, .. } => data.len(),
                    _ => 0,
                },
                _ => 0,
            };
        if self.bytes + bytes > BYTES_MAX {
            return self.give_up();
        }
        self.bytes += bytes;
        match (self.inputs.last_mut(), input) {
            (
                Some(LoggedInput {
                    at: last_at,
                    input:
                        Input::Uart {
                            index: last,
                            bytes: so_far,
                        },
                }),
                Input::Uart { index, bytes },
            ) if *last_at == at && *last == index => {
                so_far.extend(bytes);
            }
            (_, input) => self.inputs.push(LoggedInput { at, input }),
        }
    }

    /// An input is not recorded: the earlier ones become useless, and their memory is freed.
    pub(super) fn give_up(&mut self) {
        *self = Self {
            incomplete: true,
            ..Self::default()
        };
    }
}

/// Replays `log` on `machine`, which must be in the state that the recorded one began in, and runs on to `until`.
/// Outputs are discarded.
///
/// # Errors
/// As for [`Machine::run`].
pub fn replay(machine: &mut dyn Machine, log: &InputLog, until: VirtualTime) -> Result<(), MachineError> {
    for LoggedInput { at, input } in &log.inputs {
        run_until(machine, *at)?;
        match input {
            Input::Uart { index, bytes } => {
                machine.uart_input(*index, bytes)?;
            }
            Input::Pin { pin, level } => machine.pin_input(*pin, *level)?,
            Input::Usb(action) => {
                if let Some(usb) = machine.usb() {
                    usb.act(action.clone());
                }
            }
            Input::Part { part, property, value } => {
                if let Some(parts) = machine.parts() {
                    // It was taken when it was recorded.
                    let _ = parts.set(part, property, *value);
                }
            }
            Input::Table(table) => {
                if let Some(parts) = machine.parts() {
                    // As above.
                    let _ = parts.play(table.as_deref().cloned());
                }
            }
            Input::Content { part, content } => {
                if let Some(parts) = machine.parts() {
                    // As above.
                    let _ = parts.load_content(part, content);
                }
            }
            Input::Reset(kind) => machine.reset(*kind)?,
        }
    }
    run_until(machine, until)
}

fn run_until(machine: &mut dyn Machine, until: VirtualTime) -> Result<(), MachineError> {
    while machine.now() < until {
        let reason = machine.run(RunLimit::until(until))?;
        machine.take_uart_output();
        machine.take_pin_changes();
        machine.take_faults();
        if let Some(usb) = machine.usb() {
            usb.take_events();
        }
        match reason {
            StopReason::Lockup { .. }
            | StopReason::PoweredOff
            | StopReason::Breakpoint { .. }
            | StopReason::DebugHalt => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that runs for weeks receives a few bytes at a time: each input is a separate record.
    #[test]
    fn a_log_is_bounded_by_what_it_takes_of_memory() {
        let mut log = InputLog::default();
        let mut taken = 0;
        for us in 0.. {
            let bytes = vec![0; 4];
            log.add(VirtualTime::from_us(us), Input::Uart { index: 0, bytes });
            if log.incomplete {
                break;
            }
            taken = log.inputs.capacity() * size_of::<LoggedInput>();
        }
        assert!(taken < 2 * BYTES_MAX, "{taken} bytes were taken");
        assert_eq!(log.inputs.capacity(), 0, "what does not replay is freed");
    }
}
