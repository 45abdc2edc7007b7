//! A card of high capacity in SPI mode (SD Physical Layer Simplified Specification 9.10, chapter 7): commands with their
//! checksums, single and multiple blocks, and the two registers.
//!
//! The card keeps what it is doing while it is not selected: drivers release it between bytes. Not modelled: locking,
//! erasing, write protection, switching functions, and cards of standard capacity.

mod crc;

use std::collections::VecDeque;

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::model::{PartModel, SpiPart};
use crate::machine::VirtualTime;
use crc::{crc7, crc16};

const BLOCK: u32 = 512;
/// The unit of C_SIZE (5.3.3).
const UNIT: u32 = 512 << 10;
/// A card without an image.
const BLANK: u32 = 8 << 20;
/// From the first ACMD41 to its end; a host waits for up to a second.
const T_INIT: VirtualTime = VirtualTime::from_ms(20);
/// Of a read access and of a write (at most 100 ms and 250 ms).
const T_READ: VirtualTime = VirtualTime::from_us(100);
const T_WRITE: VirtualTime = VirtualTime::from_us(500);
/// Bits of R1 (7.3.2.1).
const IDLE: u8 = 0x01;
const ILLEGAL: u8 = 0x04;
const CRC_ERROR: u8 = 0x08;
const PARAMETER: u8 = 0x40;
/// Tokens (7.3.3).
const START: u8 = 0xfe;
const START_MULTIPLE: u8 = 0xfc;
const STOP_MULTIPLE: u8 = 0xfd;
const ACCEPTED: u8 = 0x05;
const DATA_CRC: u8 = 0x0b;
const WRITE_ERROR: u8 = 0x0d;
const OUT_OF_RANGE: u8 = 0x08;
/// Bytes of a command, and of a block with its checksum.
const COMMAND_BYTES: usize = 6;
const DATA_BYTES: usize = BLOCK as usize + 2;

/// The card.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct SdCard {
    memory: Memory,
    /// CMD0 came; before it the card is in SD mode and hears nothing here.
    spi_mode: bool,
    /// When it is ready; `None` before ACMD41.
    ready_at: Option<VirtualTime>,
    checks_crc: bool,
    /// The next command is one of an application.
    is_application: bool,
    command: Vec<u8>,
    /// Bytes to say.
    answer: VecDeque<u8>,
    transfer: Transfer,
    /// Until then it says that it is busy.
    busy_until: VirtualTime,
}

/// What follows a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Transfer {
    None,
    /// A block is read from the memory until `at`; then the next one, if `more`.
    Read {
        block: u32,
        at: VirtualTime,
        more: bool,
    },
    /// Waits for the token of a block.
    Write {
        block: u32,
        more: bool,
    },
    /// The bytes of a block.
    Block {
        block: u32,
        more: bool,
        bytes: Vec<u8>,
    },
}

impl Default for SdCard {
    fn default() -> Self {
        Self::with(Memory::new(BLANK))
    }
}

impl SdCard {
    /// At power-on, with this content.
    fn with(memory: Memory) -> Self {
        Self {
            memory,
            spi_mode: false,
            ready_at: None,
            checks_crc: false,
            is_application: false,
            command: Vec::new(),
            answer: VecDeque::new(),
            transfer: Transfer::None,
            busy_until: VirtualTime::ZERO,
        }
    }

    fn blocks(&self) -> u32 {
        self.memory.len() / BLOCK
    }

    fn is_ready(&self, now: VirtualTime) -> bool {
        self.ready_at.is_some_and(|at| at <= now)
    }

    /// R1, after the byte that the card takes to answer.
    fn respond(&mut self, r1: u8, more: &[u8]) {
        self.answer.extend([0xff, r1]);
        self.answer.extend(more);
    }

    /// A block of data with its token.
    fn send(&mut self, bytes: &[u8]) {
        self.answer.extend([0xff, START]);
        self.answer.extend(bytes);
        self.answer.extend(crc16(bytes).to_be_bytes());
    }

