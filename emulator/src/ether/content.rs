//! What a frame says: Bluetooth LE and IEEE 802.15.4 frames from their bits on the air, and back. For captures, for tests
//! that expect frames or send their own. Radios do not use it: each chip has its own way to the bits.

use crate::machine::{AirFrame, Modulation, VirtualTime};

/// The access address of advertisements (Bluetooth Core, Vol 6, Part B, 2.1.2).
const ADVERTISING: u32 = 0x8e89_bed6;
/// The start-of-frame delimiter of IEEE 802.15.4.
const SFD: u8 = 0xa7;
/// Longest frame of IEEE 802.15.4, its check sequence included.
const PSDU_MAX: usize = 127;
/// Longest PDU of Bluetooth LE: a header of two bytes and 255.
const PDU_MAX: usize = 257;

/// A frame's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A Bluetooth LE packet, whitened with the index of its channel.
    Ble {
        /// Index of the channel, 0 to 39.
        channel: u8,
        /// Access address.
        access_address: u32,
        /// Header and payload.
        pdu: Vec<u8>,
        /// The CRC as it was sent: bit 0 first.
        crc: u32,
        /// Whether the CRC is right; `None` on a connection, whose start value the ether does not know.
        crc_is_right: Option<bool>,
    },
    /// An IEEE 802.15.4 frame at 2.4 GHz.
    Ieee802154 {
        /// Channel, 11 to 26.
        channel: u8,
        /// The MAC frame without its check sequence.
        mac: Vec<u8>,
        /// The check sequence as it was sent.
        fcs: u16,
        /// Whether it is right.
        fcs_is_right: bool,
    },
    /// Another one: address and what follows, as on the air.
    Other(Vec<u8>),
}

/// Why a frame cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The channel does not exist.
    #[error("there is no channel {channel}; there are {known}")]
    Channel {
        /// What was asked for.
        channel: u8,
        /// Those that there are.
        known: &'static str,
    },
    /// Too many bytes, or too few.
    #[error("a frame has {least} to {most} bytes here, not {found}")]
    Length {
        /// How many bytes it has.
        found: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// The length in the header is another one.
    #[error("its header says {said} bytes of payload, and {found} follow")]
    Header {
        /// LENGTH.
        said: usize,
        /// How many follow.
        found: usize,
    },
}

impl Content {
    /// A MAC frame without its check sequence.
    pub fn ieee802154(channel: u8, mac: &[u8]) -> Self {
        Self::Ieee802154 {
            channel,
            mac: mac.to_vec(),
            fcs: fcs(mac),
            fcs_is_right: true,
        }
    }

    /// An advertisement: header and payload.
    pub fn advertisement(channel: u8, pdu: &[u8]) -> Self {
        Self::Ble {
            channel,
            access_address: ADVERTISING,
            pdu: pdu.to_vec(),
            crc: ble_crc(pdu),
            crc_is_right: Some(true),
        }
    }

    /// What a frame says.
    pub fn of(frame: &AirFrame) -> Self {
        let body = &frame.body;
        match frame.modulation {
            Modulation::Ieee802154 => {
                if let (Some((length, psdu)), Some(channel)) = (body.split_first(), ieee_channel(frame.mhz))
                    && usize::from(*length) == psdu.len()
                    && let Some((mac, check)) = psdu.split_last_chunk::<2>()
                {
                    let sent = u16::from_le_bytes(*check);
                    return Self::Ieee802154 {
                        channel,
                        mac: mac.to_vec(),
                        fcs: sent,
                        fcs_is_right: sent == fcs(mac),
                    };
                }
            }
            Modulation::Ble1M | Modulation::Ble2M | Modulation::BleCoded125K | Modulation::BleCoded500K => {
                if let (Ok(address), Some(channel)) = (<[u8; 4]>::try_from(&frame.sync[..]), ble_channel(frame.mhz))
                    && frame.body_bits.is_multiple_of(8)
                    && let Some((pdu, check)) = whitened(body, channel).split_last_chunk::<3>()
                    && pdu.len() >= 2
                {
                    let access_address = u32::from_le_bytes(address);
                    let [low, middle, high] = *check;
                    let crc = u32::from_le_bytes([low, middle, high, 0]);
                    return Self::Ble {
                        channel,
                        access_address,
                        pdu: pdu.to_vec(),
                        crc,
                        crc_is_right: (access_address == ADVERTISING).then(|| crc == ble_crc(pdu)),
                    };
                }
            }
            Modulation::Nrf1M | Modulation::Nrf2M => {}
        }
        Self::Other(frame.sync.iter().chain(body).copied().collect())
    }

