//! I2C (UM10204): a start and a stop change the data line while the clock is high; bits are valid while it is high.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// Reads a bus.
#[derive(Debug, Clone)]
pub struct I2c {
    scl: LaneId,
    sda: LaneId,
    clock: Option<bool>,
    data: Option<bool>,
    transfer: Option<Transfer>,
}

#[derive(Debug, Clone, Copy)]
struct Transfer {
    is_address: bool,
    /// Bits of the byte, in the order of the line, and how many.
    bits: u16,
    taken: u32,
    /// When the first bit of the byte was taken.
    since_ns: u64,
}

impl I2c {
    /// A bus on a clock and a data lane. Where both change at one instant, the clock counts as the earlier.
    pub fn new(scl: LaneId, sda: LaneId) -> Self {
        Self {
            scl,
            sda,
            clock: None,
            data: None,
            transfer: None,
        }
    }

    fn bit(&mut self, at_ns: u64, bit: bool, out: &mut Vec<Annotation>) {
        let Some(transfer) = &mut self.transfer else { return };
        if transfer.taken == 0 {
            transfer.since_ns = at_ns;
        }
        transfer.bits = transfer.bits << 1 | u16::from(bit);
        transfer.taken += 1;
        if transfer.taken < 9 {
            return;
        }
        let range = TimeRange::new(transfer.since_ns, at_ns);
        let byte = (transfer.bits >> 1) as u8;
        let answer = if transfer.bits & 1 == 0 { "ack" } else { "nack" };
        let text = if transfer.is_address {
            let direction = if byte & 1 == 0 { "write" } else { "read" };
            format!("address 0x{:02x} {direction} {answer}", byte >> 1)
        } else {
            format!("0x{byte:02x} {answer}")
        };
        out.push(Annotation::new(range, text, &[byte]));
        *transfer = Transfer {
            is_address: false,
            bits: 0,
            taken: 0,
            since_ns: at_ns,
        };
    }

    /// A change of the data line while the clock is high.
    fn condition(&mut self, at_ns: u64, is_stop: bool, out: &mut Vec<Annotation>) {
        let here = TimeRange::new(at_ns, at_ns);
        if let Some(transfer) = self.transfer {
            // The clock rises once before a stop or a repeated start; that was no bit.
            if transfer.taken > 1 {
                let range = TimeRange::new(transfer.since_ns, at_ns);
                out.push(Annotation::error(range, format!("{} bits of 9", transfer.taken - 1)));
            }
        }
        if is_stop {
            out.push(match self.transfer.take() {
                Some(_) => Annotation::new(here, "stop", &[]),
                None => Annotation::error(here, "stop without start"),
            });
            return;
        }
        let text = if self.transfer.is_some() {
            "repeated start"
        } else {
            "start"
        };
        out.push(Annotation::new(here, text, &[]));
        self.transfer = Some(Transfer {
            is_address: true,
            bits: 0,
            taken: 0,
            since_ns: at_ns,
        });
    }
}

impl Decoder for I2c {
    fn lanes(&self) -> Vec<LaneId> {
        vec![self.scl, self.sda]
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        match *entry {
            Entry::Level { at_ns, is_high } if lane == self.scl => {
                let rises = self.clock == Some(false) && is_high;
                self.clock = Some(is_high);
                if let Some(bit) = self.data.filter(|_| rises) {
                    self.bit(at_ns, bit, out);
                }
            }
            Entry::Level { at_ns, is_high } if lane == self.sda => {
                let changes = self.data == Some(!is_high);
                self.data = Some(is_high);
                if changes && self.clock == Some(true) {
                    self.condition(at_ns, is_high, out);
                }
            }
            Entry::Gap { .. } if lane == self.scl || lane == self.sda => {
                let level = if lane == self.scl {
                    &mut self.clock
                } else {
                    &mut self.data
                };
                *level = None;
                self.transfer = None;
            }
            _ => {}
        }
    }
}
