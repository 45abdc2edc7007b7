//! Requests on endpoint 0: the standard ones that a host needs (USB 2.0 9.4), and those of a serial port (CDC 1.2 PSTN
//! 6.3). Nothing here touches hardware.

use super::descriptors::{BULK, CONFIGURATION, DEVICE, LANGUAGE, MANUFACTURER, PACKET_BYTES, PRODUCT};

const TO_HOST: u8 = 0x80;
const CLASS_TO_INTERFACE: u8 = 0x21;
const TO_DEVICE: u8 = 0;
const TO_ENDPOINT: u8 = 2;
const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const SET_ADDRESS: u8 = 5;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const SET_LINE_CODING: u8 = 0x20;
const GET_LINE_CODING: u8 = 0x21;
const SET_CONTROL_LINE_STATE: u8 = 0x22;

/// Longest answer: the configuration.
const ANSWER_BYTES: usize = CONFIGURATION.len();
const LINE_CODING_BYTES: usize = 7;
/// 9600 baud, 8 data bits, no parity, 1 stop bit.
const LINE_CODING: [u8; LINE_CODING_BYTES] = [0x80, 0x25, 0, 0, 0, 0, 8];
/// Hexadecimal digits of the chip id.
const SERIAL_DIGITS: usize = 16;

/// What the driver does with a request.
pub(super) enum Answer {
    /// Sends [`Control::next_part`]s.
    Send,
    /// Lets the host send data.
    Receive,
    /// Completes it.
    Accept,
    /// Leaves it to the controller.
    Leave,
    /// The data endpoints start anew, then as [`Self::Accept`].
    Configure,
    /// Halts a data endpoint, or not, then as [`Self::Accept`].
    Halt { is_in: bool, halt: bool },
    /// Stalls.
    Refuse,
}

/// The state of the device as the host sees it.
pub(super) struct Control {
    serial: [u8; SERIAL_DIGITS],
    is_configured: bool,
    has_dtr: bool,
    is_receiving: bool,
    /// Bulk IN and OUT.
    halted: [bool; 2],
    line_coding: [u8; LINE_CODING_BYTES],
    /// The answer, the part of it that was not sent yet, and whether an empty packet ends it.
    answer: [u8; ANSWER_BYTES],
    rest: (usize, usize),
    ends_empty: bool,
}

impl Control {
    pub(super) fn new(chip_id: [u8; 8]) -> Self {
        let mut serial = [0; SERIAL_DIGITS];
        for (index, digit) in serial.iter_mut().enumerate() {
            let nibble = chip_id[index / 2] >> (4 * (1 - index % 2)) & 15;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        }
        Self {
            serial,
            is_configured: false,
            has_dtr: false,
            is_receiving: false,
            halted: [false; 2],
            line_coding: LINE_CODING,
            answer: [0; ANSWER_BYTES],
            rest: (0, 0),
            ends_empty: false,
        }
    }

    /// The bus was reset.
    pub(super) fn reset(&mut self) {
        self.is_configured = false;
        self.has_dtr = false;
        self.is_receiving = false;
        self.halted = [false; 2];
        self.line_coding = LINE_CODING;
        self.rest = (0, 0);
        self.ends_empty = false;
    }

    /// Whether a host has the port open: it has configured the device and raised DTR.
    pub(super) fn is_open(&self) -> bool {
        self.is_configured && self.has_dtr
    }

    pub(super) fn baud(&self) -> u32 {
        let [b0, b1, b2, b3, ..] = self.line_coding;
        u32::from_le_bytes([b0, b1, b2, b3])
    }

    /// Whether data of a control write are expected.
    pub(super) fn is_receiving(&self) -> bool {
        self.is_receiving
    }

    /// Whether a part of the answer was not sent yet.
    pub(super) fn is_sending(&self) -> bool {
        self.rest.0 < self.rest.1 || self.ends_empty
    }

