//! The transfers that a client has submitted, as transactions on the bus: queued by endpoint and direction, in order.
//!
//! One transaction of an endpoint and direction is on its way at a time, so that a transfer which is unlinked loses no
//! packet of the next one.

use std::collections::{BTreeMap, VecDeque};

use super::wire::{Reply, Submit, URB_SHORT_NOT_OK, URB_ZERO_PACKET};
use crate::cable::usb_host::arrival::Arrival;
use crate::cable::usb_host::bus::{Answer, Bus, ControlPipe};
use crate::cable::usb_host::control::ControlTransfer;
use crate::cable::usb_host::descriptor::Description;
use crate::{UsbAction, UsbReply, UsbToken};

// Error numbers of Linux, as drivers know them from a host controller (kernel documentation, "USB Error codes").
/// The endpoint is halted, or the request is not supported.
pub(super) const EPIPE: i32 = -32;
/// The transfer cannot be made.
pub(super) const EINVAL: i32 = -22;
/// The device does not answer.
const EPROTO: i32 = -71;
/// The device sent more than was asked for.
const EOVERFLOW: i32 = -75;
/// The device sent less than was asked for.
const EREMOTEIO: i32 = -121;
/// The transfer was unlinked.
pub(super) const ECONNRESET: i32 = -104;

/// How often a token that nothing answers is repeated (USB 2.0 10.2.6).
const ATTEMPTS: u8 = 3;

// Standard requests that change what the host knows of the device.
const CLEAR_ENDPOINT_FEATURE: [u8; 2] = [2, 1];
const SET_ADDRESS: [u8; 2] = [0, 5];
const SET_CONFIGURATION: [u8; 2] = [0, 9];
const SET_INTERFACE: [u8; 2] = [1, 11];

/// All transfers of one device.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    control: VecDeque<Transfer>,
    pipes: BTreeMap<(u8, bool), Pipe>,
    max_packet: usize,
}

#[derive(Debug)]
struct Transfer {
    submit: Submit,
    /// Bytes to the device that it has taken.
    sent: usize,
    received: Vec<u8>,
    /// The command that wants it ended.
    unlink: Option<u32>,
}

/// An endpoint in one direction, other than endpoint 0.
#[derive(Debug)]
struct Pipe {
    max_packet: usize,
    queue: VecDeque<Transfer>,
    /// The transaction of the first transfer.
    in_flight: Option<u64>,
    toggle: bool,
    silences: u8,
}

impl Transfer {
    fn of(submit: Submit) -> Self {
        Self {
            submit,
            sent: 0,
            received: Vec::new(),
            unlink: None,
        }
    }

    /// The answers when it is over.
    fn end(self, status: i32, replies: &mut Vec<Reply>) {
        let actual = self.received.len().max(self.sent) as u32;
        let seqnum = self.submit.seqnum;
        replies.push(Reply::Submit {
            seqnum,
            status,
            actual,
            data: self.received,
        });
        // It ended before it could be unlinked.
        replies.extend(self.unlink.map(|unlink| Reply::Unlink {
            seqnum: unlink,
            status: 0,
            unlinked: seqnum,
        }));
    }

    /// The answer when it was unlinked.
    fn unlinked(self, unlink: u32, replies: &mut Vec<Reply>) {
        replies.push(Reply::Unlink {
            seqnum: unlink,
            status: ECONNRESET,
            unlinked: self.submit.seqnum,
        });
    }
}

impl Transfers {
    /// None yet, for a device that has just got its address.
    pub(super) fn of(description: &Description, max_packet: usize) -> Self {
        let pipe = |&(address, max_packet): &(u8, usize)| {
            let pipe = Pipe {
                max_packet,
                queue: VecDeque::new(),
                in_flight: None,
                toggle: false,
                silences: 0,
            };
            ((address & 15, address & 0x80 != 0), pipe)
        };
        Self {
            control: VecDeque::new(),
            pipes: description.endpoints.iter().map(pipe).collect(),
            max_packet,
        }
    }

    /// Queues a transfer.
    pub(super) fn submit(&mut self, submit: Submit, replies: &mut Vec<Reply>) {
        let transfer = Transfer::of(submit);
        let submit = &transfer.submit;
        if submit.endpoint == 0 {
            return match is_consistent(submit) {
                true => self.control.push_back(transfer),
                false => transfer.end(EINVAL, replies),
            };
        }
        match self.pipes.get_mut(&(submit.endpoint, submit.is_in)) {
            Some(pipe) => pipe.queue.push_back(transfer),
            None => transfer.end(EINVAL, replies),
        }
    }