    fn execute(&mut self, now: VirtualTime) {
        let frame: [u8; COMMAND_BYTES] = std::mem::take(&mut self.command)
            .try_into()
            .expect("a command is complete when it is executed");
        let index = frame[0] & 0x3f;
        let argument = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
        let is_application = std::mem::take(&mut self.is_application);
        let fits = frame[5] == crc7(&frame[..5]) << 1 | 1;
        if !self.spi_mode && (index != 0 || !fits) {
            return;
        }
        let idle = if self.is_ready(now) { 0 } else { IDLE };
        // CMD0 and CMD8 are checked always.
        let must_fit = self.checks_crc || matches!(index, 0 | 8);
        if must_fit && !fits {
            return self.respond(idle | CRC_ERROR, &[]);
        }
        if index != 12 {
            // Another command ends what the one before began.
            self.answer.clear();
            self.transfer = Transfer::None;
        }
        match (index, is_application) {
            (0, _) => {
                let memory = std::mem::replace(&mut self.memory, Memory::new(0));
                *self = Self {
                    spi_mode: true,
                    ..Self::with(memory)
                };
                self.respond(IDLE, &[]);
            }
            // R7: the voltage that is accepted, and the pattern.
            (8, false) => self.respond(idle, &[0, 0, (argument >> 8 & 0xf) as u8, argument as u8]),
            (55, _) => {
                self.is_application = true;
                self.respond(idle, &[]);
            }
            (41, true) => {
                // A host that does not know of high capacity waits without end (4.2.3).
                if argument >> 30 & 1 == 1 {
                    self.ready_at.get_or_insert(now + T_INIT);
                }
                let idle = if self.is_ready(now) { 0 } else { IDLE };
                self.respond(idle, &[]);
            }
            // R3: all voltages from 2.7 to 3.6 V; when it is ready, that it is, and of high capacity.
            (58, false) => self.respond(idle, &[if idle == 0 { 0xc0 } else { 0 }, 0xff, 0x80, 0]),
            (59, false) => {
                self.checks_crc = argument & 1 == 1;
                self.respond(idle, &[]);
            }
            _ if idle != 0 => self.respond(IDLE | ILLEGAL, &[]),
            (9 | 10, false) => {
                let register = if index == 9 { self.csd() } else { CID };
                self.respond(0, &[]);
                let mut register = register;
                register[15] = crc7(&register[..15]) << 1 | 1;
                self.send(&register);
            }
            (12, false) => {
                self.answer.clear();
                let was = std::mem::replace(&mut self.transfer, Transfer::None);
                // A byte that means nothing goes before R1.
                self.answer.push_back(0xff);
                let stops = matches!(was, Transfer::Read { .. });
                self.respond(if stops { 0 } else { ILLEGAL }, &[]);
            }
            // R2: nothing is wrong.
            (13, _) => self.respond(0, &[0]),
            // Blocks have 512 bytes, whatever is set.
            (16, false) => self.respond(if argument == BLOCK { 0 } else { PARAMETER }, &[]),
            // How many blocks are to be erased before they are written.
            (23, true) => self.respond(0, &[]),
            (17 | 18 | 24 | 25, false) if argument >= self.blocks() => self.respond(PARAMETER, &[]),
            (17 | 18, false) => {
                self.respond(0, &[]);
                self.transfer = Transfer::Read {
                    block: argument,
                    at: now + T_READ,
                    more: index == 18,
                };
            }
            (24 | 25, false) => {
                self.respond(0, &[]);
                self.transfer = Transfer::Write {
                    block: argument,
                    more: index == 25,
                };
            }
            _ => self.respond(ILLEGAL, &[]),
        }
    }

    /// Version 2.0 (5.3.3).
    fn csd(&self) -> [u8; 16] {
        let c_size = (self.memory.len() / UNIT - 1).to_be_bytes();
        [
            0x40,
            0x0e,
            0x00,
            0x32,
            0x5b,
            0x59,
            0x00,
            c_size[1] & 0x3f,
            c_size[2],
            c_size[3],
            0x7f,
            0x80,
            0x0a,
            0x40,
            0x00,
            0,
        ]
    }

