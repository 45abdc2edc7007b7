//! The USB device of a bootloader that is not in the machine's flash: a serial port (CDC 1.2, PSTN subclass) whose bytes
//! are the bootloader's. It answers transfers at once, without a bus.

use std::collections::VecDeque;

use super::transfers::{ECONNRESET, EINVAL, EPIPE, is_consistent};
use super::wire::{DeviceEntry, Reply, Submit};
use crate::cable::usb_host::descriptor::{CONFIGURATION, DEVICE, STRING};

const PACKET_BYTES: u8 = 64;
const NOTIFY: u8 = 1;
const BULK: u8 = 2;

/// Answers of the bootloader that wait for the host; what exceeds them is lost.
const TO_HOST_BYTES: usize = 256 * 1024;

const TO_HOST: u8 = 0x80;
const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_ADDRESS: u8 = 5;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const SET_INTERFACE: u8 = 11;
const TO_INTERFACE: u8 = 0x21;
const FROM_INTERFACE: u8 = 0xa1;
const SET_LINE_CODING: u8 = 0x20;
const GET_LINE_CODING: u8 = 0x21;
const SET_CONTROL_LINE_STATE: u8 = 0x22;

#[rustfmt::skip]
const CONFIGURATION_1: [u8; 67] = [
    9, CONFIGURATION, 67, 0, 2, 1, 0, 0x80, 250,
    // Interface 0: Communications, ACM; CDC 1.10, no call management, line coding, union of 0 and 1.
    9, 4, 0, 0, 1, 2, 2, 0, 0,
    5, 0x24, 0, 0x10, 0x01, 5, 0x24, 1, 0, 1, 4, 0x24, 2, 2, 5, 0x24, 6, 0, 1,
    7, 5, TO_HOST | NOTIFY, 3, 8, 0, 255,
    // Interface 1: data.
    9, 4, 1, 0, 2, 10, 0, 0, 0,
    7, 5, TO_HOST | BULK, 2, PACKET_BYTES, 0, 0,
    7, 5, BULK, 2, PACKET_BYTES, 0, 0,
];

/// What the device says about itself.
#[derive(Clone, Debug)]
pub(super) struct StandInIdentity {
    pub(super) vendor: u16,
    pub(super) product: u16,
    pub(super) product_name: String,
    pub(super) serial: String,
}

/// The device.
#[derive(Debug)]
pub(super) struct StandIn {
    identity: StandInIdentity,
    configuration: u8,
    line_coding: Vec<u8>,
    to_host: VecDeque<u8>,
    /// Reads that wait for bytes.
    reads: VecDeque<Submit>,
    /// Reads of the endpoint of notifications, which never come.
    waits: Vec<u32>,
}

impl StandIn {
    pub(super) fn new(identity: StandInIdentity) -> Self {
        Self {
            identity,
            configuration: 0,
            line_coding: vec![0x80, 0x25, 0, 0, 0, 0, 8],
            to_host: VecDeque::new(),
            reads: VecDeque::new(),
            waits: Vec::new(),
        }
    }

