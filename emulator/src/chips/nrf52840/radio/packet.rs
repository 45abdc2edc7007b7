//! Packets of RADIO (PS 6.20.1 to 6.20.4): what PCNF0, PCNF1, CRCCNF and DATAWHITEIV say of them, from memory to the air
//! and back. No time and no state here.

use crate::machine::{AirFrame, Modulation};

/// Longest payload: MAXLEN has eight bits.
pub(super) const PAYLOAD_MAX: usize = 255;

/// How a packet is laid out, on the air and in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) pcnf0: u32,
    pub(super) pcnf1: u32,
    pub(super) crccnf: u32,
    pub(super) crcpoly: u32,
    pub(super) crcinit: u32,
    pub(super) datawhiteiv: u32,
    pub(super) is_ieee: bool,
}

/// A packet that was read from the air.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Packet {
    /// S0, LENGTH and S1, as far as memory has them.
    pub(super) header: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// Bits of S0, LENGTH and S1 on the air.
    pub(super) header_bits: u16,
    /// Bits of the CRC.
    pub(super) crc_bits: u16,
    /// The CRC that was received.
    pub(super) crc: u32,
    pub(super) crc_is_right: bool,
    /// The payload was longer than MAXLEN.
    pub(super) too_long: bool,
}

impl Packet {
    /// Bits to the end of the payload.
    pub(super) fn payload_end(&self) -> u16 {
        self.header_bits + 8 * self.payload.len() as u16
    }

    /// Bits to the end of the CRC.
    pub(super) fn end(&self) -> u16 {
        self.payload_end() + self.crc_bits
    }
}

/// Where the CRC begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CrcFrom {
    Address,
    Header,
    /// Behind the length, as IEEE 802.15.4 has it.
    Payload,
}

impl Format {
    fn s0(&self) -> bool {
        self.pcnf0 & 1 << 8 != 0
    }

    /// Bits of LENGTH on the air.
    fn lflen(&self) -> usize {
        (self.pcnf0 as usize & 0xf).min(8)
    }

    fn s1len(&self) -> usize {
        (self.pcnf0 as usize >> 16 & 0xf).min(8)
    }

    /// Whether memory has a byte for S1.
    fn s1(&self) -> bool {
        self.s1len() > 0 || self.pcnf0 & 1 << 20 != 0
    }

    /// Bits of the preamble.
    pub(super) fn preamble_bits(&self) -> u8 {
        match self.pcnf0 >> 24 & 3 {
            0 => 8,
            1 => 16,
            2 => 32,
            // Long range: its time is fixed.
            _ => 10,
        }
    }

    /// LENGTH counts the CRC too.
    fn counts_crc(&self) -> bool {
        self.pcnf0 & 1 << 26 != 0
    }

    fn maxlen(&self) -> usize {
        self.pcnf1 as usize & 0xff
    }

    fn statlen(&self) -> usize {
        self.pcnf1 as usize >> 8 & 0xff
    }

    /// Bytes of the base address.
    pub(super) fn balen(&self) -> usize {
        (self.pcnf1 as usize >> 16 & 7).min(4)
    }

    fn is_big_endian(&self) -> bool {
        self.pcnf1 & 1 << 24 != 0
    }

    fn whitens(&self) -> bool {
        self.pcnf1 & 1 << 25 != 0
    }

    fn crc_bytes(&self) -> usize {
        self.crccnf as usize & 3
    }

    fn crc_from(&self) -> CrcFrom {
        match self.crccnf >> 8 & 3 {
            0 => CrcFrom::Address,
            2 => CrcFrom::Payload,
            _ => CrcFrom::Header,
        }
    }

    /// Bytes of S0, LENGTH and S1 in memory.
    pub(super) fn header_bytes(&self) -> usize {
        usize::from(self.s0()) + usize::from(self.lflen() > 0) + usize::from(self.s1())
    }

    /// Bits of S0, LENGTH and S1 on the air.
    pub(super) fn header_bits(&self) -> usize {
        8 * usize::from(self.s0()) + self.lflen() + self.s1len()
    }