    /// Ends a transfer. One that is over already, or never was, is answered with 0.
    pub(super) fn unlink(&mut self, bus: &mut Bus, seqnum: u32, unlinks: u32, replies: &mut Vec<Reply>) {
        let is_it = |transfer: &Transfer| transfer.submit.seqnum == unlinks;
        let found = |queue: &VecDeque<Transfer>| queue.iter().position(is_it);
        // The first one is on the bus.
        if let Some(place) = found(&self.control) {
            if place == 0 {
                self.control[0].unlink = Some(seqnum);
                ControlPipe::cancel(bus);
            } else if let Some(transfer) = self.control.remove(place) {
                transfer.unlinked(seqnum, replies);
            }
            return;
        }
        for ((endpoint, inward), pipe) in &mut self.pipes {
            let Some(place) = found(&pipe.queue) else { continue };
            if place == 0 && pipe.in_flight.is_some() {
                pipe.queue[0].unlink = Some(seqnum);
                bus.push(UsbAction::Cancel {
                    endpoint: *endpoint,
                    inward: *inward,
                });
            } else if let Some(transfer) = pipe.queue.remove(place) {
                transfer.unlinked(seqnum, replies);
            }
            return;
        }
        replies.push(Reply::Unlink {
            seqnum,
            status: 0,
            unlinked: unlinks,
        });
    }

    /// Begins what can begin.
    pub(super) fn advance(&mut self, bus: &mut Bus, control: &mut ControlPipe, replies: &mut Vec<Reply>) {
        while let Some(transfer) = self.control.front_mut().filter(|_| !control.is_busy()) {
            let setup = transfer.submit.setup;
            if setup[..2] != SET_ADDRESS {
                let data = std::mem::take(&mut transfer.submit.data);
                let transfer = ControlTransfer::of(setup, data, self.max_packet);
                control.begin(bus, Arrival::address(), transfer);
                break;
            }
            // The device has its address on this bus; the client's bus is another one.
            if let Some(transfer) = self.control.pop_front() {
                transfer.end(0, replies);
            }
        }
        for ((endpoint, _), pipe) in &mut self.pipes {
            pipe.begin(bus, *endpoint);
        }
    }

    /// Whether a transaction on an endpoint other than 0 is one of these; its transfer goes on or ends.
    pub(super) fn done(&mut self, id: u64, reply: UsbReply, replies: &mut Vec<Reply>) -> bool {
        let Some(pipe) = self.pipes.values_mut().find(|pipe| pipe.in_flight == Some(id)) else {
            return false;
        };
        pipe.in_flight = None;
        pipe.done(reply, replies);
        true
    }

    /// The control transfer is over.
    pub(super) fn answered(&mut self, answer: Answer, replies: &mut Vec<Reply>) {
        let Some(mut transfer) = self.control.pop_front() else {
            return;
        };
        match answer {
            Answer::Data(data) => {
                self.note(transfer.submit.setup);
                transfer.received = data;
                transfer.sent = if transfer.submit.is_in {
                    0
                } else {
                    transfer.submit.length as usize
                };
                transfer.end(0, replies);
            }
            Answer::Stalled => transfer.end(EPIPE, replies),
            Answer::Silent => match transfer.unlink {
                Some(unlink) => transfer.unlinked(unlink, replies),
                None => transfer.end(EPROTO, replies),
            },
        }
    }

    /// Data begin with DATA0 again after some requests (USB 2.0 9.4).
    fn note(&mut self, setup: [u8; 8]) {
        let kind = [setup[0], setup[1]];
        if kind == SET_CONFIGURATION || kind == SET_INTERFACE {
            self.pipes.values_mut().for_each(|pipe| pipe.toggle = false);
        } else if kind == CLEAR_ENDPOINT_FEATURE {
            let endpoint = (setup[4] & 15, setup[4] & 0x80 != 0);
            if let Some(pipe) = self.pipes.get_mut(&endpoint) {
                pipe.toggle = false;
            }
        }
    }
}

