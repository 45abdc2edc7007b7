//! Decoders: what the edges of lanes mean, and what texts hold that a machine told of its buses and UARTs. Each takes entries
//! in the order of their instants and knows nothing of where they come from.

mod bytes;
mod i2c;
mod i2c_transfers;
mod link;
mod one_wire;
mod spi;
mod uart;
mod ws2812;

pub use bytes::Bytes;
pub use i2c::I2c;
pub use i2c_transfers::I2cTransfers;
pub use link::Link;
pub use one_wire::OneWire;
pub use spi::{Spi, SpiMode};
pub use uart::{Parity, Uart};
pub use ws2812::Ws2812;

use crate::{
    entries::{Entry, EntryError},
    lane::{LaneId, TimeRange},
    merged::Merged,
    recording::Recording,
};

/// A piece of what a lane says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// From its first to behind its last edge or bit; empty where it comes from one text.
    pub range: TimeRange,
    /// As the lane shows it: `0x55`, `start`, `#ff8000`.
    pub text: String,
    /// The bytes that it carries, if it carries any.
    pub bytes: Vec<u8>,
    /// The signal breaks the rules of its protocol here.
    pub is_error: bool,
}

impl Annotation {
    fn new(range: TimeRange, text: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            range,
            text: text.into(),
            bytes: bytes.to_vec(),
            is_error: false,
        }
    }

    fn error(range: TimeRange, text: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::new(range, text, &[])
        }
    }
}

/// A protocol on one or more lanes.
pub trait Decoder {
    /// The lanes whose entries it needs, in the order in which it wants them at one instant.
    fn lanes(&self) -> Vec<LaneId>;

    /// Takes an entry and appends what is complete with it. A gap ends whatever had begun.
    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>);

    /// Appends what is complete if nothing changes until `until_ns`.
    fn finish(&mut self, until_ns: u64, out: &mut Vec<Annotation>) {
        let _ = (until_ns, out);
    }
}

impl Recording {
    /// What a decoder makes of a range. It begins there without knowing what was before.
    ///
    /// # Errors
    /// [`EntryError`] where a block cannot be read.
    pub fn decode(&self, decoder: &mut dyn Decoder, range: TimeRange) -> Result<Vec<Annotation>, EntryError> {
        let mut out = Vec::new();
        let lanes = decoder.lanes();
        for &lane in &lanes {
            if let Some(entry) = self.held(lane, range.from_ns) {
                decoder.feed(lane, &entry, &mut out);
            }
        }
        for entry in Merged::new(self, &lanes, range) {
            let (lane, entry) = entry?;
            decoder.feed(lane, &entry, &mut out);
        }
        decoder.finish(range.until_ns.min(self.recorded_until_ns()), &mut out);
        Ok(out)
    }
}
