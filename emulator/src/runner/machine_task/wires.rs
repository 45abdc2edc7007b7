//! The wires of a machine: its UARTs, and the lines to a debugger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Body, Input, MachineTask, RunState, guarded, lock};
use crate::machine::{DebugLine, LOG_CHANNELS};
use crate::runner::trace::Traced;
use crate::runner::uart::Wire;

/// The lines of a program to the host that debugs it.
#[derive(Default)]
pub(in crate::runner) struct DebugWires {
    /// Most machines have nobody at these lines, and each turn would look at all of them.
    is_used: AtomicBool,
    semihosting: Arc<Wire>,
    rtt: [Arc<Wire>; LOG_CHANNELS as usize],
    itm: [Arc<Wire>; LOG_CHANNELS as usize],
}

impl DebugWires {
    /// The wire of a line that somebody opens.
    pub(in crate::runner) fn used(&self, line: DebugLine) -> &Arc<Wire> {
        self.is_used.store(true, Ordering::Release);
        self.of(line)
    }

    fn of(&self, line: DebugLine) -> &Arc<Wire> {
        match line {
            DebugLine::Semihosting => &self.semihosting,
            DebugLine::Rtt(channel) => &self.rtt[usize::from(channel) % self.rtt.len()],
            DebugLine::Itm(port) => &self.itm[usize::from(port) % self.itm.len()],
        }
    }

    fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Acquire)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Wire>> {
        let all = std::iter::once(&self.semihosting).chain(&self.rtt).chain(&self.itm);
        all.filter(|_| self.is_used())
    }
}

impl MachineTask {
    /// The wire of an output; an engine may have more outputs than the machine has UARTs.
    pub(super) fn wire(&self, index: u8) -> Option<&Arc<Wire>> {
        match DebugLine::of(index) {
            Some(line) => Some(self.debug_wires.of(line)),
            None => self.wires.get(usize::from(index)),
        }
    }

    pub(super) fn all_wires(&self) -> impl Iterator<Item = &Arc<Wire>> {
        self.wires.iter().chain(self.debug_wires.all())
    }

    /// The wires that carry bytes to the machine, with their numbers.
    fn inputs(&self) -> impl Iterator<Item = (u8, &Arc<Wire>)> {
        let uarts = self.wires.iter().enumerate();
        let used = if self.debug_wires.is_used() {
            &self.debug_wires.rtt[..]
        } else {
            &[]
        };
        let rtt = used.iter().enumerate();
        let rtt = rtt.map(|(channel, wire)| (DebugLine::Rtt(channel as u8).index(), wire));
        uarts.map(|(index, wire)| (index as u8, wire)).chain(rtt)
    }

    /// Whether bytes wait for the machine.
    pub(super) fn has_input(&self) -> bool {
        self.inputs().any(|(_, wire)| wire.has_input())
    }
}

impl Body {
    /// Passes on what waits at the UARTs.
    pub(super) fn take_input(&mut self, task: &MachineTask) {
        for (index, wire) in task.inputs() {
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
                    if let Some(tracer) = &mut self.tracer {
                        let bytes = &bytes;
                        tracer.take(&Traced::Received { at, index, bytes });
                    }
                    lock(&task.input_log).add(at, Input::Uart { index, bytes });
                    // The machine reports whether it still sleeps, and until when.
                    self.idle = None;
                }
                Err(cause) => self.enter(task, RunState::Crashed { cause }),
            }
        }
        self.serve_usb(task);
    }
}