/// Whether SETUP packet and transfer say the same about their data.
pub(super) fn is_consistent(submit: &Submit) -> bool {
    let length = u32::from(u16::from_le_bytes([submit.setup[6], submit.setup[7]]));
    let reads = submit.setup[0] & 0x80 != 0;
    length == submit.length && (length == 0 || reads == submit.is_in)
}

impl Pipe {
    /// Begins the next transaction, if none is on its way.
    fn begin(&mut self, bus: &mut Bus, endpoint: u8) {
        let Some(Transfer { submit, sent, .. }) = self.queue.front() else {
            return;
        };
        if self.in_flight.is_some() {
            return;
        }
        let token = match submit.is_in {
            true => UsbToken::In,
            false => UsbToken::Out {
                data: submit.data[*sent..submit.data.len().min(sent + self.max_packet)].to_vec(),
                toggle: self.toggle,
            },
        };
        self.in_flight = Some(bus.transact(Arrival::address(), endpoint, token));
    }

    fn done(&mut self, reply: UsbReply, replies: &mut Vec<Reply>) {
        let is_silent = reply == UsbReply::Silence;
        let status = match reply {
            UsbReply::Data { bytes, toggle } => self.take(&bytes, toggle),
            UsbReply::Ack => self.sent(),
            UsbReply::Stall => Some(EPIPE),
            UsbReply::Silence if self.silences + 1 < ATTEMPTS => None,
            UsbReply::Silence => Some(EPROTO),
            // Withdrawn, because it is to be unlinked.
            UsbReply::Nak | UsbReply::Withdrawn => None,
        };
        let is_over = status.is_some();
        self.silences = if is_silent && !is_over { self.silences + 1 } else { 0 };
        let Some(unlink) = self.queue.front().map(|transfer| transfer.unlink) else {
            return;
        };
        match (status, unlink) {
            (None, None) => {}
            (Some(status), _) => self.end(status, replies),
            // What has arrived is not lost: the transfer ends short.
            (None, Some(_)) if self.queue.front().is_some_and(|transfer| !transfer.received.is_empty()) => {
                self.end(0, replies);
            }
            (None, Some(unlink)) => {
                if let Some(transfer) = self.queue.pop_front() {
                    transfer.unlinked(unlink, replies);
                }
            }
        }
    }

    fn end(&mut self, status: i32, replies: &mut Vec<Reply>) {
        if let Some(transfer) = self.queue.pop_front() {
            transfer.end(status, replies);
        }
    }

    /// Takes a packet of the device. Returns the status if the transfer is over.
    fn take(&mut self, bytes: &[u8], toggle: bool) -> Option<i32> {
        let transfer = self.queue.front_mut()?;
        if toggle != self.toggle {
            // A repetition.
            return None;
        }
        self.toggle = !toggle;
        let length = transfer.submit.length as usize;
        transfer.received.extend(bytes);
        if transfer.received.len() > length {
            transfer.received.truncate(length);
            return Some(EOVERFLOW);
        }
        match (transfer.received.len() == length, bytes.len() < self.max_packet) {
            (true, _) => Some(0),
            (false, true) if transfer.submit.flags & URB_SHORT_NOT_OK != 0 => Some(EREMOTEIO),
            (false, true) => Some(0),
            (false, false) => None,
        }
    }

