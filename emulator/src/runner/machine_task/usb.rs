//! The USB host of a machine, served between two runs.

use super::{Body, Input, MachineTask, RunState, guarded, lock};
use crate::runner::usb::{pulled, serve_usb, unplug};

impl MachineTask {
    /// Whether something outside is connected to the machine.
    pub(super) fn has_live_link(&self) -> bool {
        self.wires.iter().any(|wire| wire.is_open()) || self.has_usb && lock(&self.usb_host).is_some()
    }

    pub(super) fn usb_host_has_work(&self) -> bool {
        self.has_usb && lock(&self.usb_host).as_ref().is_some_and(|host| host.has_work())
    }
}

impl Body {
    /// Lets the host see the bus and act on it.
    pub(super) fn serve_usb(&mut self, task: &MachineTask) {
        let mut plugged = lock(&task.usb_host);
        let (Some(host), Some(machine)) = (plugged.as_mut(), &mut self.machine) else {
            return;
        };
        let at = machine.now();
        let served = guarded(machine, |machine| {
            Ok(serve_usb(machine, host.as_mut(), |action| {
                lock(&task.input_log).add(at, Input::Usb(action.clone()));
            }))
        });
        if host.is_over() {
            *plugged = None;
        }
        drop(plugged);
        match served {
            // The machine reports whether it still sleeps, and until when.
            Ok(true) => self.idle = None,
            Ok(false) => {}
            Err(cause) => self.enter(task, RunState::Crashed { cause }),
        }
    }

    /// A snapshot was restored: its cable leads nowhere. The host sees that its own was pulled.
    pub(super) fn usb_restored(&mut self, task: &MachineTask) {
        let Some(machine) = &mut self.machine else { return };
        unplug(machine.as_mut());
        if let Some(host) = lock(&task.usb_host).as_mut() {
            let actions = host.serve(vec![pulled(machine.as_ref())]);
            if let Some(usb) = machine.usb() {
                actions.into_iter().for_each(|action| usb.act(action));
            }
        }
    }
}