    /// Bytes of the payload of a packet whose header is this in memory, and whether MAXLEN cut it.
    pub(super) fn payload_bytes(&self, header: &[u8]) -> (usize, bool) {
        let length = match self.lflen() {
            0 => 0,
            bits => {
                let length = header.get(usize::from(self.s0())).copied().unwrap_or(0);
                usize::from(length) & ((1 << bits) - 1)
            }
        };
        let crc = if self.counts_crc() { self.crc_bytes() } else { 0 };
        let wanted = (self.statlen() + length).saturating_sub(crc);
        // In IEEE 802.15.4 the CRC counts for MAXLEN as it does for LENGTH.
        let most = self.maxlen().saturating_sub(crc);
        (wanted.min(most), wanted > most)
    }

    /// The body of a frame: header and payload as memory has them, and the CRC. `sync` is the address on the air.
    pub(super) fn encode(&self, header: &[u8], payload: &[u8], sync: &[u8]) -> (Vec<u8>, u16) {
        let mut bits = Bits::default();
        let mut fields = header.iter().copied();
        let mut field = |present: bool, length: usize, bits: &mut Bits| {
            if present {
                bits.push(fields.next().unwrap_or(0), length, self.is_big_endian());
            }
        };
        field(self.s0(), 8, &mut bits);
        field(self.lflen() > 0, self.lflen(), &mut bits);
        field(self.s1(), self.s1len(), &mut bits);
        for byte in payload {
            bits.push(*byte, 8, self.is_big_endian());
        }
        let crc = self.crc(&bits, bits.len(), sync);
        let width = 8 * self.crc_bytes();
        for bit in (0..width).rev() {
            bits.push_bit(crc >> bit & 1 != 0);
        }
        self.whiten(&mut bits);
        let length = bits.len() as u16;
        (bits.bytes, length)
    }

    /// Reads a frame as a receiver with this format would. Where the frame has no bits, or damaged ones, it reads others.
    pub(super) fn decode(&self, frame: &AirFrame) -> Packet {
        let longest = self.header_bits() + 8 * (PAYLOAD_MAX + 3);
        let mut bits = Bits::default();
        for index in 0..longest {
            bits.push_bit(heard_bit(frame, index));
        }
        self.whiten(&mut bits);
        let mut packet = Packet::default();
        let mut at = 0;
        let mut field = |present: bool, length: usize, packet: &mut Packet| {
            if present {
                packet.header.push(bits.read(at, length, self.is_big_endian()));
                at += length;
            }
        };
        field(self.s0(), 8, &mut packet);
        field(self.lflen() > 0, self.lflen(), &mut packet);
        field(self.s1(), self.s1len(), &mut packet);
        let (bytes, too_long) = self.payload_bytes(&packet.header);
        for index in 0..bytes {
            packet.payload.push(bits.read(at + 8 * index, 8, self.is_big_endian()));
        }
        packet.header_bits = at as u16;
        packet.too_long = too_long;
        let end = at + 8 * bytes;
        let width = 8 * self.crc_bytes();
        packet.crc_bits = width as u16;
        packet.crc = (0..width).fold(0, |crc, bit| crc << 1 | u32::from(bits.bit(end + bit)));
        packet.crc_is_right = packet.crc == self.crc(&bits, end, &frame.sync);
        packet
    }

    /// The CRC of the first `end` bits (PS 6.20.4): an LFSR that takes them in the order of the air.
    fn crc(&self, bits: &Bits, end: usize, sync: &[u8]) -> u32 {
        let width = 8 * self.crc_bytes();
        if width == 0 {
            return 0;
        }
        let mask = (1 << width) - 1;
        let mut crc = self.crcinit & mask;
        let mut take = |bit: bool| {
            let feedback = (crc >> (width - 1) & 1 != 0) != bit;
            crc = crc << 1 & mask;
            if feedback {
                crc ^= self.crcpoly & mask | 1;
            }
        };
        let from = match self.crc_from() {
            CrcFrom::Address => {
                let address = sync.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 != 0));
                address.for_each(&mut take);
                0
            }
            CrcFrom::Header => 0,
            CrcFrom::Payload => self.header_bits(),
        };
        (from..end).for_each(|index| take(bits.bit(index)));
        crc
    }

    /// PS 6.20.3: x⁷ + x⁴ + 1, from DATAWHITEIV, whose bit 6 is always set. The same again takes it away.
    fn whiten(&self, bits: &mut Bits) {
        // IEEE 802.15.4 has no whitening.
        if !self.whitens() || self.is_ieee {
            return;
        }
        let mut lfsr = self.datawhiteiv as u8 & 0x7f | 0x40;
        for index in 0..bits.len() {
            bits.flip(index, lfsr & 1 != 0);
            lfsr = if lfsr & 1 != 0 { lfsr >> 1 ^ 0x44 } else { lfsr >> 1 };
        }
    }
}

