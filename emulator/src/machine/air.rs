//! Frames that radios put on the air: their place in time and spectrum, and their bits. How a chip makes and reads them
//! is the chip's matter; who hears whom is the ether's.
//!
//! A sender reports a frame when it begins, with all its bits. That is earlier than any receiver needs it: the shortest
//! preamble and address take [`NOTICE`]. Whoever carries frames between machines that run in quanta of at most `NOTICE`
//! delivers every one in time, in any order of the machines.

use super::time::VirtualTime;

/// How long a frame is on the air before a receiver can notice anything of it: 8 bits of preamble and three bytes of
/// address at 2 Mbit/s. Energy on a channel counts from then on too, and what overlaps a frame, or is missing of it, for
/// a shorter time does no harm. So what a receiver notices does not depend on how quanta fall.
pub const NOTICE: VirtualTime = VirtualTime::from_us(16);

/// How the bits of a frame are on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Modulation {
    /// Nordic's own, 1 Mbit/s.
    Nrf1M,
    /// Nordic's own, 2 Mbit/s.
    Nrf2M,
    /// Bluetooth LE 1M.
    Ble1M,
    /// Bluetooth LE 2M.
    Ble2M,
    /// Bluetooth LE Coded, 125 kbit/s.
    BleCoded125K,
    /// Bluetooth LE Coded, 500 kbit/s.
    BleCoded500K,
    /// IEEE 802.15.4 at 2.4 GHz, 250 kbit/s.
    Ieee802154,
}

impl Modulation {
    /// Time of a bit after the address.
    pub const fn bit(self) -> VirtualTime {
        match self {
            Self::Nrf1M | Self::Ble1M => VirtualTime::from_us(1),
            Self::Nrf2M | Self::Ble2M => VirtualTime::from_ns(500),
            Self::BleCoded125K => VirtualTime::from_us(8),
            Self::BleCoded500K => VirtualTime::from_us(2),
            Self::Ieee802154 => VirtualTime::from_us(4),
        }
    }

    /// Whether Bluetooth's code with eight or two symbols a bit is used. Receivers tell the two apart by themselves.
    pub const fn is_coded(self) -> bool {
        matches!(self, Self::BleCoded125K | Self::BleCoded500K)
    }

    /// Whether a receiver that is set to `self` can read a frame of `other`.
    pub fn reads(self, other: Self) -> bool {
        self == other || self.is_coded() && other.is_coded()
    }

    /// Width of the signal, in MHz.
    pub const fn width_mhz(self) -> u16 {
        match self {
            Self::Nrf1M | Self::Ble1M | Self::BleCoded125K | Self::BleCoded500K => 1,
            Self::Nrf2M | Self::Ble2M | Self::Ieee802154 => 2,
        }
    }

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nrf1M => "nrf-1m",
            Self::Nrf2M => "nrf-2m",
            Self::Ble1M => "ble-1m",
            Self::Ble2M => "ble-2m",
            Self::BleCoded125K => "ble-125k",
            Self::BleCoded500K => "ble-500k",
            Self::Ieee802154 => "802.15.4",
        }
    }
}

/// A frame on the air. Bytes are in the order of the air, each with its least significant bit first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct AirFrame {
    /// When its first bit is at the antenna.
    pub begin: VirtualTime,
    /// How it is modulated.
    pub modulation: Modulation,
    /// Its carrier, in MHz.
    pub mhz: u16,
    /// Its power in dBm: at the sender's antenna when it is sent, at the receiver's when it is heard.
    pub dbm: i8,
    /// Bits of the preamble, of the time of a bit each; a coded frame's preamble always takes 80 µs.
    pub preamble_bits: u8,
    /// What a receiver recognises it by: the address, or the start-of-frame delimiter.
    pub sync: Vec<u8>,
    /// The rest, as it is on the air: whitened, with its CRC.
    pub body: Vec<u8>,
    /// How many bits of `body` count.
    pub body_bits: u16,
    /// The first bit of `body` from which on what is heard is not what was sent.
    pub damaged_from: Option<u16>,
}

impl AirFrame {
    /// Time of the preamble.
    pub fn preamble(&self) -> VirtualTime {
        if self.modulation.is_coded() {
            return VirtualTime::from_us(80);
        }
        times(self.modulation.bit(), u64::from(self.preamble_bits))
    }

    /// When its address or delimiter has been sent.
    pub fn sync_end(&self) -> VirtualTime {
        let bits = 8 * self.sync.len() as u64;
        // The address of a coded frame always has eight symbols a bit.
        let bit = match self.modulation.is_coded() {
            true => VirtualTime::from_us(8),
            false => self.modulation.bit(),
        };
        self.begin + self.preamble() + times(bit, bits)
    }

    /// When the first bit of the body begins. In a coded frame its coding indicator and a termination come before.
    pub fn body_begin(&self) -> VirtualTime {
        let indicator = match self.modulation.is_coded() {
            true => VirtualTime::from_us(40),
            false => VirtualTime::ZERO,
        };
        self.sync_end() + indicator
    }

