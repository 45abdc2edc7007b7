//! The host's end of the exported device's cable: it brings the device to its address and carries a client's transfers.
//! It runs on the machine's thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::transfers::Transfers;
use super::wire::{Command, Reply};
use crate::cable::bell::Bell;
use crate::cable::usb_host::EnumerationError;
use crate::cable::usb_host::arrival::{Arrival, News};
use crate::cable::usb_host::bus::{Bus, ControlPipe};
use crate::cable::usb_host::descriptor::Description;
use crate::cable::usb_host::enumerate::Goal;
use crate::runner::UsbHost;
use crate::{UsbAction, UsbEvent, UsbOccurrence, UsbReply};

/// The device at the other end of the cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// None shows itself, or it is on its way to its address.
    Absent,
    /// It takes transfers.
    Present(Description),
    /// It cannot be used.
    Failed(EnumerationError),
    /// The machine is gone.
    Closed,
}

/// What the server wants of the device.
#[derive(Debug)]
pub(super) enum Errand {
    Command(Command),
    /// The client is gone: the device begins anew.
    Reset,
}

/// What server and host share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Rung for each reply and each change of the device.
    bell: Arc<Bell>,
}

#[derive(Debug)]
pub(super) struct State {
    /// The server is gone.
    pub(super) is_dropped: bool,
    pub(super) device: Device,
    /// Counts changes of `device`.
    pub(super) changes: u64,
    pub(super) errands: Vec<Errand>,
    pub(super) replies: Vec<Reply>,
}

impl Shared {
    pub(super) fn new(bell: Arc<Bell>) -> Arc<Self> {
        let state = State {
            is_dropped: false,
            device: Device::Absent,
            changes: 0,
            errands: Vec::new(),
            replies: Vec::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            bell,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_device(&self, device: Device) {
        let mut state = self.state();
        if state.device == device {
            return;
        }
        state.device = device;
        state.changes += 1;
        // They belong to the device that was there.
        state.errands.clear();
        state.replies.clear();
        drop(state);
        self.bell.ring();
    }
}

/// The host.
#[derive(Debug)]
pub(super) struct ExportHost {
    shared: Arc<Shared>,
    plugged: bool,
    bus: Bus,
    control: ControlPipe,
    arrival: Arrival,
    transfers: Transfers,
    replies: Vec<Reply>,
}

impl ExportHost {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            plugged: false,
            bus: Bus::default(),
            control: ControlPipe::default(),
            arrival: Arrival::new(Goal::Description),
            transfers: Transfers::default(),
            replies: Vec::new(),
        }
    }

    fn see(&mut self, what: UsbOccurrence) {
        match what {
            UsbOccurrence::Done { id, reply } => return self.done(id, reply),
            UsbOccurrence::Plugged(plugged) => self.plugged = plugged,
            _ => {}
        }
        let news = self.arrival.see(&mut self.bus, &mut self.control, &what);
        self.note(news);
    }

    /// The state of the device changed.
    fn note(&mut self, news: Option<News>) {
        let Some(news) = news else { return };
        self.transfers = Transfers::default();
        self.replies.clear();
        self.shared.set_device(match news {
            News::Gone | News::Begun | News::Configured(..) => Device::Absent,
            News::Failed(error) => Device::Failed(error),
            News::Described(description) => {
                self.transfers = Transfers::of(&description, self.arrival.max_packet());
                Device::Present(description)
            }
        });
    }

    fn done(&mut self, id: u64, reply: UsbReply) {
        if !self.control.awaits(id) {
            self.transfers.done(id, reply, &mut self.replies);
            return;
        }
        let Some(answer) = self.control.done(&mut self.bus, reply) else {
            return;
        };
        match self.arrival.answered(&mut self.bus, &mut self.control, answer) {
            Ok(news) => self.note(news),
            Err(answer) => self.transfers.answered(answer, &mut self.replies),
        }
    }

    fn wants_cable(&self) -> bool {
        !self.shared.state().is_dropped
    }

    /// Does what the server wants.
    fn work(&mut self) {
        let wanted = self.wants_cable();
        if wanted != self.plugged {
            self.plugged = wanted;
            self.bus.push(if wanted { UsbAction::Plug } else { UsbAction::Unplug });
            if !wanted {
                let news = self.arrival.lost(&mut self.control);
                self.note(Some(news));
            }
            return;
        }
        if !self.arrival.is_there() {
            return;
        }
        let errands = std::mem::take(&mut self.shared.state().errands);
        for errand in errands {
            match errand {
                Errand::Command(Command::Submit(submit)) => self.transfers.submit(submit, &mut self.replies),
                Errand::Command(Command::Unlink { seqnum, unlinks }) => {
                    self.transfers.unlink(&mut self.bus, seqnum, unlinks, &mut self.replies);
                }
                Errand::Reset => {
                    let news = self.arrival.restart(&mut self.bus, &mut self.control);
                    self.note(news);
                    return;
                }
            }
        }
        self.transfers
            .advance(&mut self.bus, &mut self.control, &mut self.replies);
    }

    fn hand_over(&mut self) {
        if !self.replies.is_empty() {
            self.shared.state().replies.append(&mut self.replies);
            self.shared.bell.ring();
        }
    }
}

impl UsbHost for ExportHost {
    fn has_work(&self) -> bool {
        let state = self.shared.state();
        state.is_dropped == self.plugged || self.arrival.is_there() && !state.errands.is_empty()
    }

    fn serve(&mut self, events: Vec<UsbEvent>) -> Vec<UsbAction> {
        for event in events {
            self.see(event.what);
        }
        self.work();
        self.hand_over();
        self.bus.take()
    }

    fn is_ownerless(&self) -> bool {
        !self.wants_cable()
    }

    fn is_over(&self) -> bool {
        !self.plugged && !self.wants_cable()
    }

    fn close(&mut self) {
        self.shared.set_device(Device::Closed);
    }
}
