//! Frames of Drydock's link on a UART line, or in a lane of texts that holds what a UART carried.

use super::{Annotation, Decoder, Uart};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};
use drydock_protocol::link::{MAX_FRAME_BYTES, frame::Frame};

/// Reads one direction of a link. An annotation's bytes are the data of the frame.
#[derive(Debug, Clone)]
pub struct Link {
    uart: Uart,
    /// The bytes since the last delimiter.
    bytes: Vec<u8>,
    /// Of the first of these bytes, and behind the last.
    range: TimeRange,
    /// Too many bytes came for a frame, or one was damaged.
    is_broken: bool,
    read: Vec<Annotation>,
}

impl Link {
    /// A link on the line of a UART.
    pub fn new(uart: Uart) -> Self {
        Self {
            uart,
            bytes: Vec::new(),
            range: TimeRange::new(0, 0),
            is_broken: false,
            read: Vec::new(),
        }
    }

    fn byte(&mut self, byte: Option<u8>, range: TimeRange, out: &mut Vec<Annotation>) {
        if byte == Some(0) {
            self.delimiter(out);
            return;
        }
        if self.bytes.is_empty() && !self.is_broken {
            self.range.from_ns = range.from_ns;
        }
        self.range.until_ns = range.until_ns;
        match byte {
            Some(byte) if self.bytes.len() < MAX_FRAME_BYTES => self.bytes.push(byte),
            _ => self.is_broken = true,
        }
    }

    fn delimiter(&mut self, out: &mut Vec<Annotation>) {
        if !self.bytes.is_empty() || self.is_broken {
            let is_broken = std::mem::take(&mut self.is_broken);
            let mut bytes = std::mem::take(&mut self.bytes);
            out.push(match Frame::decode(&mut bytes).filter(|_| !is_broken) {
                Some(frame) => describe(&frame, self.range),
                None => Annotation::error(self.range, "no frame"),
            });
        }
    }

    /// Passes what the UART read on to the frames.
    fn pass_on(&mut self, out: &mut Vec<Annotation>) {
        let read = std::mem::take(&mut self.read);
        for annotation in &read {
            let byte = annotation.bytes.first().copied().filter(|_| !annotation.is_error);
            self.byte(byte, annotation.range, out);
        }
        self.read = read;
        self.read.clear();
    }
}

fn describe(frame: &Frame<'_>, range: TimeRange) -> Annotation {
    match frame {
        Frame::Hello(hello) => {
            let role = if hello.device { "device" } else { "host" };
            let text = format!(
                "hello of a {role}, version {}, epoch {:08x}",
                hello.version, hello.epoch
            );
            Annotation::new(range, text, &[])
        }
        Frame::Data {
            channel,
            sequence,
            data,
            ..
        } => {
            let channel = format!("{channel:?}").to_lowercase();
            Annotation::new(range, format!("{channel} {sequence}, {} bytes", data.len()), data)
        }
        Frame::Status(status) => {
            let repeat = if status.repeat { ", repeat" } else { "" };
            Annotation::new(range, format!("status, wants {}{repeat}", status.wanted), &[])
        }
    }
}

impl Decoder for Link {
    fn lanes(&self) -> Vec<LaneId> {
        self.uart.lanes()
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        if !self.lanes().contains(&lane) {
            return;
        }
        match *entry {
            Entry::Text { at_ns, bytes } => {
                for &byte in bytes {
                    self.byte(Some(byte), TimeRange::new(at_ns, at_ns), out);
                }
            }
            _ => {
                let mut read = std::mem::take(&mut self.read);
                self.uart.feed(lane, entry, &mut read);
                self.read = read;
                self.pass_on(out);
            }
        }
        if let Entry::Gap { .. } = entry {
            self.bytes.clear();
            self.is_broken = false;
        }
    }

    fn finish(&mut self, until_ns: u64, out: &mut Vec<Annotation>) {
        let mut read = std::mem::take(&mut self.read);
        self.uart.finish(until_ns, &mut read);
        self.read = read;
        self.pass_on(out);
    }
}