    /// A byte for a write, if one is meant; returns whether it was.
    fn take_data(&mut self, now: VirtualTime, byte: u8) -> bool {
        match &mut self.transfer {
            Transfer::Write { block, more } => {
                let (block, more) = (*block, *more);
                match byte {
                    START if !more => {}
                    START_MULTIPLE if more => {}
                    STOP_MULTIPLE if more => {
                        self.transfer = Transfer::None;
                        self.answer.push_back(0xff);
                        self.busy_until = now + T_WRITE;
                        return true;
                    }
                    _ => return false,
                }
                self.transfer = Transfer::Block {
                    block,
                    more,
                    bytes: Vec::with_capacity(DATA_BYTES),
                };
                true
            }
            Transfer::Block { block, more, bytes } => {
                bytes.push(byte);
                if bytes.len() < DATA_BYTES {
                    return true;
                }
                let (block, more) = (*block, *more);
                let bytes = std::mem::take(bytes);
                let (data, sum) = bytes.split_at(BLOCK as usize);
                let fits = !self.checks_crc || sum == crc16(data).to_be_bytes();
                let response = match (fits, block < self.blocks()) {
                    (false, _) => DATA_CRC,
                    (true, false) => WRITE_ERROR,
                    (true, true) => {
                        for (offset, byte) in data.iter().enumerate() {
                            self.memory.update(block * BLOCK + offset as u32, |_| *byte);
                        }
                        self.busy_until = now + T_WRITE;
                        ACCEPTED
                    }
                };
                self.answer.push_back(0xe0 | response);
                self.transfer = match more {
                    true => Transfer::Write {
                        block: block.saturating_add(1),
                        more,
                    },
                    false => Transfer::None,
                };
                true
            }
            Transfer::None | Transfer::Read { .. } => false,
        }
    }

    /// What it says when no answer waits.
    fn idle_byte(&mut self, now: VirtualTime) -> u8 {
        if now < self.busy_until {
            return 0;
        }
        if let Transfer::Read { block, at, more } = self.transfer
            && at <= now
        {
            if block < self.blocks() {
                let first = block * BLOCK;
                let bytes: Vec<u8> = (first..first + BLOCK)
                    .map(|address| self.memory.byte(address))
                    .collect();
                self.send(&bytes);
            } else {
                self.answer.push_back(OUT_OF_RANGE);
            }
            self.transfer = match more {
                true => Transfer::Read {
                    block: block.saturating_add(1),
                    at: now + T_READ,
                    more,
                },
                false => Transfer::None,
            };
        }
        self.answer.pop_front().unwrap_or(0xff)
    }
}

/// Manufacturer, "DD", "DRYDK", revision 1.0, serial number 1, January 2026.
const CID: [u8; 16] = [
    0x00, b'D', b'D', b'D', b'R', b'Y', b'D', b'K', 0x10, 0, 0, 0, 1, 0x01, 0xa1, 0,
];

impl PartModel for SdCard {
    fn power_on(&mut self, _now: VirtualTime) {
        *self = Self::with(std::mem::replace(&mut self.memory, Memory::new(0)));
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        Millionths::default()
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn spi(&mut self) -> Option<&mut dyn SpiPart> {
        Some(self)
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.memory)
    }

    /// Another card is in the socket: the host must initialise it.
    fn load(&mut self, _now: VirtualTime, content: &[u8]) -> Result<(), String> {
        let mut memory = self.memory.clone();
        memory.load(content, (content.len() as u32).next_multiple_of(UNIT));
        *self = Self::with(memory);
        Ok(())
    }
}

impl SpiPart for SdCard {
    fn select(&mut self, _now: VirtualTime, _selected: bool) {}

    fn transfer(&mut self, now: VirtualTime, byte: u8) -> u8 {
        let said = match self.answer.pop_front() {
            Some(byte) => byte,
            None => self.idle_byte(now),
        };
        if !self.command.is_empty() {
            self.command.push(byte);
            if self.command.len() == COMMAND_BYTES {
                self.execute(now);
            }
        } else if !self.take_data(now, byte) && byte & 0xc0 == 0x40 {
            self.command.push(byte);
        }
        said
    }
}

#[cfg(test)]
mod tests;
