//! A capture of an ether as a pcapng file, which Wireshark and tshark read: one interface for Bluetooth LE (link type 256,
//! LE link layer with a header), one for IEEE 802.15.4 (link type 283, TAP), one for Nordic's own packets (link type 147,
//! for private use: address and what follows, as on the air). Times are the ether's, in nanoseconds.

use std::io::{self, Write};

use super::{Content, Sent};
use crate::machine::Modulation;

const LINK_BLE: u16 = 256;
const LINK_IEEE802154_TAP: u16 = 283;
const LINK_USER0: u16 = 147;
/// Flags of a packet of link type 256: what of its header counts.
const DEWHITENED: u16 = 1;
const POWER_COUNTS: u16 = 1 << 1;
const REFERENCE_COUNTS: u16 = 1 << 4;
const CRC_CHECKED: u16 = 1 << 10;
const CRC_RIGHT: u16 = 1 << 11;

/// Writes frames to a file.
#[derive(Debug)]
pub struct Capture<W: Write> {
    file: W,
}

impl<W: Write> Capture<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(file: W) -> io::Result<Self> {
        let mut capture = Self { file };
        // Section header: byte order, version 1.0, unknown length.
        let mut section = Vec::new();
        section.extend(0x1a2b_3c4d_u32.to_le_bytes());
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        capture.block(0x0a0d_0d0a, &section)?;
        for (link, name) in [
            (LINK_BLE, "Bluetooth LE"),
            (LINK_IEEE802154_TAP, "IEEE 802.15.4"),
            (LINK_USER0, "Nordic"),
        ] {
            let mut interface = Vec::new();
            interface.extend(link.to_le_bytes());
            // Reserved, and no limit of a packet's length.
            interface.extend([0; 6]);
            option(&mut interface, 2, name.as_bytes());
            // Times are in 10^-9 seconds.
            option(&mut interface, 9, &[9]);
            option(&mut interface, 0, &[]);
            capture.block(1, &interface)?;
        }
        Ok(capture)
    }

    /// Writes a frame that was sent.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, sent: &Sent) -> io::Result<()> {
        let (interface, data) = packet(sent);
        let at = sent.frame.begin.as_ns();
        let mut block = Vec::new();
        block.extend(u32::to_le_bytes(interface));
        block.extend(((at >> 32) as u32).to_le_bytes());
        block.extend((at as u32).to_le_bytes());
        for _captured_and_original in 0..2 {
            block.extend((data.len() as u32).to_le_bytes());
        }
        padded(&mut block, &data);
        self.block(6, &block)
    }

    /// Everything that was written is in the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = (body.len() as u32 + 12).to_le_bytes();
        self.file.write_all(&kind.to_le_bytes())?;
        self.file.write_all(&length)?;
        self.file.write_all(body)?;
        self.file.write_all(&length)
    }
}

/// The interface and the bytes of a frame.
fn packet(sent: &Sent) -> (u32, Vec<u8>) {
    let frame = &sent.frame;
    match Content::of(frame) {
        Content::Ble {
            access_address,
            pdu,
            crc,
            crc_is_right,
            ..
        } => {
            let mut flags = DEWHITENED | POWER_COUNTS | REFERENCE_COUNTS;
            flags |= match crc_is_right {
                Some(true) => CRC_CHECKED | CRC_RIGHT,
                Some(false) => CRC_CHECKED,
                None => 0,
            };
            flags |= match frame.modulation {
                Modulation::Ble2M => 1 << 14,
                Modulation::BleCoded125K | Modulation::BleCoded500K => 2 << 14,
                _ => 0,
            };
            // The header has the number of the frequency: 0 is 2402 MHz.
            let mut data = vec![((frame.mhz - 2402) / 2) as u8, frame.dbm as u8, 0, 0];
            data.extend(access_address.to_le_bytes());
            data.extend(flags.to_le_bytes());
            data.extend(access_address.to_le_bytes());
            // A coded packet has its coding indicator before the PDU.
            match frame.modulation {
                Modulation::BleCoded125K => data.push(0),
                Modulation::BleCoded500K => data.push(1),
                _ => {}
            }
            data.extend(&pdu);
            data.extend(&crc.to_le_bytes()[..3]);
            (0, data)
        }
        Content::Ieee802154 { channel, mac, fcs, .. } => {
            let mut fields = Vec::new();
            // Check sequences of 16 bits; power in dBm; channel and page.
            field(&mut fields, 0, &[1]);
            field(&mut fields, 1, &f32::from(frame.dbm).to_le_bytes());
            field(&mut fields, 3, &[channel, 0, 0]);
            let mut data = vec![0, 0];
            data.extend((fields.len() as u16 + 4).to_le_bytes());
            data.extend(fields);
            data.extend(&mac);
            data.extend(fcs.to_le_bytes());
            (1, data)
        }
        Content::Other(bytes) => (2, bytes),
    }
}

