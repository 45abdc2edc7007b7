//! The stream: finds the frames in the bytes that arrive, in any pieces, and goes on behind frames that cannot be decoded.

use crate::{
    Encoding, Line, Program,
    frame::{self, Fault},
};
use std::{fmt, sync::Arc};

/// Most bytes of a frame in rzCOBS, as encoded.
const FRAME_BYTES: usize = 64 << 10;
/// Most bytes of a frame without borders: what follows a damaged length waits for as many.
const RAW_FRAME_BYTES: usize = 4 << 10;
/// Zeros that the encoder may leave at the end of a frame.
const PADDING_BYTES: usize = 7;

/// What came out of the bytes, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A statement of the program.
    Line(Line),
    /// So many frames before the next line could not be decoded. Where frames have no borders, bytes in a row count as one.
    Lost(u64),
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => line.fmt(f),
            Self::Lost(count) => {
                let frames = if *count == 1 { "frame" } else { "frames" };
                write!(
                    f,
                    "[{count} {frames} could not be decoded: the ELF file is of another build, or bytes were lost]"
                )
            }
        }
    }
}

/// Makes lines of bytes. The pieces in which the bytes arrive make no difference.
#[derive(Debug)]
pub struct Decoder {
    program: Arc<Program>,
    /// The beginning of a frame.
    pending: Vec<u8>,
    /// The frame that arrives is longer than any.
    too_long: bool,
    /// Bytes without borders make no sense since the last line.
    skips: bool,
    lost: u64,
}

impl Decoder {
    /// Begins with the next byte.
    #[must_use]
    pub fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            pending: Vec::new(),
            too_long: false,
            skips: false,
            lost: 0,
        }
    }

    /// Takes what arrived. The bytes of a partial frame wait for the rest.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Decoded> {
        let mut decoded = Vec::new();
        match self.program.encoding {
            Encoding::Rzcobs => self.take_rzcobs(bytes, &mut decoded),
            Encoding::Raw => self.take_raw(bytes, &mut decoded),
        }
        decoded
    }

    /// The program began anew, or the connection did: what was left of a frame goes.
    pub fn restart(&mut self) {
        self.pending.clear();
        (self.too_long, self.skips) = (false, false);
    }

    /// Number of frames since the last line that could not be decoded.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn take_rzcobs(&mut self, bytes: &[u8], decoded: &mut Vec<Decoded>) {
        for byte in bytes {
            match byte {
                0 => {
                    let encoded = std::mem::take(&mut self.pending);
                    let too_long = std::mem::take(&mut self.too_long);
                    if too_long {
                        self.lost += 1;
                    } else if !encoded.is_empty() {
                        let line = unpack(&encoded).and_then(|frame| whole(&self.program, &frame));
                        self.push(line, decoded);
                    }
                }
                byte if self.pending.len() < FRAME_BYTES => self.pending.push(*byte),
                _ => self.too_long = true,
            }
        }
    }

    fn take_raw(&mut self, bytes: &[u8], decoded: &mut Vec<Decoded>) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(RAW_FRAME_BYTES)];
            match frame::decode(&self.program, window) {
                Ok((line, used)) => {
                    self.skips = false;
                    self.push(Some(line), decoded);
                    rest = &rest[used..];
                }
                Err(Fault::Short) if window.len() < RAW_FRAME_BYTES => break,
                Err(_) => {
                    if !self.skips {
                        self.push(None, decoded);
                    }
                    self.skips = true;
                    rest = &rest[1..];
                }
            }
        }
        self.pending = rest.to_vec();
    }

    fn push(&mut self, line: Option<Line>, decoded: &mut Vec<Decoded>) {
        let Some(line) = line else {
            self.lost += 1;
            return;
        };
        if self.lost > 0 {
            decoded.push(Decoded::Lost(std::mem::take(&mut self.lost)));
        }
        decoded.push(Decoded::Line(line));
    }
}

/// The line of a frame that has borders; `None` if it is damaged.
fn whole(program: &Program, frame: &[u8]) -> Option<Line> {
    let (line, used) = frame::decode(program, frame).ok()?;
    let rest = &frame[used..];
    (rest.len() <= PADDING_BYTES && rest.iter().all(|byte| *byte == 0)).then_some(line)
}

/// Undoes rzCOBS, from the end to the beginning. Each control byte stands behind the bytes that it describes: up to 0x7f, its
/// seven bits say which of seven bytes are zeros; from 0x80 to 0xfe, a zero follows 7 to 133 other bytes; 0xff stands
/// for 134 other bytes.
fn unpack(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut reversed = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().rev().copied();
    while let Some(control) = bytes.next() {
        match control {
            0..0x80 => {
                for bit in (0..7).rev() {
                    reversed.push(match control >> bit & 1 {
                        0 => bytes.next()?,
                        _ => 0,
                    });
                }
            }
            _ => {
                let others = match control {
                    0xff => 134,
                    _ => {
                        reversed.push(0);
                        usize::from(control & 0x7f) + 7
                    }
                };
                for _ in 0..others {
                    reversed.push(bytes.next()?);
                }
            }
        }
    }
    reversed.reverse();
    Some(reversed)
}
