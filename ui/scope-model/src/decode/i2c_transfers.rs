//! Transfers of an I2C bus as a recording of an emulated board holds them: `76w d0 | 76r 60`, with the names of who is there.

use super::{Annotation, Decoder};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
};

/// Reads a lane of transfers. An annotation's bytes are the data, without addresses.
#[derive(Debug, Clone)]
pub struct I2cTransfers {
    lane: LaneId,
    names: Vec<(u8, String)>,
}

impl I2cTransfers {
    /// Transfers of a bus with these devices, each by its 7-bit address.
    pub fn new(lane: LaneId, names: Vec<(u8, String)>) -> Self {
        Self { lane, names }
    }

    fn name(&self, address: u8) -> String {
        let known = self.names.iter().find(|(known, _)| *known == address);
        known.map_or_else(|| format!("0x{address:02x}"), |(_, name)| name.clone())
    }

    fn transfer(&self, text: &str, range: TimeRange) -> Option<Annotation> {
        let mut said = Vec::new();
        let mut data = Vec::new();
        let mut before = None;
        for part in text.split(" | ") {
            let mut words = part.split(' ');
            let head = words.next()?;
            let (address, way) = match head.strip_suffix('w') {
                Some(address) => (address, "write"),
                None => (head.strip_suffix('r')?, "read"),
            };
            let address = u8::from_str_radix(address, 16).ok()?;
            // A repeated start mostly goes to the same device.
            let mut sentence = match before.replace(address) {
                Some(last) if last == address => way.to_owned(),
                _ => format!("{} {way}", self.name(address)),
            };
            for word in words {
                sentence.push(' ');
                sentence.push_str(word);
                data.extend(u8::from_str_radix(word.trim_end_matches('!'), 16).ok());
            }
            said.push(sentence);
        }
        Some(Annotation::new(range, said.join(", "), &data))
    }
}

impl Decoder for I2cTransfers {
    fn lanes(&self) -> Vec<LaneId> {
        vec![self.lane]
    }

    fn feed(&mut self, lane: LaneId, entry: &Entry<'_>, out: &mut Vec<Annotation>) {
        let Entry::Text { at_ns, bytes } = *entry else { return };
        if lane != self.lane {
            return;
        }
        let range = TimeRange::new(at_ns, at_ns);
        let read = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| self.transfer(text, range));
        out.push(read.unwrap_or_else(|| Annotation::error(range, "no transfer")));
    }
}