fn field(fields: &mut Vec<u8>, kind: u16, value: &[u8]) {
    fields.extend(kind.to_le_bytes());
    fields.extend((value.len() as u16).to_le_bytes());
    padded(fields, value);
}

fn option(block: &mut Vec<u8>, kind: u16, value: &[u8]) {
    block.extend(kind.to_le_bytes());
    block.extend((value.len() as u16).to_le_bytes());
    padded(block, value);
}

fn padded(block: &mut Vec<u8>, value: &[u8]) {
    block.extend(value);
    block.resize(block.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ether::Ether;
    use crate::machine::VirtualTime;

    /// The blocks of a file: kind and body. Lengths at both ends must agree.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            let length = word(4) as usize;
            assert_eq!((word(length - 4) as usize, length % 4), (length, 0));
            blocks.push((word(0), file[8..length - 4].to_vec()));
            file = &file[length..];
        }
        blocks
    }

    #[test]
    fn a_capture_has_each_frame_on_the_interface_of_its_kind() {
        let mut ether = Ether::new([0; 32]);
        let at = VirtualTime::from_ns;
        let ble = Content::advertisement(38, &[0x42, 3, 1, 2, 3]).frame(at(5_000_000_123), Modulation::Ble1M, -4);
        let ieee = Content::ieee802154(15, &[2, 0, 0x6a]).frame(at(6_000_000_000), Modulation::Ble1M, 8);
        ether.inject(ble.unwrap());
        ether.inject(ieee.unwrap());
        let mut capture = Capture::new(Vec::new()).unwrap();
        for sent in ether.take_ended(VirtualTime::MAX).0 {
            capture.write(&sent).unwrap();
        }
        let blocks = blocks(&capture.file);
        let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 1, 1, 6, 6]);
        let links: Vec<u8> = blocks[1..4].iter().map(|(_, body)| body[0]).collect();
        assert_eq!(links, [0, 27, 147], "256, 283 and 147");
        let ble = &blocks[4].1;
        assert_eq!(ble[..4], [0; 4]);
        let at = u64::from(u32::from_le_bytes(ble[4..8].try_into().unwrap())) << 32
            | u64::from(u32::from_le_bytes(ble[8..12].try_into().unwrap()));
        assert_eq!(at, 5_000_000_123);
        // 2426 MHz is number 12; −4 dBm; the flags say what counts, and that the CRC is right.
        assert_eq!(ble[20..24], [12, 0xfc, 0, 0]);
        assert_eq!(ble[24..28], 0x8e89_bed6_u32.to_le_bytes());
        assert_eq!(ble[28..30], 0x0c13_u16.to_le_bytes());
        assert_eq!(ble[34..39], [0x42, 3, 1, 2, 3]);
        let ieee = &blocks[5].1;
        assert_eq!(ieee[..4], [1, 0, 0, 0]);
        assert_eq!(ieee[20..24], [0, 0, 28, 0]);
        assert_eq!(ieee[48..53], [2, 0, 0x6a, 0xe4, 0x79]);
    }
}
