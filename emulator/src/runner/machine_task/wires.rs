//! The wires of a machine: its UARTs, and semihosting.

use std::sync::Arc;

use super::{Body, Input, MachineTask, RunState, guarded, lock};
use crate::machine::SEMIHOSTING_PORT;
use crate::runner::uart::Wire;

impl MachineTask {
    /// The wire of an output; an engine may have more outputs than the machine has UARTs.
    pub(super) fn wire(&self, index: u8) -> Option<&Arc<Wire>> {
        match index {
            SEMIHOSTING_PORT => Some(&self.semihosting),
            index => self.wires.get(usize::from(index)),
        }
    }

    pub(super) fn all_wires(&self) -> impl Iterator<Item = &Arc<Wire>> {
        self.wires.iter().chain([&self.semihosting])
    }
}

impl Body {
    /// Passes on what waits at the UARTs.
    pub(super) fn take_input(&mut self, task: &MachineTask) {
        for (index, wire) in task.wires.iter().enumerate() {
            let index = index as u8;
            let Some(machine) = &mut self.machine else { return };
            if self.state != RunState::Running || !wire.has_input() {
                continue;
            }
            let bytes = wire.take_input(machine.uart_input_room(index));
            if bytes.is_empty() {
                continue;
            }
            let at = machine.now();
            match guarded(machine, |machine| machine.uart_input(index, &bytes)) {
                Ok(taken) => {
                    debug_assert_eq!(taken, bytes.len(), "the machine has the room it reported");
                    lock(&task.recording).add(at, Input::Uart { index, bytes });
                    // The machine reports whether it still sleeps, and until when.
                    self.idle = None;
                }
                Err(cause) => self.enter(task, RunState::Crashed { cause }),
            }
        }
        self.serve_usb(task);
    }
}