    /// The bytes that people mean by the frame: the MAC frame, the PDU, or all there is.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Ble { pdu, .. } => pdu,
            Self::Ieee802154 { mac, .. } => mac,
            Self::Other(bytes) => bytes,
        }
    }

    /// Whether its CRC is right; `None` if the ether cannot know.
    pub fn crc_is_right(&self) -> Option<bool> {
        match self {
            Self::Ble { crc_is_right, .. } => *crc_is_right,
            Self::Ieee802154 { fcs_is_right, .. } => Some(*fcs_is_right),
            Self::Other(_) => None,
        }
    }

    /// Its channel.
    pub fn channel(&self) -> Option<u8> {
        match self {
            Self::Ble { channel, .. } | Self::Ieee802154 { channel, .. } => Some(*channel),
            Self::Other(_) => None,
        }
    }

    /// The frame that says it, with this power. A Bluetooth packet is modulated as `ble` says.
    ///
    /// # Errors
    /// [`ContentError`]: no radio sends such a frame.
    pub fn frame(&self, begin: VirtualTime, ble: Modulation, dbm: i8) -> Result<AirFrame, ContentError> {
        let (modulation, mhz, preamble_bits, sync, body) = match self {
            Self::Ieee802154 { channel, mac, fcs, .. } => {
                let known = "11 to 26";
                if !(11..=26).contains(channel) {
                    return Err(ContentError::Channel {
                        channel: *channel,
                        known,
                    });
                }
                check_length(mac.len(), 1, PSDU_MAX - 2)?;
                let mut body = vec![mac.len() as u8 + 2];
                body.extend(mac);
                body.extend(fcs.to_le_bytes());
                let mhz = 2405 + 5 * (u16::from(*channel) - 11);
                (Modulation::Ieee802154, mhz, 32, vec![SFD], body)
            }
            Self::Ble {
                channel,
                access_address,
                pdu,
                crc,
                ..
            } => {
                let mhz = ble_mhz(*channel).ok_or(ContentError::Channel {
                    channel: *channel,
                    known: "0 to 39",
                })?;
                check_length(pdu.len(), 2, PDU_MAX)?;
                let (said, found) = (usize::from(pdu[1]), pdu.len() - 2);
                if said != found {
                    return Err(ContentError::Header { said, found });
                }
                let mut body = pdu.clone();
                body.extend(&crc.to_le_bytes()[..3]);
                let preamble = if ble == Modulation::Ble2M { 16 } else { 8 };
                let sync = access_address.to_le_bytes().to_vec();
                (ble, mhz, preamble, sync, whitened(&body, *channel))
            }
            Self::Other(bytes) => {
                return Err(ContentError::Length {
                    found: bytes.len(),
                    least: 0,
                    most: 0,
                });
            }
        };
        Ok(AirFrame {
            begin,
            modulation,
            mhz,
            dbm,
            preamble_bits,
            sync,
            body_bits: 8 * body.len() as u16,
            body,
            damaged_from: None,
        })
    }
}

fn check_length(found: usize, least: usize, most: usize) -> Result<(), ContentError> {
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(ContentError::Length { found, least, most }),
    }
}

/// Index of the Bluetooth LE channel at a frequency.
pub fn ble_channel(mhz: u16) -> Option<u8> {
    (0..40).find(|channel| ble_mhz(*channel) == Some(mhz))
}