/// A bit of a frame as it is heard.
fn heard_bit(frame: &AirFrame, index: usize) -> bool {
    let noise = |index: usize| index.is_multiple_of(3);
    let Some(bit) = frame.bit(index) else {
        return noise(index);
    };
    match frame.damaged_from {
        Some(from) if index >= usize::from(from) => bit != noise(index - usize::from(from)),
        _ => bit,
    }
}

/// Bits in the order of the air, packed with the least significant bit first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    fn len(&self) -> usize {
        self.length
    }

    fn push_bit(&mut self, bit: bool) {
        if self.length.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(bit) << (self.length % 8);
        }
        self.length += 1;
    }

    /// The lowest `count` bits of a field.
    fn push(&mut self, field: u8, count: usize, big_endian: bool) {
        for index in 0..count {
            let bit = if big_endian { count - 1 - index } else { index };
            self.push_bit(field >> bit & 1 != 0);
        }
    }

    fn bit(&self, index: usize) -> bool {
        self.bytes
            .get(index / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 != 0)
    }

    fn flip(&mut self, index: usize, flips: bool) {
        if let Some(byte) = self.bytes.get_mut(index / 8) {
            *byte ^= u8::from(flips) << (index % 8);
        }
    }

    fn read(&self, at: usize, count: usize, big_endian: bool) -> u8 {
        (0..count).fold(0, |field, index| {
            let bit = if big_endian { count - 1 - index } else { index };
            field | u8::from(self.bit(at + index)) << bit
        })
    }
}