    /// Decides about a SETUP packet.
    pub(super) fn request(&mut self, setup: [u8; 8]) -> Answer {
        let [kind, request, value, value_high, index, _, length, length_high] = setup;
        let length = usize::from(length) | usize::from(length_high) << 8;
        self.rest = (0, 0);
        self.ends_empty = false;
        self.is_receiving = false;
        match (kind, request) {
            (TO_DEVICE, SET_ADDRESS) => Answer::Leave,
            (TO_DEVICE, SET_CONFIGURATION) if value <= 1 => {
                self.is_configured = value == 1;
                self.has_dtr = false;
                self.halted = [false; 2];
                Answer::Configure
            }
            (TO_ENDPOINT, CLEAR_FEATURE | SET_FEATURE) if value == 0 && usize::from(index & 0x7f) == BULK => {
                let (is_in, halt) = (index & TO_HOST != 0, request == SET_FEATURE);
                self.halted[usize::from(is_in)] = halt;
                Answer::Halt { is_in, halt }
            }
            (CLASS_TO_INTERFACE, SET_CONTROL_LINE_STATE) => {
                self.has_dtr = value & 1 != 0;
                Answer::Accept
            }
            (CLASS_TO_INTERFACE, SET_LINE_CODING) if length == LINE_CODING_BYTES => {
                self.is_receiving = true;
                Answer::Receive
            }
            _ if kind & TO_HOST == 0 || length == 0 => Answer::Refuse,
            _ => match self.prepare(kind & !TO_HOST, request, [value, value_high], index) {
                Some(available) => {
                    let len = available.min(length);
                    self.rest = (0, len);
                    self.ends_empty = len < length && len % PACKET_BYTES == 0;
                    Answer::Send
                }
                None => Answer::Refuse,
            },
        }
    }

    /// Puts the answer of a control read together; returns its length.
    fn prepare(&mut self, recipient: u8, request: u8, value: [u8; 2], index: u8) -> Option<usize> {
        let configured = [u8::from(self.is_configured)];
        let line_coding = self.line_coding;
        let halted = usize::from(index & 0x7f) == BULK && self.halted[usize::from(index & TO_HOST != 0)];
        let status = [u8::from(recipient == TO_ENDPOINT && halted), 0];
        let bytes: &[u8] = match (recipient, request, value) {
            (TO_DEVICE, GET_DESCRIPTOR, [0, 1]) => DEVICE,
            (TO_DEVICE, GET_DESCRIPTOR, [0, 2]) => CONFIGURATION,
            (TO_DEVICE, GET_DESCRIPTOR, [0, 3]) => LANGUAGE,
            (TO_DEVICE, GET_DESCRIPTOR, [which, 3]) => return self.prepare_text(which),
            (TO_DEVICE, GET_CONFIGURATION, _) => &configured,
            (0..=2, GET_STATUS, [0, 0]) => &status,
            (0x21, GET_LINE_CODING, _) => &line_coding,
            _ => return None,
        };
        self.answer[..bytes.len()].copy_from_slice(bytes);
        Some(bytes.len())
    }

    fn prepare_text(&mut self, which: u8) -> Option<usize> {
        let text = match which {
            1 => MANUFACTURER,
            2 => PRODUCT,
            3 => &self.serial,
            _ => return None,
        };
        let len = 2 + 2 * text.len();
        self.answer[0] = len as u8;
        self.answer[1] = 3;
        for (pair, character) in self.answer[2..].chunks_exact_mut(2).zip(text) {
            pair.copy_from_slice(&[*character, 0]);
        }
        Some(len)
    }

    /// The next part of the answer.
    pub(super) fn next_part(&mut self) -> &[u8] {
        let (at, end) = self.rest;
        let until = end.min(at + PACKET_BYTES);
        self.ends_empty &= at < until;
        self.rest.0 = until;
        &self.answer[at..until]
    }

    /// Where the data of a control write go, if they have the right length.
    pub(super) fn line_coding(&mut self, len: usize) -> &mut [u8] {
        self.is_receiving = false;
        let taken = if len == LINE_CODING_BYTES { len } else { 0 };
        &mut self.line_coding[..taken]
    }
}
