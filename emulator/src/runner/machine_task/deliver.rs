//! Delivers what a machine did: to its wires, its subscribers, and to who traces it.

use super::{Body, FAULTS_KEPT, MachineEvent, MachineTask, PinChange, lock};
use crate::{
    ResetKind, VirtualTime,
    runner::trace::{Traced, Tracer},
};

impl Body {
    /// Delivers everything that the machine did.
    pub(super) fn deliver(&mut self, task: &MachineTask) {
        self.deliver_outputs(task);
        self.deliver_usb(task);
    }

    pub(super) fn deliver_usb(&mut self, task: &MachineTask) {
        if task.has_usb {
            self.serve_usb(task);
            self.deliver_outputs(task);
        }
    }

    pub(super) fn deliver_outputs(&mut self, task: &MachineTask) {
        let Some(machine) = &mut self.machine else { return };
        let sent = machine.take_uart_output();
        for output in &sent {
            if let Some(wire) = task.wire(output.index) {
                wire.deliver(output.baud, &output.bytes);
            }
        }
        let said = machine.parts().map_or_else(Vec::new, |parts| parts.take_messages());
        said.into_iter()
            .for_each(|message| task.publish_event(MachineEvent::Part(message)));
        let changes = machine.take_pin_changes();
        let faults = machine.take_faults();
        if let Some(tracer) = &mut self.tracer {
            sent.iter().for_each(|output| tracer.take(&Traced::Sent(output)));
            if !changes.is_empty() {
                tracer.take(&Traced::Pins(&changes));
            }
            let taken = machine.take_trace();
            if taken.lost > 0 || !taken.entries.is_empty() {
                tracer.take(&Traced::Inside(&taken));
            }
            faults.iter().for_each(|fault| tracer.take(&Traced::Fault(fault)));
            tracer.take(&Traced::Until(machine.now()));
        }
        if changes.is_empty() && faults.is_empty() {
            return;
        }
        self.faults += faults.len() as u64;
        let mut seen = lock(&task.seen);
        for PinChange { pin, level, .. } in &changes {
            if let Some(place) = seen.pins.get_mut(usize::from(*pin)) {
                *place = *level;
            }
        }
        for fault in &faults {
            if seen.faults.len() == FAULTS_KEPT {
                seen.faults.pop_front();
            }
            seen.faults.push_back(fault.clone());
        }
        drop(seen);
        changes
            .into_iter()
            .for_each(|change| task.publish_event(MachineEvent::Pin(change)));
        faults
            .into_iter()
            .for_each(|fault| task.publish_event(MachineEvent::Fault(fault)));
    }

    /// Takes a tracer, or lets it go.
    pub(super) fn trace(&mut self, task: &MachineTask, tracer: Option<Box<dyn Tracer>>) {
        let Some(machine) = &mut self.machine else { return };
        machine.trace(tracer.as_ref().is_some_and(|tracer| tracer.wants_inside()));
        self.tracer = tracer;
        self.tell_begin(task);
    }

    /// Tells what holds now, where nothing before it was told.
    pub(super) fn tell_begin(&mut self, task: &MachineTask) {
        if let (Some(tracer), Some(machine)) = (&mut self.tracer, &self.machine) {
            let pins = &lock(&task.seen).pins;
            tracer.take(&Traced::Begin {
                at: machine.now(),
                reset: self.reset_at,
                pins,
                state: &self.state,
            });
        }
    }

    pub(super) fn tell_reset(&mut self, at: VirtualTime, kind: ResetKind) {
        self.reset_at = Some(at);
        self.tell(&Traced::Reset { at, kind });
    }

    pub(super) fn tell(&mut self, what: &Traced<'_>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.take(what);
        }
    }

    pub(super) fn tell_state(&mut self) {
        let at = self.machine.as_ref().map(|machine| machine.now());
        self.tell_state_at(at);
    }

    /// As [`Self::tell_state`], of a machine that must not be called any more.
    pub(super) fn tell_end(&mut self) {
        self.tell_state_at(None);
    }

    fn tell_state_at(&mut self, at: Option<VirtualTime>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.take(&Traced::State { at, state: &self.state });
        }
    }
}
