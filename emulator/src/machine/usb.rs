//! The USB socket of a machine, as a host's controller sees it: the cable, the bus, single transactions with their
//! handshakes. A host's software (enumeration, classes) is not here.
//!
//! Everything happens in virtual time: a transaction takes its time on the wire, and its result is a [`UsbEvent`].

use super::time::VirtualTime;

/// Optional capability of a machine: a USB device that a host can be plugged into.
pub trait UsbDevice {
    /// The state of socket and bus now.
    fn status(&self) -> UsbStatus;

    /// Does something on the bus, from this instant on. What cannot be done in the present state (a transaction without
    /// a device) ends as an event too.
    fn act(&mut self, action: UsbAction);

    /// Takes the events since the last call, in order.
    fn take_events(&mut self) -> Vec<UsbEvent>;
}

/// The state of a USB socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsbStatus {
    /// A host is plugged in: VBUS is present.
    pub plugged: bool,
    /// The device shows itself by its pull-up on D+.
    pub pull_up: bool,
    /// The host has suspended the bus.
    pub suspended: bool,
}

/// An action of a host's controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UsbAction {
    /// The cable is plugged in; VBUS rises.
    Plug,
    /// The cable is pulled; VBUS falls. Transactions that wait are withdrawn.
    Unplug,
    /// Drives a bus reset of 10 ms, then [`UsbEvent::ResetDone`]. Transactions that wait are withdrawn.
    Reset,
    /// Stops the start-of-frame packets. The device notices after 3 ms. Transactions wait until the bus is resumed.
    Suspend,
    /// Resumes the bus, which takes 20 ms.
    Resume,
    /// Queues a transaction. Those of one endpoint and direction take place in order, and all of endpoint 0.
    Transact(UsbTransaction),
    /// Withdraws the transactions of an endpoint that have not begun. Endpoint 0 has one direction only.
    Cancel {
        /// Endpoint number.
        endpoint: u8,
        /// Whether those from device to host.
        inward: bool,
    },
    /// Asks for a [`UsbEvent::Timer`] later.
    Timer {
        /// Returned with the event.
        id: u64,
        /// How much later.
        after: VirtualTime,
    },
}

/// A transaction: a token, data if there are any, a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct UsbTransaction {
    /// Returned with the result.
    pub id: u64,
    /// Device address, 0 to 127.
    pub address: u8,
    /// Endpoint number, 0 to 15.
    pub endpoint: u8,
    /// The token, with its data.
    pub token: UsbToken,
    /// Repeated while the device answers NAK.
    pub patient: bool,
}

/// Token packets with the data that follow them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UsbToken {
    /// A request to a control endpoint.
    Setup([u8; 8]),
    /// The host asks for data.
    In,
    /// The host sends data.
    Out {
        /// At most 64 bytes.
        data: Vec<u8>,
        /// DATA1 instead of DATA0.
        toggle: bool,
    },
}

/// An event of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbEvent {
    /// When.
    pub at: VirtualTime,
    /// What.
    pub what: UsbOccurrence,
}

/// What happened on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsbOccurrence {
    /// The cable was plugged in (`true`) or pulled.
    Plugged(bool),
    /// The device connected its pull-up (`true`) or disconnected it.
    PullUp(bool),
    /// A bus reset is over.
    ResetDone,
    /// The bus is resumed.
    Resumed,
    /// A transaction is over.
    Done {
        /// The transaction's.
        id: u64,
        /// How it ended.
        reply: UsbReply,
    },
    /// A [`UsbAction::Timer`] is due.
    Timer(u64),
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsbReply {
    /// The device took SETUP or OUT.
    Ack,
    /// The device's data for IN, which the host acknowledged.
    Data {
        /// The bytes.
        bytes: Vec<u8>,
        /// DATA1 instead of DATA0.
        toggle: bool,
    },
    /// The device is not ready.
    Nak,
    /// The endpoint is halted, or the request is not supported.
    Stall,
    /// Nothing answered.
    Silence,
    /// It did not take place: cancelled, unplugged, reset.
    Withdrawn,
}