    /// When its last bit has been sent. A coded frame ends with a termination of three bits.
    pub fn end(&self) -> VirtualTime {
        let tail = if self.modulation.is_coded() { 3 } else { 0 };
        self.body_begin() + times(self.modulation.bit(), u64::from(self.body_bits) + tail)
    }

    /// A bit of the body, as it was sent; `None` behind its end.
    pub fn bit(&self, index: usize) -> Option<bool> {
        if index >= usize::from(self.body_bits) {
            return None;
        }
        Some(self.body.get(index / 8)? >> (index % 8) & 1 != 0)
    }

    /// The bit of the body that is on the air at an instant; 0 before.
    pub fn bit_at(&self, at: VirtualTime) -> u16 {
        let since = at.saturating_sub(self.body_begin()).as_ps();
        u16::try_from(since / self.modulation.bit().as_ps()).unwrap_or(u16::MAX)
    }

    /// Whether the spectra of both overlap.
    pub fn overlaps(&self, modulation: Modulation, mhz: u16) -> bool {
        2 * self.mhz.abs_diff(mhz) < self.modulation.width_mhz() + modulation.width_mhz()
    }
}

/// `span` as often as `count`.
pub(crate) const fn times(span: VirtualTime, count: u64) -> VirtualTime {
    VirtualTime::from_ps(span.as_ps() * count)
}

/// Something that a sender does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AirEvent {
    /// A frame begins.
    Frame(AirFrame),
    /// The frame that it sends ends at this instant, before its end.
    Cut(VirtualTime),
}

/// Names a frame of an ether.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FrameId {
    /// Who sent it: a station's number.
    pub sender: u32,
    /// Its number among the frames of this sender.
    pub number: u32,
}

/// Something that reaches a receiver's antenna.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A frame that began less than [`NOTICE`] ago.
    Frame(FrameId, AirFrame),
    /// Such a frame ends at this instant, before its end.
    Cut(FrameId, VirtualTime),
}

/// Optional capability of a machine: a radio.
pub trait RadioAir {
    /// Whether somebody carries what it sends. Alone, it sends into nothing, and nothing is kept.
    fn set_on_air(&mut self, on_air: bool);

    /// What it did since the last call, in order.
    fn take_air_events(&mut self) -> Vec<AirEvent>;

    /// Something reaches its antenna, whether it listens or not.
    fn hear(&mut self, heard: Heard);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(modulation: Modulation, preamble_bits: u8, sync: usize, body_bits: u16) -> AirFrame {
        AirFrame {
            begin: VirtualTime::from_us(1_000),
            modulation,
            mhz: 2402,
            dbm: 0,
            preamble_bits,
            sync: vec![0; sync],
            body: vec![0; usize::from(body_bits).div_ceil(8)],
            body_bits,
            damaged_from: None,
        }
    }

    #[test]
    fn airtimes_are_those_of_the_standards() {
        // Modulation, bits of preamble, bytes of address, bits of the body; microseconds to the address's end and in all.
        for (modulation, preamble, sync, body, address_us, whole_us) in [
            // An advertisement with 37 bytes: Bluetooth Core, Vol 6, Part B, 2.1.
            (Modulation::Ble1M, 8, 4, 8 * (2 + 37 + 3), 40, 376),
            (Modulation::Ble2M, 16, 4, 8 * (2 + 37 + 3), 24, 192),
            // Vol 6, Part B, 2.2: 80 + 256 + 16 + 24, then S symbols a bit.
            (Modulation::BleCoded125K, 0, 4, 8 * 5, 336, 376 + 8 * 43),
            (Modulation::BleCoded500K, 0, 4, 8 * 5, 336, 376 + 2 * 43),
            // IEEE 802.15.4: a byte takes 32 µs; PHR and 127 bytes.
            (Modulation::Ieee802154, 32, 1, 8 * 128, 160, 160 + 128 * 32),
            (Modulation::Nrf2M, 8, 3, 8, 16, 20),
        ] {
            let frame = frame(modulation, preamble, sync, body);
            assert_eq!((frame.sync_end() - frame.begin).as_us(), address_us, "{modulation:?}");
            assert_eq!((frame.end() - frame.begin).as_us(), whole_us, "{modulation:?}");
            assert!(frame.sync_end() - frame.begin >= NOTICE);
        }
    }

    #[test]
    fn neighbouring_channels_do_not_overlap() {
        let overlap = |one, other, mhz| frame(one, 8, 4, 8).overlaps(other, mhz);
        assert!(overlap(Modulation::Ble1M, Modulation::Ble1M, 2402));
        assert!(!overlap(Modulation::Ble1M, Modulation::Ble1M, 2404));
        assert!(overlap(Modulation::Ble2M, Modulation::Ieee802154, 2403));
        assert!(!overlap(Modulation::Ieee802154, Modulation::Ieee802154, 2407));
    }
}