    /// The device has taken a packet. Returns the status if the transfer is over.
    fn sent(&mut self) -> Option<i32> {
        let transfer = self.queue.front_mut()?;
        self.toggle = !self.toggle;
        let length = transfer.submit.data.len();
        let before = transfer.sent;
        transfer.sent = length.min(before + self.max_packet);
        let was_full = transfer.sent - before == self.max_packet;
        let wants_empty = was_full && transfer.submit.flags & URB_ZERO_PACKET != 0;
        (transfer.sent == length && !wants_empty).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cable::usb_host::descriptor::DeviceDescriptor;

    const BULK_IN: u8 = 2;
    const BULK_OUT: u8 = 3;

    struct Bench {
        transfers: Transfers,
        bus: Bus,
        control: ControlPipe,
        replies: Vec<Reply>,
    }

    impl Bench {
        fn new() -> Self {
            #[rustfmt::skip]
            let device = [18, 1, 0, 2, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            #[rustfmt::skip]
            let configuration = [
                9, 2, 32, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 2, 255, 0, 0, 0,
                7, 5, 0x82, 2, 64, 0, 0, 7, 5, 3, 2, 64, 0, 0,
            ];
            let device = DeviceDescriptor::parse(&device).unwrap();
            let description = Description::parse(device, &configuration).unwrap();
            Self {
                transfers: Transfers::of(&description, 64),
                bus: Bus::default(),
                control: ControlPipe::default(),
                replies: Vec::new(),
            }
        }

        fn submit(&mut self, seqnum: u32, endpoint: u8, is_in: bool, length: u32, flags: u32) {
            let submit = Submit {
                seqnum,
                device: 0,
                endpoint,
                is_in,
                flags,
                length,
                setup: [0; 8],
                data: if is_in { Vec::new() } else { vec![7; length as usize] },
            };
            self.transfers.submit(submit, &mut self.replies);
        }

        fn control(&mut self, seqnum: u32, setup: [u8; 8], is_in: bool) {
            let length = u32::from(setup[6]);
            let submit = Submit {
                seqnum,
                device: 0,
                endpoint: 0,
                is_in,
                flags: 0,
                length,
                setup,
                data: if is_in { Vec::new() } else { vec![7; length as usize] },
            };
            self.transfers.submit(submit, &mut self.replies);
        }

        /// The transactions and cancellations that follow.
        fn acts(&mut self) -> Vec<UsbAction> {
            self.transfers
                .advance(&mut self.bus, &mut self.control, &mut self.replies);
            let acts = self.bus.take();
            acts.into_iter()
                .filter(|act| !matches!(act, UsbAction::Timer { .. }))
                .collect()
        }

        /// The only transaction that follows.
        #[track_caller]
        fn token(&mut self) -> (u64, UsbToken) {
            match <[_; 1]>::try_from(self.acts()) {
                Ok([UsbAction::Transact(transaction)]) => (transaction.id, transaction.token),
                acts => panic!("{acts:?}"),
            }
        }

        fn done(&mut self, id: u64, reply: UsbReply) {
            if !self.transfers.done(id, reply.clone(), &mut self.replies) {
                assert!(self.control.awaits(id));
                if let Some(answer) = self.control.done(&mut self.bus, reply) {
                    self.transfers.answered(answer, &mut self.replies);
                }
            }
        }

        fn replies(&mut self) -> Vec<Reply> {
            std::mem::take(&mut self.replies)
        }
    }

    fn data(count: usize, toggle: bool) -> UsbReply {
        UsbReply::Data {
            bytes: vec![1; count],
            toggle,
        }
    }

    fn ended(seqnum: u32, status: i32, actual: u32, received: usize) -> Reply {
        Reply::Submit {
            seqnum,
            status,
            actual,
            data: vec![1; received],
        }
    }

    #[test]
    fn a_read_ends_full_short_or_overrun() {
        for (length, flags, packets, status, actual) in [
            (128, 0, &[64, 64][..], 0, 128),
            (128, 0, &[63], 0, 63),
            (128, 0, &[64, 0], 0, 64),
            (128, URB_SHORT_NOT_OK, &[63], EREMOTEIO, 63),
            (10, 0, &[64], EOVERFLOW, 10),
            (0, 0, &[0], 0, 0),
        ] {
            let mut bench = Bench::new();
            bench.submit(9, BULK_IN, true, length, flags);
            for (index, packet) in packets.iter().enumerate() {
                assert_eq!(bench.replies(), [], "{length} {packets:?}");
                let (id, token) = bench.token();
                assert_eq!(token, UsbToken::In);
                // A repetition of the packet before is no packet.
                bench.done(id, data(5, index % 2 == 0));
                let (id, _) = bench.token();
                bench.done(id, data(*packet, index % 2 == 1));
            }
            assert_eq!(
                bench.replies(),
                [ended(9, status, actual, actual as usize)],
                "{packets:?}"
            );
        }
    }

    #[test]
    fn a_write_alternates_its_toggles_and_may_end_empty() {
        for (length, flags, expected) in [
            (70, 0, &[64, 6][..]),
            (128, 0, &[64, 64]),
            (128, URB_ZERO_PACKET, &[64, 64, 0]),
            (70, URB_ZERO_PACKET, &[64, 6]),
            (0, 0, &[0]),
        ] {
            let mut bench = Bench::new();
            bench.submit(9, BULK_OUT, false, length, flags);
            for (index, packet) in expected.iter().enumerate() {
                let (id, token) = bench.token();
                let data = vec![7; *packet];
                let toggle = index % 2 == 1;
                assert_eq!(token, UsbToken::Out { data, toggle }, "{length} {flags}");
                bench.done(id, UsbReply::Ack);
            }
            assert_eq!(bench.replies(), [ended(9, 0, length, 0)]);
        }
    }

    #[test]
    fn a_transfer_that_waits_is_unlinked_and_the_next_one_gets_the_data() {
        let mut bench = Bench::new();
        bench.submit(1, BULK_IN, true, 64, 0);
        bench.submit(2, BULK_IN, true, 64, 0);
        bench.submit(3, BULK_IN, true, 64, 0);
        let (id, _) = bench.token();
        let unlink = |bench: &mut Bench, seqnum, unlinks| {
            bench
                .transfers
                .unlink(&mut bench.bus, seqnum, unlinks, &mut bench.replies);
        };
        // One that has not begun, one that is over or never was.
        unlink(&mut bench, 11, 2);
        unlink(&mut bench, 12, 77);
        let reply = |seqnum, status, unlinked| Reply::Unlink {
            seqnum,
            status,
            unlinked,
        };
        assert_eq!(bench.replies(), [reply(11, ECONNRESET, 2), reply(12, 0, 77)]);
        // One on the bus.
        unlink(&mut bench, 13, 1);
        let (endpoint, inward) = (BULK_IN, true);
        assert_eq!(bench.acts(), [UsbAction::Cancel { endpoint, inward }]);
        bench.done(id, UsbReply::Withdrawn);
        assert_eq!(bench.replies(), [reply(13, ECONNRESET, 1)]);
        let (id, _) = bench.token();
        // One whose data were on the wire.
        unlink(&mut bench, 14, 3);
        bench.done(id, data(7, false));
        assert_eq!(bench.replies(), [ended(3, 0, 7, 7), reply(14, 0, 3)]);
    }

    #[test]
    fn a_stall_and_silence_end_a_transfer() {
        let mut bench = Bench::new();
        bench.submit(1, BULK_OUT, false, 4, 0);
        let (id, _) = bench.token();
        bench.done(id, UsbReply::Stall);
        assert_eq!(bench.replies(), [ended(1, EPIPE, 0, 0)]);
        bench.submit(2, BULK_OUT, false, 4, 0);
        for _ in 0..ATTEMPTS {
            assert_eq!(bench.replies(), []);
            let (id, _) = bench.token();
            bench.done(id, UsbReply::Silence);
        }
        assert_eq!(bench.replies(), [ended(2, EPROTO, 0, 0)]);
        // An endpoint that the device does not have.
        bench.submit(3, BULK_OUT, true, 4, 0);
        assert_eq!(bench.replies(), [ended(3, EINVAL, 0, 0)]);
    }

    #[test]
    fn control_transfers_are_checked_and_set_address_is_kept() {
        let mut bench = Bench::new();
        bench.control(1, [0, 5, 9, 0, 0, 0, 0, 0], false);
        assert_eq!(bench.acts(), []);
        assert_eq!(bench.replies(), [ended(1, 0, 0, 0)]);
        // SETUP says that data come, the transfer says where they go.
        bench.control(2, [0x80, 6, 0, 1, 0, 0, 18, 0], false);
        bench.control(3, [0x21, 0x20, 0, 0, 0, 0, 7, 0], true);
        assert_eq!(bench.replies(), [ended(2, EINVAL, 0, 0), ended(3, EINVAL, 0, 0)]);
        // SET_CONFIGURATION: data begin with DATA0.
        bench.submit(4, BULK_OUT, false, 1, 0);
        let (id, _) = bench.token();
        bench.done(id, UsbReply::Ack);
        bench.control(5, [0, 9, 1, 0, 0, 0, 0, 0], false);
        let (id, token) = bench.token();
        assert_eq!(token, UsbToken::Setup([0, 9, 1, 0, 0, 0, 0, 0]));
        bench.done(id, UsbReply::Ack);
        let (id, _) = bench.token();
        bench.done(id, data(0, true));
        assert_eq!(bench.replies(), [ended(4, 0, 1, 0), ended(5, 0, 0, 0)]);
        bench.submit(6, BULK_OUT, false, 1, 0);
        assert!(matches!(bench.token(), (_, UsbToken::Out { toggle: false, .. })));
    }
}