/// MODE; `None` for values that silicon reserves.
pub(super) fn modulation(mode: u32) -> Option<Modulation> {
    Some(match mode & 0xf {
        0 => Modulation::Nrf1M,
        1 => Modulation::Nrf2M,
        3 => Modulation::Ble1M,
        4 => Modulation::Ble2M,
        5 => Modulation::BleCoded125K,
        6 => Modulation::BleCoded500K,
        15 => Modulation::Ieee802154,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::VirtualTime;
    use proptest::prelude::*;

    /// Bluetooth LE: S0 and LENGTH of eight bits, whitening with the index of the channel, 24 bits of CRC.
    fn ble(channel: u32) -> Format {
        Format {
            pcnf0: 8 | 1 << 8,
            pcnf1: 37 | 3 << 16 | 1 << 25,
            crccnf: 3 | 1 << 8,
            crcpoly: 0x65b,
            crcinit: 0x55_5555,
            datawhiteiv: channel,
            is_ieee: false,
        }
    }

    fn ieee() -> Format {
        Format {
            pcnf0: 8 | 2 << 24 | 1 << 26,
            pcnf1: 127,
            crccnf: 2 | 2 << 8,
            crcpoly: 0x1_1021,
            crcinit: 0,
            datawhiteiv: 0,
            is_ieee: true,
        }
    }

    fn on_air(format: &Format, body: Vec<u8>, body_bits: u16, sync: &[u8]) -> AirFrame {
        AirFrame {
            begin: VirtualTime::ZERO,
            modulation: Modulation::Ble1M,
            mhz: 2402,
            dbm: 0,
            preamble_bits: format.preamble_bits(),
            sync: sync.to_vec(),
            body,
            body_bits,
            damaged_from: None,
        }
    }

    #[test]
    fn whitening_of_channel_37_is_bluetooths() {
        let mut format = ble(37);
        format.crccnf = 0;
        let (body, bits) = format.encode(&[0, 14], &[0; 14], &[]);
        // The sequence for channel 37, over zeros but for LENGTH.
        let sequence = [
            0x8d,
            0xd2 ^ 14,
            0x57,
            0xa1,
            0x3d,
            0xa7,
            0x66,
            0xb0,
            0x75,
            0x31,
            0x11,
            0x48,
            0x96,
            0x77,
            0xf8,
            0xe3,
        ];
        assert_eq!((body.as_slice(), bits), (&sequence[..], 128));
    }

    #[test]
    fn the_crc_of_ieee_802_15_4_is_that_of_the_standard() {
        // IEEE 802.15.4, 7.2.10: the acknowledgement 02 00 6a has the FCS e4 79.
        let (body, bits) = ieee().encode(&[5], &[0x02, 0x00, 0x6a], &[0xa7]);
        assert_eq!((body.as_slice(), bits), (&[5, 0x02, 0x00, 0x6a, 0xe4, 0x79][..], 48));
    }

    #[test]
    fn the_crc_of_bluetooth_is_that_of_the_standard() {
        // CRC-24/BLE of the catalogue of CRCs: over "123456789" it is 0xc25a56, least significant bit first.
        let mut format = ble(0);
        format.pcnf0 = 0;
        format.pcnf1 = 9 | 9 << 8;
        let (body, _) = format.encode(&[], b"123456789", &[]);
        assert_eq!(body[9..], [0x56, 0x5a, 0xc2]);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_is_received(
            fields in (any::<bool>(), 0..=8u32, 0..=8u32, any::<bool>(), any::<bool>(), any::<bool>()),
            crc in (0..=3u32, 0..=2u32, any::<u32>(), any::<u32>()),
            white in any::<u32>(),
            payload in proptest::collection::vec(any::<u8>(), 0..=255),
            header in any::<[u8; 3]>(),
            address in any::<[u8; 4]>(),
            damage in any::<u16>(),
        ) {
            let (s0, lflen, s1len, s1incl, big_endian, whitens) = fields;
            let statlen = if lflen == 0 { payload.len() as u32 } else { 0 };
            let format = Format {
                pcnf0: lflen | u32::from(s0) << 8 | s1len << 16 | u32::from(s1incl) << 20,
                pcnf1: 255 | statlen << 8 | 3 << 16 | u32::from(big_endian) << 24 | u32::from(whitens) << 25,
                crccnf: crc.0 | crc.1 << 8,
                crcpoly: crc.2,
                crcinit: crc.3,
                datawhiteiv: white,
                is_ieee: false,
            };
            let most = if lflen == 0 { 255 } else { (1 << lflen) - 1 };
            let payload = &payload[..payload.len().min(most)];
            let mut memory = Vec::new();
            if s0 {
                memory.push(header[0]);
            }
            if lflen > 0 {
                memory.push(payload.len() as u8);
            }
            if s1len > 0 || s1incl {
                memory.push(header[1] & ((1u32 << s1len) - 1) as u8);
            }
            let (body, bits) = format.encode(&memory, payload, &address);
            let mut frame = on_air(&format, body, bits, &address);
            let packet = format.decode(&frame);
            prop_assert_eq!(&packet.header, &memory);
            prop_assert_eq!(packet.payload.as_slice(), payload);
            prop_assert!(packet.crc_is_right && !packet.too_long);
            prop_assert_eq!(packet.end(), bits);
            // Damage anywhere in it, and a frame that is shorter than it says, are read to an end too.
            frame.damaged_from = Some(damage % (bits + 1));
            format.decode(&frame);
            frame.body_bits = damage % (bits + 1);
            format.decode(&frame);
        }

        #[test]
        fn a_damaged_bit_is_found(at in 0..(8 * 12u16), channel in 0..40u32) {
            let format = ble(channel);
            let (mut body, bits) = format.encode(&[0x42, 7], &[1, 2, 3, 4, 5, 6, 7], &[]);
            body[usize::from(at) / 8] ^= 1 << (at % 8);
            prop_assert!(!format.decode(&on_air(&format, body, bits, &[])).crc_is_right);
        }
    }
}
