//! The host at the other end of a machine's USB cable. It runs on the machine's own thread, between two runs, so that
//! its answers come at the instants of the machine's virtual time.

use std::sync::Arc;

use crate::{Machine, UsbAction, UsbEvent, UsbOccurrence};

/// Notifies a machine's task that its host has something to do.
pub type Notify = Arc<dyn Fn() + Send + Sync>;

/// How often a host may act at one instant, in answer to the events of its own actions.
const ROUNDS: usize = 16;

/// A USB host's software: it sees the events of the bus and acts on it.
pub trait UsbHost: Send {
    /// Whether it wants to act without an event.
    fn has_work(&self) -> bool;

    /// Sees the events since the last call; returns what it does.
    fn serve(&mut self, events: Vec<UsbEvent>) -> Vec<UsbAction>;

    /// Whether its owner is gone; the machine may not have seen yet that the cable is pulled.
    fn is_ownerless(&self) -> bool {
        self.is_over()
    }

    /// Whether its owner is gone, and the cable is pulled.
    fn is_over(&self) -> bool;

    /// The machine is gone.
    fn close(&mut self);
}

/// A USB host that cannot be plugged in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsbError {
    /// The board has no USB socket of its own, or its engine does not model it.
    #[error("{machine} has no USB socket of its own in this engine")]
    None {
        /// The machine.
        machine: String,
    },
    /// Another host is plugged in.
    #[error("the USB socket of {machine} is in use")]
    InUse {
        /// The machine.
        machine: String,
    },
}

/// Lets a host see the bus and act on it, at the present instant. Returns whether it acted; `record` sees each action.
pub fn serve_usb(machine: &mut dyn Machine, host: &mut dyn UsbHost, mut record: impl FnMut(&UsbAction)) -> bool {
    let mut acted = false;
    for _ in 0..ROUNDS {
        let Some(usb) = machine.usb() else { return acted };
        let events = usb.take_events();
        if events.is_empty() && !host.has_work() {
            return acted;
        }
        for action in host.serve(events) {
            record(&action);
            usb.act(action);
            acted = true;
        }
    }
    acted
}

/// A machine that comes from a snapshot has no cable: whoever was at its other end is elsewhere.
pub(super) fn unplug(machine: &mut dyn Machine) {
    if let Some(usb) = machine.usb() {
        if usb.status().plugged {
            usb.act(UsbAction::Unplug);
        }
        usb.take_events();
    }
}

/// What a host sees when its machine was restored from a snapshot.
pub(super) fn pulled(machine: &dyn Machine) -> UsbEvent {
    UsbEvent {
        at: machine.now(),
        what: UsbOccurrence::Plugged(false),
    }
}
