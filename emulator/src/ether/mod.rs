//! The ether: carries frames between the radios of machines. Who hears what, how strong, and what is lost. It knows no
//! chip and drives no machine: whoever runs the machines passes on what they send and what they hear.
//!
//! **Time.** Frames travel without delay. A sender reports a frame when it begins, and a receiver notices nothing of it
//! for [`NOTICE`](crate::machine::NOTICE) (16 µs). So machines that run in turns of at most `NOTICE` hear each other at
//! the exact instants, whatever the order of their turns, and the same run gives the same result.
//!
//! **Loss.** Whether a receiver misses a frame follows from the seed, the sender, the number of the frame and the receiver,
//! and from nothing else.

mod capture;
mod content;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::machine::{AirEvent, AirFrame, FrameId, Heard, VirtualTime};

pub use capture::Capture;
pub use content::{Content, ContentError, ble_channel, ble_mhz};

/// What is lost on the way from one board to another, in dB, if nothing else is said: some metres of air.
pub const ATTENUATION_DB: u8 = 50;
/// Frames in the log; the oldest go first.
const LOG_MAX: usize = 4_096;
/// Frames that wait for a station that does not take them; the oldest go first.
const WAITING_MAX: usize = 256;
/// The sender of frames that come from no machine.
const OUTSIDE: u32 = u32::MAX;

/// A place on the ether: a machine with a radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Station(u32);

/// A frame that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its name.
    pub id: FrameId,
    /// The frame, in the ether's time, with the power at its sender.
    pub frame: AirFrame,
    /// It ended early.
    pub cut: Option<VirtualTime>,
    /// Stations that it did not reach: it was lost by chance.
    pub lost: Vec<Station>,
}

impl Sent {
    /// The station that sent it; `None` for a frame from outside.
    pub fn sender(&self) -> Option<Station> {
        (self.id.sender != OUTSIDE).then_some(Station(self.id.sender))
    }
}

/// Frames between machines.
#[derive(Clone, Debug)]
pub struct Ether {
    seed: [u8; 32],
    loss: f64,
    attenuation_db: u8,
    stations: Vec<Waiting>,
    /// The next number of each sender.
    numbers: BTreeMap<u32, u32>,
    log: Vec<Sent>,
    /// How many frames the log has lost.
    forgotten: u64,
}

/// What waits for a station.
#[derive(Clone, Debug, Default)]
struct Waiting {
    heard: Vec<Heard>,
    /// The frame that it sends, or sent last.
    sends: Option<FrameId>,
}