    /// The client is gone.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.identity.clone());
    }

    /// Fills in what clients are told of the device.
    pub(super) fn describe(&self, entry: &mut DeviceEntry) {
        entry.vendor = self.identity.vendor;
        entry.product = self.identity.product;
        entry.release = 0x0100;
        entry.class = [2, 0, 0];
        entry.configuration = 1;
        entry.configurations = 1;
        entry.interfaces = vec![[2, 2, 0], [10, 0, 0]];
    }

    /// Takes a transfer. Returns the bytes for the bootloader.
    pub(super) fn submit(&mut self, submit: Submit, replies: &mut Vec<Reply>) -> Vec<u8> {
        let seqnum = submit.seqnum;
        match (submit.endpoint, submit.is_in) {
            (0, is_in) if is_consistent(&submit) => {
                let (status, mut data) = match self.request(&submit) {
                    Some(data) => (0, data),
                    None => (EPIPE, Vec::new()),
                };
                data.truncate(submit.length as usize);
                let actual = if is_in || status != 0 {
                    data.len() as u32
                } else {
                    submit.length
                };
                replies.push(Reply::Submit {
                    seqnum,
                    status,
                    actual,
                    data,
                });
            }
            (NOTIFY, true) => self.waits.push(seqnum),
            (BULK, true) => {
                self.reads.push_back(submit);
                self.give(replies);
            }
            (BULK, false) => {
                replies.push(Reply::Submit {
                    seqnum,
                    status: 0,
                    actual: submit.length,
                    data: Vec::new(),
                });
                return submit.data;
            }
            _ => replies.push(Reply::Submit {
                seqnum,
                status: EINVAL,
                actual: 0,
                data: Vec::new(),
            }),
        }
        Vec::new()
    }

    /// Ends a transfer. One that is over already, or never was, is answered with 0.
    pub(super) fn unlink(&mut self, seqnum: u32, unlinks: u32, replies: &mut Vec<Reply>) {
        let before = self.reads.len() + self.waits.len();
        self.reads.retain(|read| read.seqnum != unlinks);
        self.waits.retain(|wait| *wait != unlinks);
        let was_there = self.reads.len() + self.waits.len() < before;
        replies.push(Reply::Unlink {
            seqnum,
            status: if was_there { ECONNRESET } else { 0 },
            unlinked: unlinks,
        });
    }

    /// Sends bytes of the bootloader.
    pub(super) fn send(&mut self, bytes: &[u8], replies: &mut Vec<Reply>) {
        let room = TO_HOST_BYTES.saturating_sub(self.to_host.len());
        self.to_host.extend(&bytes[..bytes.len().min(room)]);
        self.give(replies);
    }

    fn give(&mut self, replies: &mut Vec<Reply>) {
        while !self.to_host.is_empty()
            && let Some(read) = self.reads.pop_front()
        {
            let count = self.to_host.len().min(read.length as usize);
            let data: Vec<u8> = self.to_host.drain(..count).collect();
            replies.push(Reply::Submit {
                seqnum: read.seqnum,
                status: 0,
                actual: count as u32,
                data,
            });
        }
    }

    /// A request on endpoint 0: its answer, or `None` if it is refused.
    fn request(&mut self, submit: &Submit) -> Option<Vec<u8>> {
        let [kind, request, value, value_high, ..] = submit.setup;
        let accepted = Some(Vec::new());
        match (kind, request) {
            (TO_HOST, GET_DESCRIPTOR) => self.descriptor(value_high, value),
            (TO_HOST, GET_CONFIGURATION) => Some(vec![self.configuration]),
            (0x80..=0x82, GET_STATUS) => Some(vec![0, 0]),
            (0, SET_ADDRESS) | (1, SET_INTERFACE) | (2, CLEAR_FEATURE) => accepted,
            (0, SET_CONFIGURATION) if value <= 1 => {
                self.configuration = value;
                accepted
            }
            (TO_INTERFACE, SET_LINE_CODING) if submit.data.len() == 7 => {
                self.line_coding.clone_from(&submit.data);
                accepted
            }
            (FROM_INTERFACE, GET_LINE_CODING) => Some(self.line_coding.clone()),
            (TO_INTERFACE, SET_CONTROL_LINE_STATE) => accepted,
            _ => None,
        }
    }

    fn descriptor(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        let identity = &self.identity;
        match (kind, index) {
            (DEVICE, 0) => {
                let ([v0, v1], [p0, p1]) = (identity.vendor.to_le_bytes(), identity.product.to_le_bytes());
                #[rustfmt::skip]
                let bytes = vec![18, DEVICE, 0, 2, 2, 0, 0, PACKET_BYTES, v0, v1, p0, p1, 0, 1, 1, 2, 3, 1];
                Some(bytes)
            }
            (CONFIGURATION, 0) => Some(CONFIGURATION_1.to_vec()),
            // English (United States).
            (STRING, 0) => Some(vec![4, STRING, 0x09, 0x04]),
            (STRING, 1) => Some(text("Arduino")),
            (STRING, 2) => Some(text(&identity.product_name)),
            (STRING, 3) => Some(text(&identity.serial)),
            _ => None,
        }
    }
}

