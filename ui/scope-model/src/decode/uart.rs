//! Asynchronous serial: a start bit, 5 to 8 data bits with the lowest first, perhaps parity, a stop bit.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// The bit behind the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    None,
    /// The number of ones, with it, is even.
    Even,
    /// The number of ones, with it, is odd.
    Odd,
}

/// Reads one line of a UART. Each bit is taken in its middle, counted from the start bit's edge.
#[derive(Debug, Clone)]
pub struct Uart {
    lane: LaneId,
    baud: u32,
    data_bits: u32,
    parity: Parity,
    level: Option<bool>,
    frame: Option<Frame>,
}

/// A frame that has begun.
#[derive(Debug, Clone, Copy)]
struct Frame {
    start_ns: u64,
    bits: u32,
    taken: u32,
}

impl Uart {
    /// A line that is high when it is idle, with 8 data bits and no parity.
    pub fn new(lane: LaneId, baud: u32) -> Self {
        Self {
            lane,
            baud: baud.max(1),
            data_bits: 8,
            parity: Parity::None,
            level: None,
            frame: None,
        }
    }

    /// The same with other frames: 5 to 8 data bits.
    #[must_use]
    pub fn with_frame(self, data_bits: u32, parity: Parity) -> Self {
        Self {
            data_bits: data_bits.clamp(5, 8),
            parity,
            ..self
        }
    }

    /// Start, data, parity and one stop bit.
    fn frame_bits(&self) -> u32 {
        1 + self.data_bits + u32::from(self.parity != Parity::None) + 1
    }

    /// So many half bits after an instant.
    fn after(&self, start_ns: u64, halves: u32) -> u64 {
        start_ns.saturating_add(u64::from(halves) * 500_000_000 / u64::from(self.baud))
    }

    /// Takes the bits whose middle is before `until_ns`; the line had one level since the last edge.
    fn run_to(&mut self, until_ns: u64, out: &mut Vec<Annotation>) {
        let (Some(level), Some(mut frame)) = (self.level, self.frame) else {
            return;
        };
        while self.after(frame.start_ns, 2 * frame.taken + 1) < until_ns {
            frame.bits |= u32::from(level) << frame.taken;
            frame.taken += 1;
            if frame.taken == 1 && level {
                // Too short for a start bit.
                self.frame = None;
                return;
            }
            if frame.taken == self.frame_bits() {
                self.frame = None;
                out.push(self.annotation(frame));
                return;
            }
        }
        self.frame = Some(frame);
    }

    fn annotation(&self, frame: Frame) -> Annotation {
        let range = TimeRange::new(frame.start_ns, self.after(frame.start_ns, 2 * self.frame_bits()));
        let data = frame.bits >> 1 & ((1 << self.data_bits) - 1);
        let byte = data as u8;
        let has_stop = frame.bits >> (self.frame_bits() - 1) & 1 != 0;
        let parity_bit = frame.bits >> (1 + self.data_bits) & 1;
        let is_odd = !(data.count_ones() + parity_bit).is_multiple_of(2);
        let text = match byte {
            b' '..=b'~' => char::from(byte).to_string(),
            b'\n' => "\\n".into(),
            b'\r' => "\\r".into(),
            b'\t' => "\\t".into(),
            _ => format!("0x{byte:02x}"),
        };
        let mut annotation = Annotation::new(range, text, &[byte]);
        if !has_stop {
            annotation.text = if frame.bits == 0 {
                "break".into()
            } else {
                format!("0x{byte:02x} without stop bit")
            };
        } else if self.parity != Parity::None && is_odd != (self.parity == Parity::Odd) {
            annotation.text = format!("0x{byte:02x} with wrong parity");
        } else {
            return annotation;
        }
        annotation.is_error = true;
        annotation
    }
}

impl Decoder for Uart {
    fn lanes(&self) -> Vec<LaneId> {
        vec![self.lane]
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        if lane != self.lane {
            return;
        }
        match *entry {
            Entry::Level { at_ns, is_high } => {
                self.run_to(at_ns, out);
                let falls = self.level == Some(true) && !is_high;
                self.level = Some(is_high);
                if falls && self.frame.is_none() {
                    self.frame = Some(Frame {
                        start_ns: at_ns,
                        bits: 0,
                        taken: 0,
                    });
                }
            }
            Entry::Gap { range, .. } => {
                self.run_to(range.from_ns, out);
                self.level = None;
                self.frame = None;
            }
            _ => {}
        }
    }

    fn finish(&mut self, until_ns: u64, out: &mut Vec<Annotation>) {
        self.run_to(until_ns, out);
    }
}