impl Ether {
    /// An ether without loss. Its randomness comes from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            loss: 0.0,
            attenuation_db: ATTENUATION_DB,
            stations: Vec::new(),
            numbers: BTreeMap::new(),
            log: Vec::new(),
            forgotten: 0,
        }
    }

    /// The share of frames that a receiver misses from now on, from 0 to 1.
    pub fn set_loss(&mut self, share: f64) {
        self.loss = share.clamp(0.0, 1.0);
    }

    /// What is lost of a frame's power on its way from now on, in dB.
    pub fn set_attenuation(&mut self, db: u8) {
        self.attenuation_db = db;
    }

    /// A machine joins.
    pub fn join(&mut self) -> Station {
        self.stations.push(Waiting::default());
        Station(self.stations.len() as u32 - 1)
    }

    /// A machine did something on the air, at instants of the ether's time.
    pub fn carry(&mut self, from: Station, event: AirEvent) {
        match event {
            AirEvent::Frame(frame) => {
                let id = self.spread(from.0, frame);
                if let Some(station) = self.stations.get_mut(from.0 as usize) {
                    station.sends = Some(id);
                }
            }
            AirEvent::Cut(at) => self.cut(from, at),
        }
    }

    /// Sends a frame that comes from no machine. It must begin no earlier than the next turn of the machines.
    pub fn inject(&mut self, frame: AirFrame) -> FrameId {
        self.spread(OUTSIDE, frame)
    }

    /// A machine has lost its power: what it sends ends.
    pub fn cut(&mut self, from: Station, at: VirtualTime) {
        let Some(id) = self
            .stations
            .get_mut(from.0 as usize)
            .and_then(|station| station.sends.take())
        else {
            return;
        };
        if let Some(sent) = self.log.iter_mut().rev().find(|sent| sent.id == id) {
            if sent.frame.end() <= at {
                return;
            }
            sent.cut = Some(at);
        }
        for (index, station) in self.stations.iter_mut().enumerate() {
            if index != from.0 as usize {
                station.wait(Heard::Cut(id, at));
            }
        }
    }

    /// What reaches a machine, in the order in which it was sent.
    pub fn take(&mut self, station: Station) -> Vec<Heard> {
        let waiting = self.stations.get_mut(station.0 as usize);
        waiting.map_or_else(Vec::new, |waiting| std::mem::take(&mut waiting.heard))
    }

    /// The frames that have ended by `now` and were not taken before, in the order of their begin; and how many more there
    /// were than are kept.
    pub fn take_ended(&mut self, now: VirtualTime) -> (Vec<Sent>, u64) {
        let (mut ended, rest): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.log)
            .into_iter()
            .partition(|sent| sent.frame.end() <= now);
        self.log = rest;
        ended.sort_by_key(|sent| (sent.frame.begin, sent.id));
        (ended, std::mem::take(&mut self.forgotten))
    }

    fn spread(&mut self, sender: u32, frame: AirFrame) -> FrameId {
        let next = self.numbers.entry(sender).or_default();
        let id = FrameId { sender, number: *next };
        *next = next.wrapping_add(1);
        let mut lost = Vec::new();
        for index in 0..self.stations.len() as u32 {
            if index == sender {
                continue;
            }
            if self.is_lost(id, index) {
                lost.push(Station(index));
                continue;
            }
            let mut heard = frame.clone();
            heard.dbm = heard.dbm.saturating_sub_unsigned(self.attenuation_db);
            self.stations[index as usize].wait(Heard::Frame(id, heard));
        }
        if self.log.len() == LOG_MAX {
            self.log.remove(0);
            self.forgotten += 1;
        }
        let cut = None;
        self.log.push(Sent { id, frame, cut, lost });
        id
    }

    fn is_lost(&self, id: FrameId, receiver: u32) -> bool {
        if self.loss <= 0.0 {
            return false;
        }
        let mut digest = Sha256::new();
        digest.update(self.seed);
        for number in [id.sender, id.number, receiver] {
            digest.update(number.to_le_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let drawn = digest.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        f64::from(drawn) < self.loss * (f64::from(u32::MAX) + 1.0)
    }
}

impl Waiting {
    fn wait(&mut self, heard: Heard) {
        if self.heard.len() == WAITING_MAX {
            self.heard.remove(0);
        }
        self.heard.push(heard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Modulation;

    fn frame(us: u64) -> AirFrame {
        Content::ieee802154(11, &[1, 2, 3])
            .frame(VirtualTime::from_us(us), Modulation::Ieee802154, 4)
            .unwrap()
    }

    #[test]
    fn a_frame_reaches_all_others_weaker_than_it_was_sent() {
        let mut ether = Ether::new([1; 32]);
        let stations = [ether.join(), ether.join(), ether.join()];
        ether.set_attenuation(60);
        ether.carry(stations[1], AirEvent::Frame(frame(5)));
        assert_eq!(ether.take(stations[1]), []);
        for station in [stations[0], stations[2]] {
            let [Heard::Frame(id, heard)] = &ether.take(station)[..] else {
                panic!("one frame")
            };
            assert_eq!((id.sender, id.number, heard.dbm), (1, 0, -56));
        }
        let (log, forgotten) = ether.take_ended(VirtualTime::MAX);
        assert_eq!(
            (log[0].sender(), log[0].frame.dbm, forgotten),
            (Some(stations[1]), 4, 0)
        );
    }

    #[test]
    fn loss_follows_from_the_seed_and_not_from_the_order() {
        let lost = |seed: u8, share: f64, others_first: bool| {
            let mut ether = Ether::new([seed; 32]);
            let (one, two, three) = (ether.join(), ether.join(), ether.join());
            ether.set_loss(share);
            for number in 0..1_000 {
                let order = if others_first { [two, one] } else { [one, two] };
                for station in order {
                    ether.carry(station, AirEvent::Frame(frame(number * 1_000)));
                }
            }
            let (log, _) = ether.take_ended(VirtualTime::MAX);
            let mut missed: Vec<FrameId> = log
                .iter()
                .filter(|sent| sent.lost.contains(&three))
                .map(|sent| sent.id)
                .collect();
            missed.sort();
            missed
        };
        assert_eq!(lost(1, 0.0, false), []);
        assert_eq!(lost(1, 1.0, false).len(), 2_000);
        let some = lost(1, 0.1, false);
        assert!((150..250).contains(&some.len()), "{}", some.len());
        assert_eq!(some, lost(1, 0.1, true));
        assert_ne!(some, lost(2, 0.1, false));
    }

    #[test]
    fn a_sender_without_power_sends_no_further() {
        let mut ether = Ether::new([1; 32]);
        let (one, two) = (ether.join(), ether.join());
        ether.carry(one, AirEvent::Frame(frame(0)));
        ether.cut(one, VirtualTime::from_us(100));
        // Only once, and not what ended before.
        ether.cut(one, VirtualTime::from_us(110));
        assert_eq!(ether.take(two).len(), 2);
        ether.carry(one, AirEvent::Frame(frame(1_000)));
        ether.cut(one, VirtualTime::from_us(9_000));
        assert_eq!(ether.take(two).len(), 1);
        assert_eq!(
            ether.take_ended(VirtualTime::MAX).0[0].cut,
            Some(VirtualTime::from_us(100))
        );
    }

    #[test]
    fn queues_are_bounded() {
        let mut ether = Ether::new([1; 32]);
        let (one, two) = (ether.join(), ether.join());
        for number in 0..5_000 {
            ether.carry(one, AirEvent::Frame(frame(number * 1_000)));
        }
        assert_eq!(ether.take(two).len(), WAITING_MAX);
        let (log, forgotten) = ether.take_ended(VirtualTime::MAX);
        assert_eq!((log.len(), forgotten), (LOG_MAX, 5_000 - LOG_MAX as u64));
    }
}