/// A string descriptor of at most 126 UTF-16 units.
fn text(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().take(126).flat_map(u16::to_le_bytes).collect();
    let mut bytes = vec![2 + units.len() as u8, STRING];
    bytes.extend(units);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cable::usb_host::SerialInterface;
    use crate::cable::usb_host::descriptor::{Description, DeviceDescriptor};

    fn device() -> StandIn {
        StandIn::new(StandInIdentity {
            vendor: 0x2341,
            product: 0x005a,
            product_name: "Nano".into(),
            serial: "0123".into(),
        })
    }

    fn submit(seqnum: u32, endpoint: u8, is_in: bool, length: u32, setup: [u8; 8], data: &[u8]) -> Submit {
        Submit {
            seqnum,
            device: 0,
            endpoint,
            is_in,
            flags: 0,
            length,
            setup,
            data: data.to_vec(),
        }
    }

    /// The answer to a request on endpoint 0.
    fn ask(device: &mut StandIn, setup: [u8; 8], data: &[u8]) -> Result<Vec<u8>, i32> {
        let mut replies = Vec::new();
        let length = u32::from(setup[6]);
        device.submit(submit(1, 0, setup[0] & 0x80 != 0, length, setup, data), &mut replies);
        match <[Reply; 1]>::try_from(replies) {
            Ok([Reply::Submit { status: 0, data, .. }]) => Ok(data),
            Ok([Reply::Submit { status, .. }]) => Err(status),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_a_serial_port() {
        let mut device = device();
        let read = ask(&mut device, [0x80, 6, 0, DEVICE, 0, 0, 18, 0], &[]).unwrap();
        let described = DeviceDescriptor::parse(&read).unwrap();
        let configuration = ask(&mut device, [0x80, 6, 0, CONFIGURATION, 0, 0, 255, 0], &[]).unwrap();
        assert!(SerialInterface::parse(&configuration).is_ok());
        let described = Description::parse(described, &configuration).unwrap();
        let mut entry = super::super::server::entry(&described);
        let from_descriptors = entry.clone();
        device.describe(&mut entry);
        assert_eq!(entry, from_descriptors, "lists say what descriptors say");
        let head = ask(&mut device, [0x80, 6, 0, CONFIGURATION, 0, 0, 9, 0], &[]).unwrap();
        assert_eq!(head, configuration[..9]);
        let serial = ask(&mut device, [0x80, 6, 3, STRING, 9, 4, 255, 0], &[]).unwrap();
        assert_eq!(serial, [10, 3, b'0', 0, b'1', 0, b'2', 0, b'3', 0]);
        let coding = [0xb0, 4, 0, 0, 0, 0, 8];
        assert_eq!(
            ask(&mut device, [0x21, 0x20, 0, 0, 0, 0, 7, 0], &coding),
            Ok(Vec::new())
        );
        assert_eq!(
            ask(&mut device, [0xa1, 0x21, 0, 0, 0, 0, 7, 0], &[]),
            Ok(coding.to_vec())
        );
        assert_eq!(ask(&mut device, [0x80, 6, 9, STRING, 9, 4, 255, 0], &[]), Err(EPIPE));
        assert_eq!(ask(&mut device, [0, 9, 2, 0, 0, 0, 0, 0], &[]), Err(EPIPE));
    }

    #[test]
    fn bytes_wait_for_reads_and_reads_for_bytes() {
        let (mut device, mut replies) = (device(), Vec::new());
        let read = |device: &mut StandIn, seqnum, replies: &mut Vec<Reply>| {
            device.submit(submit(seqnum, BULK, true, 4, [0; 8], &[]), replies)
        };
        let answered = |seqnum, data: &[u8]| Reply::Submit {
            seqnum,
            status: 0,
            actual: data.len() as u32,
            data: data.to_vec(),
        };
        read(&mut device, 1, &mut replies);
        read(&mut device, 2, &mut replies);
        device.unlink(9, 1, &mut replies);
        device.unlink(10, 1, &mut replies);
        device.send(b"sixsix", &mut replies);
        read(&mut device, 3, &mut replies);
        let unlinked = |seqnum, status| Reply::Unlink {
            seqnum,
            status,
            unlinked: 1,
        };
        let expected = [
            unlinked(9, ECONNRESET),
            unlinked(10, 0),
            answered(2, b"sixs"),
            answered(3, b"ix"),
        ];
        assert_eq!(replies, expected);
        replies.clear();
        let taken = device.submit(submit(4, BULK, false, 2, [0; 8], b"N#"), &mut replies);
        assert_eq!(taken, b"N#");
        // What a client leaves does not wait for the next one.
        device.send(b"left", &mut replies);
        device.reset();
        replies.clear();
        read(&mut device, 5, &mut replies);
        assert_eq!(replies, []);
    }
}
