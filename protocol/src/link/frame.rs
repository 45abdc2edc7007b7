//! The bytes of a frame.
//!
//! Decoded, a frame is its body and, at the end, the CRC-32 of the body (little-endian). All numbers in the body are
//! big-endian. The two upper bits of the first byte select the kind:
//!
//! | kind | first byte | then |
//! |---|---|---|
//! | hello `01` | bit 2 `SEEN`, bit 3 `ANSWER`, bit 4 `DEVICE` | version `u8`, epoch `u32`, peer's epoch `u32` (if `SEEN`, else 0) |
//! | data `10` | bits 0–1 channel, bit 2 `REPEAT`, bit 3 `POLL` | status, sequence `u8`, 1 to 240 bytes |
//! | status `11` | bit 2 `REPEAT`, bit 3 `POLL` | status |
//!
//! *Status* is: tag of both epochs `u16`, sequence wanted next `u8`, and for each channel the bytes it can take behind
//! that sequence, in units of [`CREDIT_UNIT_BYTES`]. The form of a hello never changes, so that versions can meet.

use super::{Channel, MAX_FRAME_BYTES, cobs, crc32};

/// Maximum data bytes in a frame.
pub const MAX_DATA_BYTES: usize = 240;

/// Unit in which a receiver states how much a channel can take.
pub const CREDIT_UNIT_BYTES: usize = 32;

const HELLO: u8 = 0b01 << 6;
const DATA: u8 = 0b10 << 6;
const STATUS: u8 = 0b11 << 6;
const SORT: u8 = 0b11 << 6;
const CHANNEL: u8 = 0b11;
const SEEN: u8 = 1 << 2;
const ANSWER: u8 = 1 << 3;
const DEVICE: u8 = 1 << 4;
const REPEAT: u8 = 1 << 2;
const POLL: u8 = 1 << 3;

const HELLO_BYTES: usize = 10;
const STATUS_BYTES: usize = 7;
const DATA_AT: usize = STATUS_BYTES + 1;
const CRC_BYTES: usize = 4;
const MAX_RAW_BYTES: usize = DATA_AT + MAX_DATA_BYTES + CRC_BYTES;

// A raw frame below 254 bytes grows by one byte in COBS; two delimiters are added.
const _: () = assert!(MAX_RAW_BYTES < 254 && MAX_RAW_BYTES + 3 <= MAX_FRAME_BYTES);

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The sender's role.
    Hello(Hello),
    /// Bytes of a channel.
    Data {
        /// The channel.
        channel: Channel,
        /// Number of the frame among the sender's data frames.
        sequence: u8,
        /// The bytes.
        data: &'a [u8],
        /// What the sender has received.
        status: Status,
    },
    /// What the sender has received.
    Status(Status),
}

/// The sender, and the peer that it has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Link version.
    pub version: u8,
    /// Epoch of the sender.
    pub epoch: u32,
    /// Epoch of the peer that the sender has heard.
    pub seen: Option<u32>,
    /// Whether the sender wants a hello back because its side of the link is not up.
    pub answer: bool,
    /// Whether the sender is a device.
    pub device: bool,
}

/// The sequence that a side has received, and its credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Tag of both epochs, see [`tag`].
    pub tag: u16,
    /// Sequence expected next; all before it have arrived.
    pub wanted: u8,
    /// Credit of each channel counted from `wanted`, in units of [`CREDIT_UNIT_BYTES`].
    pub credit: [u8; 3],
    /// Something was lost: send `wanted` and everything after it again.
    pub repeat: bool,
    /// Answer with a status.
    pub poll: bool,
}

/// The tag that distinguishes frames of the current pair of epochs from older ones.
pub fn tag(device_epoch: u32, host_epoch: u32) -> u16 {
    let mut epochs = [0; 8];
    epochs[..4].copy_from_slice(&device_epoch.to_be_bytes());
    epochs[4..].copy_from_slice(&host_epoch.to_be_bytes());
    crc32(&epochs) as u16
}

impl<'a> Frame<'a> {
    /// Writes the encoded frame between delimiters and returns its length.
    ///
    /// Data beyond [`MAX_DATA_BYTES`] is omitted.
    pub fn encode(&self, out: &mut [u8; MAX_FRAME_BYTES]) -> usize {
        let mut raw = [0; MAX_RAW_BYTES];
        let body = self.write_body(&mut raw);
        let crc = crc32(&raw[..body]).to_le_bytes();
        raw[body..body + CRC_BYTES].copy_from_slice(&crc);
        // The zero in front cuts off noise that the idle line may have made.
        out[0] = 0;
        let end = 1 + cobs::encode(&raw[..body + CRC_BYTES], &mut out[1..]);
        out[end] = 0;
        end + 1
    }

    fn write_body(&self, raw: &mut [u8; MAX_RAW_BYTES]) -> usize {
        match self {
            Self::Hello(hello) => {
                raw[0] =
                    HELLO | flag(SEEN, hello.seen.is_some()) | flag(ANSWER, hello.answer) | flag(DEVICE, hello.device);
                raw[1] = hello.version;
                raw[2..6].copy_from_slice(&hello.epoch.to_be_bytes());
                raw[6..10].copy_from_slice(&hello.seen.unwrap_or(0).to_be_bytes());
                HELLO_BYTES
            }
            Self::Data {
                channel,
                sequence,
                data,
                status,
            } => {
                status.write(DATA | *channel as u8, raw);
                raw[STATUS_BYTES] = *sequence;
                let len = data.len().min(MAX_DATA_BYTES);
                raw[DATA_AT..DATA_AT + len].copy_from_slice(&data[..len]);
                DATA_AT + len
            }
            Self::Status(status) => {
                status.write(STATUS, raw);
                STATUS_BYTES
            }
        }
    }

    /// Decodes a frame without its delimiters, in place; `None` if it is damaged.
    pub fn decode(encoded: &'a mut [u8]) -> Option<Self> {
        let len = cobs::decode(encoded)?;
        let (body, crc) = encoded[..len].split_at(len.checked_sub(CRC_BYTES)?);
        if crc != crc32(body).to_le_bytes() {
            return None;
        }
        let first = *body.first()?;
        match first & SORT {
            HELLO if body.len() >= HELLO_BYTES => Some(Self::Hello(Hello {
                version: body[1],
                epoch: u32_at(body, 2),
                seen: (first & SEEN != 0).then(|| u32_at(body, 6)),
                answer: first & ANSWER != 0,
                device: first & DEVICE != 0,
            })),
            DATA if (DATA_AT + 1..=DATA_AT + MAX_DATA_BYTES).contains(&body.len()) => Some(Self::Data {
                channel: Channel::from_number(first & CHANNEL)?,
                sequence: body[STATUS_BYTES],
                data: &body[DATA_AT..],
                status: Status::read(body),
            }),
            STATUS if body.len() == STATUS_BYTES => Some(Self::Status(Status::read(body))),
            _ => None,
        }
    }
}

impl Status {
    fn write(&self, first: u8, raw: &mut [u8; MAX_RAW_BYTES]) {
        raw[0] = first | flag(REPEAT, self.repeat) | flag(POLL, self.poll);
        raw[1..3].copy_from_slice(&self.tag.to_be_bytes());
        raw[3] = self.wanted;
        raw[4..7].copy_from_slice(&self.credit);
    }

    fn read(body: &[u8]) -> Self {
        Self {
            tag: u16::from_be_bytes([body[1], body[2]]),
            wanted: body[3],
            credit: [body[4], body[5], body[6]],
            repeat: body[0] & REPEAT != 0,
            poll: body[0] & POLL != 0,
        }
    }
}

fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
