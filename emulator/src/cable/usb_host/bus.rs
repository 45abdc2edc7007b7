//! The host's end of the bus: transactions and timers with their ids, and endpoint 0 with one transfer at a time.

use super::control::{ControlTransfer, Progress};
use crate::{UsbAction, UsbReply, UsbToken, UsbTransaction, VirtualTime};

/// Longest time for a request: 9.2.6.1.
const REQUEST_TIME: VirtualTime = VirtualTime::from_seconds(5);

/// What the host is about to do.
#[derive(Debug, Default)]
pub(in crate::cable) struct Bus {
    next_id: u64,
    actions: Vec<UsbAction>,
}

impl Bus {
    pub(in crate::cable) fn push(&mut self, action: UsbAction) {
        self.actions.push(action);
    }

    /// Takes the actions since the last call.
    pub(in crate::cable) fn take(&mut self) -> Vec<UsbAction> {
        std::mem::take(&mut self.actions)
    }

    /// Asks for an event later; returns its id.
    pub(in crate::cable) fn timer(&mut self, after: VirtualTime) -> u64 {
        let id = self.id();
        self.push(UsbAction::Timer { id, after });
        id
    }

    /// Queues a transaction that is repeated while the device is busy; returns its id.
    pub(in crate::cable) fn transact(&mut self, address: u8, endpoint: u8, token: UsbToken) -> u64 {
        let id = self.id();
        self.push(UsbAction::Transact(UsbTransaction {
            id,
            address,
            endpoint,
            token,
            patient: true,
        }));
        id
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

/// How a control transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cable) enum Answer {
    /// It succeeded; data of a control read.
    Data(Vec<u8>),
    /// The device refused it.
    Stalled,
    /// The device did not answer in time.
    Silent,
}

/// Endpoint 0.
#[derive(Debug, Default)]
pub(in crate::cable) struct ControlPipe {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    transfer: ControlTransfer,
    address: u8,
    /// The transaction on its way.
    awaited: u64,
    /// The timer of the time limit.
    deadline: u64,
}

impl ControlPipe {
    pub(in crate::cable) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Begins a transfer. None may be on its way.
    pub(in crate::cable) fn begin(&mut self, bus: &mut Bus, address: u8, transfer: ControlTransfer) {
        let awaited = bus.transact(address, 0, transfer.token());
        let deadline = bus.timer(REQUEST_TIME);
        self.current = Some(Current {
            transfer,
            address,
            awaited,
            deadline,
        });
    }

    /// Ends the transfer when its time is over; [`Self::done`] reports it.
    pub(in crate::cable) fn timer_due(&self, bus: &mut Bus, id: u64) {
        if self.current.as_ref().is_some_and(|current| current.deadline == id) {
            Self::cancel(bus);
        }
    }

    /// Withdraws what waits at endpoint 0.
    pub(in crate::cable) fn cancel(bus: &mut Bus) {
        let (endpoint, inward) = (0, false);
        bus.push(UsbAction::Cancel { endpoint, inward });
    }

    /// The device has gone, or begins anew.
    pub(in crate::cable) fn forget(&mut self) {
        self.current = None;
    }

    /// Whether the transaction is the transfer's.
    pub(in crate::cable) fn awaits(&self, id: u64) -> bool {
        self.current.as_ref().is_some_and(|current| current.awaited == id)
    }

    /// A transaction of the transfer is over. Returns its end, if this is it.
    pub(in crate::cable) fn done(&mut self, bus: &mut Bus, reply: UsbReply) -> Option<Answer> {
        let current = self.current.as_mut()?;
        let answer = match current.transfer.reply(reply) {
            Progress::Token(token) => {
                current.awaited = bus.transact(current.address, 0, token);
                return None;
            }
            Progress::Done(data) => Answer::Data(data),
            Progress::Stalled => Answer::Stalled,
            Progress::Failed => Answer::Silent,
        };
        self.current = None;
        Some(answer)
    }
}