/// Frequency of a Bluetooth LE channel: the advertising channels 37, 38 and 39 lie among the others.
pub fn ble_mhz(channel: u8) -> Option<u16> {
    let channel = u16::from(channel);
    Some(match channel {
        0..=10 => 2404 + 2 * channel,
        11..=36 => 2428 + 2 * (channel - 11),
        37 => 2402,
        38 => 2426,
        39 => 2480,
        _ => return None,
    })
}

fn ieee_channel(mhz: u16) -> Option<u8> {
    let steps = mhz.checked_sub(2405)?;
    (steps.is_multiple_of(5) && steps / 5 < 16).then_some(11 + (steps / 5) as u8)
}

/// Bluetooth's whitening with the index of a channel (Vol 6, Part B, 3.2), put on or taken away.
fn whitened(bytes: &[u8], channel: u8) -> Vec<u8> {
    let mut register = 0x40 | channel & 0x3f;
    let mut next = || {
        let bit = register & 1;
        register = register >> 1 ^ bit << 6 ^ bit << 2;
        bit
    };
    let white = bytes
        .iter()
        .map(|byte| (0..8).fold(*byte, |byte, bit| byte ^ next() << bit));
    white.collect()
}

/// CRC-16 of IEEE 802.15.4, least significant bit first.
fn fcs(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => crc >> 1 ^ 0x8408,
        })
    })
}

/// CRC-24 of Bluetooth LE's advertisements, least significant bit first.
fn ble_crc(bytes: &[u8]) -> u32 {
    // 0x555555 and 0x00065b with their bits turned around.
    bytes.iter().fold(0xaa_aaaa, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => crc >> 1 ^ 0xda_6000,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_sequences_are_those_of_the_catalogue() {
        assert_eq!(fcs(b"123456789"), 0x2189, "CRC-16/KERMIT");
        assert_eq!(ble_crc(b"123456789"), 0xc2_5a56, "CRC-24/BLE");
    }

    #[test]
    fn what_no_radio_sends_is_refused() {
        let send = |content: Content| {
            let frame = content.frame(VirtualTime::ZERO, Modulation::Ble1M, 0);
            frame.map_err(|error| error.to_string())
        };
        for (content, why) in [
            (
                Content::ieee802154(27, &[1]),
                "there is no channel 27; there are 11 to 26",
            ),
            (
                Content::ieee802154(11, &[0; 126]),
                "a frame has 1 to 125 bytes here, not 126",
            ),
            (
                Content::advertisement(40, &[0, 0]),
                "there is no channel 40; there are 0 to 39",
            ),
            (
                Content::advertisement(37, &[0]),
                "a frame has 2 to 257 bytes here, not 1",
            ),
            (
                Content::advertisement(37, &[0, 3, 1]),
                "its header says 3 bytes of payload, and 1 follow",
            ),
        ] {
            assert_eq!(send(content), Err(why.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn a_content_becomes_a_frame_and_a_content_again(
            payload in proptest::collection::vec(any::<u8>(), 0..120),
            ble in 0..40u8,
            ieee in 11..27u8,
            two in any::<bool>(),
            hit in any::<(u16, u8)>(),
        ) {
            let modulation = if two { Modulation::Ble2M } else { Modulation::Ble1M };
            let mut pdu = vec![0x42, payload.len() as u8];
            pdu.extend(&payload);
            for content in [Content::advertisement(ble, &pdu), Content::ieee802154(ieee, &pdu)] {
                let mut frame = content.frame(VirtualTime::ZERO, modulation, 0).unwrap();
                prop_assert_eq!(Content::of(&frame), content);
                // A bit that is wrong is found, if the frame can be read at all.
                let at = usize::from(hit.0) % frame.body.len();
                frame.body[at] ^= 1 << (hit.1 % 8);
                prop_assert_ne!(Content::of(&frame).crc_is_right(), Some(true));
                frame.body.truncate(at);
                let _ = Content::of(&frame);
            }
        }
    }
}
