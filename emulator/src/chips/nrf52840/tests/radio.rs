//! RADIO: two chips on an ether, in turns of a few microseconds.

use super::*;
use crate::ether::{Content, Ether, Station};
use crate::machine::{AirEvent, AirFrame, Heard, Modulation, NOTICE};

const RADIO: u32 = 0x4000_1000;
const TXEN: u32 = RADIO;
const RXEN: u32 = RADIO + 0x004;
const START: u32 = RADIO + 0x008;
const STOP: u32 = RADIO + 0x00c;
const DISABLE: u32 = RADIO + 0x010;
const RSSISTART: u32 = RADIO + 0x014;
const EDSTART: u32 = RADIO + 0x024;
const CCASTART: u32 = RADIO + 0x02c;
const READY: u32 = RADIO + 0x100;
const ADDRESS: u32 = RADIO + 0x104;
const PAYLOAD: u32 = RADIO + 0x108;
const END: u32 = RADIO + 0x10c;
const DISABLED: u32 = RADIO + 0x110;
const DEVMATCH: u32 = RADIO + 0x114;
const DEVMISS: u32 = RADIO + 0x118;
const RSSIEND: u32 = RADIO + 0x11c;
const BCMATCH: u32 = RADIO + 0x128;
const CRCOK: u32 = RADIO + 0x130;
const CRCERROR: u32 = RADIO + 0x134;
const FRAMESTART: u32 = RADIO + 0x138;
const EDEND: u32 = RADIO + 0x13c;
const CCAIDLE: u32 = RADIO + 0x144;
const CCABUSY: u32 = RADIO + 0x148;
const MHRMATCH: u32 = RADIO + 0x15c;
const PHYEND: u32 = RADIO + 0x16c;
const SHORTS: u32 = RADIO + 0x200;
const CRCSTATUS: u32 = RADIO + 0x400;
const RXMATCH: u32 = RADIO + 0x408;
const DAI: u32 = RADIO + 0x410;
const PACKETPTR: u32 = RADIO + 0x504;
const FREQUENCY: u32 = RADIO + 0x508;
const MODE: u32 = RADIO + 0x510;
const TIFS: u32 = RADIO + 0x544;
const RSSISAMPLE: u32 = RADIO + 0x548;
const STATE: u32 = RADIO + 0x550;
const DATAWHITEIV: u32 = RADIO + 0x554;
const BCC: u32 = RADIO + 0x560;
const EDSAMPLE: u32 = RADIO + 0x668;
const CCACTRL: u32 = RADIO + 0x66c;
const POWER: u32 = RADIO + 0xffc;
const RAM: u32 = 0x2000_2000;

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// Two chips with their high-frequency crystals on, and what is between them.
struct Pair {
    rigs: [Rig; 2],
    ether: Ether,
    stations: [Station; 2],
    quantum: VirtualTime,
}

impl Pair {
    fn new(quantum: VirtualTime) -> Self {
        let mut ether = Ether::new([3; 32]);
        let stations = [ether.join(), ether.join()];
        let rigs = [Rig::new(), Rig::new()].map(|mut rig| {
            rig.fabric.set_on_air(true);
            rig.write(0x4000_0000, 1);
            rig.pass(us(1_000));
            rig
        });
        Self {
            rigs,
            ether,
            stations,
            quantum,
        }
    }

    fn ble() -> Self {
        let mut pair = Self::new(us(7));
        pair.rigs.iter_mut().for_each(set_up_ble);
        pair
    }

    fn ieee() -> Self {
        let mut pair = Self::new(us(16));
        pair.rigs.iter_mut().for_each(set_up_ieee);
        pair
    }

    fn pass(&mut self, span: VirtualTime) {
        let end = self.rigs[0].fabric.now() + span;
        while self.rigs[0].fabric.now() < end {
            let left = end - self.rigs[0].fabric.now();
            for rig in &mut self.rigs {
                rig.pass(left.min(self.quantum));
            }
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        for (rig, station) in self.rigs.iter_mut().zip(self.stations) {
            for event in rig.fabric.take_air_events() {
                self.ether.carry(station, event);
            }
        }
        for (rig, station) in self.rigs.iter_mut().zip(self.stations) {
            for heard in self.ether.take(station) {
                rig.chip.hear(&mut rig.fabric, heard);
            }
        }
    }

    /// Starts with `rig` sending `bytes` as memory has them.
    fn send(&mut self, rig: usize, bytes: &[u8]) {
        let rig = &mut self.rigs[rig];
        rig.fabric.memory_mut().write(RAM, bytes).unwrap();
        rig.write(PACKETPTR, RAM);
        rig.write(SHORTS, 3);
        rig.write(TXEN, 1);
    }

    fn receive(&mut self, rig: usize) {
        let rig = &mut self.rigs[rig];
        rig.write(PACKETPTR, RAM + 0x400);
        rig.write(SHORTS, 1);
        rig.write(RXEN, 1);
    }

    fn received(&self, rig: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.rigs[rig].fabric.memory().read(RAM + 0x400, &mut bytes).unwrap();
        bytes
    }
}

/// Advertisements on channel 37, with a fast ramp-up.
fn set_up_ble(rig: &mut Rig) {
    for (offset, value) in [
        (0x510, 3),
        (0x508, 2),
        (0x554, 37),
        (0x514, 8 | 1 << 8),
        (0x518, 37 | 3 << 16 | 1 << 25),
        (0x51c, 0x89be_d600),
        (0x524, 0x8e),
        (0x530, 1),
        (0x534, 3 | 1 << 8),
        (0x538, 0x65b),
        (0x53c, 0x55_5555),
        (0x650, 1),
    ] {
        rig.write(RADIO + offset, value);
    }
}

/// Channel 11, with a fast ramp-up.
fn set_up_ieee(rig: &mut Rig) {
    for (offset, value) in [
        (0x510, 15),
        (0x508, 5),
        (0x514, 8 | 2 << 24 | 1 << 26),
        (0x518, 127),
        (0x534, 2 | 2 << 8),
        (0x538, 0x1_1021),
        (0x650, 1),
    ] {
        rig.write(RADIO + offset, value);
    }
}

const ADVERTISEMENT: [u8; 11] = [0x42, 9, 0xc1, 0xa2, 0xa3, 0xa4, 0xa5, 0xc6, 2, 1, 6];

#[test]
fn an_advertisement_arrives_at_its_exact_instants() {
    for quantum in [us(1), us(7), NOTICE] {
        let mut pair = Pair::new(quantum);
        pair.rigs.iter_mut().for_each(set_up_ble);
        pair.receive(1);
        pair.pass(us(100));
        pair.rigs[1].write(RSSISTART, 1);
        let start = pair.rigs[0].fabric.now();
        pair.send(0, &ADVERTISEMENT);
        // Ramp-up 40 µs, START to antenna 1 µs, preamble and address 40 µs.
        let mut ends = [VirtualTime::MAX; 3];
        while pair.rigs[1].read(END) == 0 {
            pair.pass(us(1));
            for (rig, place) in [(0, 0), (1, 1)] {
                if pair.rigs[rig].read(ADDRESS) != 0 {
                    ends[place] = ends[place].min(pair.rigs[rig].fabric.now() - start);
                }
            }
            if pair.rigs[0].read(END) != 0 {
                ends[2] = ends[2].min(pair.rigs[0].fabric.now() - start);
            }
            assert!(pair.rigs[1].fabric.now() - start < us(1_000), "{quantum}");
        }
        let last = pair.rigs[1].fabric.now() - start;
        assert_eq!(ends, [us(81), us(91), us(81 + 14 * 8)], "{quantum}");
        assert_eq!(last, us(91 + 14 * 8), "the receiver is 9.4 µs behind");
        assert_eq!(pair.received(1, 12), [&ADVERTISEMENT[..], &[0]].concat());
        for (register, value) in [(CRCOK, 1), (CRCERROR, 0), (CRCSTATUS, 1), (RXMATCH, 0), (STATE, 2)] {
            assert_eq!(pair.rigs[1].read(register), value, "{register:#x}");
        }
        assert_eq!(pair.rigs[0].read(STATE), 0, "END_DISABLE");
        let (log, _) = pair.ether.take_ended(VirtualTime::MAX);
        let content = Content::of(&log[0].frame);
        assert_eq!(content, Content::advertisement(37, &ADVERTISEMENT));
    }
}

#[test]
fn who_listens_elsewhere_hears_nothing() {
    // Another frequency, mode, address, too late.
    let elsewhere: [&dyn Fn(&mut Rig); 4] = [
        &|rig| rig.write(FREQUENCY, 26),
        &|rig| rig.write(MODE, 4),
        &|rig| rig.write(RADIO + 0x51c, 0x89be_d700),
        &|rig| rig.write(RADIO + 0x530, 2),
    ];
    for (index, tune) in elsewhere.into_iter().enumerate() {
        let mut pair = Pair::ble();
        tune(&mut pair.rigs[1]);
        pair.receive(1);
        pair.pass(us(100));
        pair.send(0, &ADVERTISEMENT);
        pair.pass(us(500));
        assert_eq!(pair.rigs[0].read(END), 1);
        assert_eq!((pair.rigs[1].read(ADDRESS), pair.rigs[1].read(END)), (0, 0), "{index}");
    }
    let mut pair = Pair::ble();
    pair.send(0, &ADVERTISEMENT);
    pair.pass(us(10));
    // The frame begins 41 µs after TXEN; this receiver is ready 50 µs after.
    pair.receive(1);
    pair.pass(us(500));
    assert_eq!((pair.rigs[1].read(READY), pair.rigs[1].read(ADDRESS)), (1, 0));
}

#[test]
fn a_wrong_crc_or_whitening_is_told() {
    for (register, value) in [(RADIO + 0x53c, 0x123456), (RADIO + 0x538, 0x65d), (DATAWHITEIV, 36)] {
        let mut pair = Pair::ble();
        pair.rigs[1].write(register, value);
        pair.receive(1);
        pair.pass(us(100));
        pair.send(0, &ADVERTISEMENT);
        pair.pass(us(3_000));
        let read = |pair: &mut Pair, register| pair.rigs[1].read(register);
        assert_eq!((read(&mut pair, ADDRESS), read(&mut pair, END)), (1, 1));
        assert_eq!(
            (read(&mut pair, CRCOK), read(&mut pair, CRCERROR)),
            (0, 1),
            "{register:#x}"
        );
        assert_eq!(read(&mut pair, CRCSTATUS), 0);
    }
}

#[test]
fn frames_that_overlap_destroy_each_other_unless_one_is_much_stronger() {
    // The second frame's begin after the first one's, its power, and whether the first one's CRC is right.
    for (after_us, dbm, right) in [(60, 0, false), (60, -20, true), (140, 0, true)] {
        let mut pair = Pair::ble();
        pair.receive(1);
        pair.pass(us(100));
        pair.send(0, &ADVERTISEMENT);
        pair.pass(us(20));
        let content = Content::advertisement(37, &[0, 6, 1, 2, 3, 4, 5, 6]);
        // The first one begins at 41 µs and takes 152 µs.
        let begin = pair.rigs[0].fabric.now() + us(21 + after_us);
        pair.ether.inject(content.frame(begin, Modulation::Ble1M, dbm).unwrap());
        pair.pass(us(500));
        assert_eq!(pair.rigs[1].read(END), 1);
        assert_eq!(pair.rigs[1].read(CRCOK) == 1, right, "{after_us} {dbm}");
    }
}

#[test]
fn a_frame_that_is_cut_off_has_a_wrong_crc() {
    for (task, value) in [(STOP, 1), (DISABLE, 1), (POWER, 0)] {
        let mut pair = Pair::ble();
        pair.receive(1);
        pair.pass(us(100));
        pair.send(0, &ADVERTISEMENT);
        pair.pass(us(120));
        pair.rigs[0].write(task, value);
        pair.pass(us(500));
        assert_eq!(pair.rigs[0].read(END), 0);
        assert_eq!(
            (pair.rigs[1].read(END), pair.rigs[1].read(CRCERROR)),
            (1, 1),
            "{task:#x}"
        );
        let bytes = pair.received(1, 11);
        assert_eq!(bytes[..4], ADVERTISEMENT[..4]);
        assert_ne!(bytes[5..], ADVERTISEMENT[5..]);
    }
}

#[test]
fn the_interframe_spacing_is_150_us_from_antenna_to_antenna() {
    let mut pair = Pair::ble();
    for rig in &mut pair.rigs {
        // The default ramp-up.
        rig.write(RADIO + 0x650, 0);
        rig.write(TIFS, 150);
    }
    pair.receive(1);
    // READY_START, END_DISABLE, DISABLED_TXEN; and the other way around.
    pair.rigs[1].write(SHORTS, 1 | 2 | 4);
    pair.pass(us(200));
    let bytes = [0x43, 6, 1, 2, 3, 4, 5, 6];
    pair.send(0, &bytes);
    pair.rigs[0].write(SHORTS, 1 | 2 | 8);
    pair.rigs[0].fabric.memory_mut().write(RAM + 0x400, &[0; 32]).unwrap();
    pair.pass(us(300));
    pair.rigs[0].write(PACKETPTR, RAM + 0x400);
    // It sends back what it received.
    pair.rigs[1].write(SHORTS, 1 | 2);
    pair.pass(us(600));
    let (log, _) = pair.ether.take_ended(VirtualTime::MAX);
    assert_eq!(log.len(), 2);
    assert_eq!((log[1].frame.begin - log[0].frame.end()).as_ns(), 150_000);
    assert_eq!(pair.rigs[0].read(CRCOK), 1);
    assert_eq!(pair.received(0, 8), bytes);
}

#[test]
fn a_frame_of_ieee_802_15_4_arrives_with_its_link_quality() {
    let mut pair = Pair::ieee();
    pair.ether.set_attenuation(60);
    pair.receive(1);
    pair.rigs[1].write(RADIO + 0x644, 0x0000_6a02);
    pair.rigs[1].write(RADIO + 0x648, 0x0000_ffff);
    pair.pass(us(100));
    let start = pair.rigs[0].fabric.now();
    // PHR counts the check sequence.
    pair.send(0, &[8, 0x02, 0x6a, 3, 4, 5, 6]);
    while pair.rigs[1].read(PHYEND) == 0 {
        pair.pass(us(1));
    }
    // Ramp-up 40, delay 1, 9 + 5 bytes of 32 µs, delay 22.
    assert_eq!(pair.rigs[1].fabric.now() - start, us(40 + 1 + 14 * 32 + 22));
    assert_eq!(
        pair.received(1, 9),
        [8, 2, 0x6a, 3, 4, 5, 6, 32, 0],
        "-60 dBm are 32 above the floor"
    );
    for register in [FRAMESTART, PAYLOAD, END, CRCOK, MHRMATCH] {
        assert_eq!(pair.rigs[1].read(register), 1, "{register:#x}");
    }
    let (log, _) = pair.ether.take_ended(VirtualTime::MAX);
    assert_eq!(
        Content::of(&log[0].frame),
        Content::ieee802154(11, &[2, 0x6a, 3, 4, 5, 6])
    );
    // Too weak.
    let mut pair = Pair::ieee();
    pair.ether.set_attenuation(101);
    pair.receive(1);
    pair.pass(us(100));
    pair.send(0, &[8, 0x02, 0x6a, 3, 4, 5, 6]);
    pair.pass(us(1_000));
    assert_eq!(pair.rigs[1].read(PHYEND), 0);
}

/// A clear channel assessment of the second chip, `after` the first one began to send; returns whether it was busy.
fn is_busy(ccactrl: u32, attenuation: u8, after: VirtualTime, sends: bool) -> bool {
    let mut pair = Pair::ieee();
    pair.ether.set_attenuation(attenuation);
    pair.rigs[1].write(CCACTRL, ccactrl);
    pair.rigs[1].write(RXEN, 1);
    pair.pass(us(50));
    assert_eq!(pair.rigs[1].read(STATE), 2);
    if sends {
        pair.send(0, &[12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
    pair.pass(us(41) + after);
    pair.rigs[1].write(CCASTART, 1);
    pair.pass(us(127));
    assert_eq!((pair.rigs[1].read(CCAIDLE), pair.rigs[1].read(CCABUSY)), (0, 0));
    pair.pass(us(1));
    let (idle, busy) = (pair.rigs[1].read(CCAIDLE), pair.rigs[1].read(CCABUSY));
    assert_eq!(idle + busy, 1);
    busy == 1
}

#[test]
fn a_clear_channel_assessment_sees_what_others_send() {
    let (carrier, energy) = (0x052d_0001, 0x052d_1400);
    assert!(!is_busy(carrier, 60, us(100), false));
    assert!(is_busy(carrier, 60, us(100), true));
    assert!(!is_busy(carrier, 110, us(100), true));
    // 0x14 above −92 dBm.
    assert!(is_busy(energy, 71, us(100), true));
    assert!(!is_busy(energy, 72, us(100), true));
    // The frame of 18 bytes is over after 576 µs.
    assert!(is_busy(carrier, 60, us(500), true));
    assert!(!is_busy(carrier, 60, us(580), true));
}

#[test]
fn energy_and_rssi_are_those_of_the_channel() {
    let mut pair = Pair::ieee();
    pair.ether.set_attenuation(70);
    pair.rigs[1].write(RXEN, 1);
    pair.pass(us(50));
    pair.rigs[1].write(EDSTART, 1);
    pair.pass(us(130));
    assert_eq!((pair.rigs[1].read(EDEND), pair.rigs[1].read(EDSAMPLE)), (1, 0));
    pair.send(0, &[12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    pair.pass(us(100));
    pair.rigs[1].write(EDEND, 0);
    pair.rigs[1].write(EDSTART, 1);
    pair.pass(us(130));
    assert_eq!((pair.rigs[1].read(EDEND), pair.rigs[1].read(EDSAMPLE)), (1, 22));
    pair.rigs[1].write(START, 1);
    pair.rigs[1].write(RSSISTART, 1);
    pair.pass(us(1));
    assert_eq!((pair.rigs[1].read(RSSIEND), pair.rigs[1].read(RSSISAMPLE)), (1, 70));
}

#[test]
fn the_bit_counter_gives_the_header_early() {
    let mut pair = Pair::ble();
    pair.receive(1);
    pair.rigs[1].write(BCC, 16);
    // ADDRESS_BCSTART
    pair.rigs[1].write(SHORTS, 1 | 1 << 6);
    pair.pass(us(100));
    let start = pair.rigs[0].fabric.now();
    pair.send(0, &ADVERTISEMENT);
    while pair.rigs[1].read(BCMATCH) == 0 {
        pair.pass(us(1));
    }
    assert_eq!(pair.rigs[1].fabric.now() - start, us(91 + 16));
    assert_eq!(pair.received(1, 4), [0x42, 9, 0, 0]);
    // For the next match the count goes on.
    pair.rigs[1].write(BCMATCH, 0);
    pair.rigs[1].write(BCC, 16 + 48);
    while pair.rigs[1].read(BCMATCH) == 0 {
        pair.pass(us(1));
    }
    assert_eq!(pair.rigs[1].fabric.now() - start, us(91 + 64));
    assert_eq!(pair.received(1, 9), [0x42, 9, 0xc1, 0xa2, 0xa3, 0xa4, 0xa5, 0xc6, 0]);
}

#[test]
fn device_addresses_are_compared() {
    for (random, base, matches) in [(1, 0xa4a3_a2c1, true), (0, 0xa4a3_a2c1, false), (1, 0xa4a3_a2c2, false)] {
        let mut pair = Pair::ble();
        let rig = &mut pair.rigs[1];
        rig.write(RADIO + 0x608, base);
        rig.write(RADIO + 0x628, 0xc6a5);
        rig.write(RADIO + 0x640, 1 << 2 | random << 10);
        pair.receive(1);
        pair.pass(us(100));
        pair.send(0, &ADVERTISEMENT);
        pair.pass(us(300));
        let found = (pair.rigs[1].read(DEVMATCH), pair.rigs[1].read(DEVMISS));
        assert_eq!(found, (u32::from(matches), u32::from(!matches)));
        assert_eq!(pair.rigs[1].read(DAI), if matches { 2 } else { 0 });
    }
}

#[test]
fn alone_it_sends_into_nothing_and_hears_nothing() {
    let mut rig = Rig::new();
    set_up_ble(&mut rig);
    rig.fabric.memory_mut().write(RAM, &ADVERTISEMENT).unwrap();
    rig.write(PACKETPTR, RAM);
    rig.write(SHORTS, 3);
    rig.write(TXEN, 1);
    assert_eq!(rig.pass_until(READY), us(40));
    assert_eq!(rig.pass_until(END), us(1 + 40 + 14 * 8));
    assert_eq!(rig.pass_until(DISABLED), us(6));
    rig.write(RXEN, 1);
    rig.pass(us(10_000));
    assert_eq!(rig.read(STATE), 3);
    assert_eq!(rig.read(ADDRESS), 1, "its own");
    rig.write(DISABLED, 0);
    rig.write(DISABLE, 1);
    rig.pass(us(1));
    assert_eq!((rig.read(DISABLED), rig.read(STATE)), (1, 0));
    // DISABLE is answered in the state DISABLED too.
    rig.write(DISABLED, 0);
    rig.write(DISABLE, 1);
    assert_eq!(rig.read(DISABLED), 1);
    assert!(rig.fabric.take_faults().is_empty() && rig.fabric.take_air_events().is_empty());
}

#[test]
fn without_the_crystal_nobody_hears_it() {
    let mut rig = Rig::new();
    rig.fabric.set_on_air(true);
    set_up_ble(&mut rig);
    rig.write(PACKETPTR, RAM);
    rig.write(SHORTS, 3);
    rig.write(TXEN, 1);
    rig.pass_until(END);
    assert!(rig.fabric.take_air_events().is_empty());
}

#[test]
fn power_off_and_reset_forget_the_registers() {
    for reset in [true, false] {
        let mut rig = Rig::new();
        set_up_ble(&mut rig);
        rig.write(RADIO + 0x304, 1);
        rig.write(TXEN, 1);
        rig.pass(us(41));
        assert!(rig.fabric.irq_level(1));
        match reset {
            true => rig.reset(ResetKind::Pin),
            false => {
                rig.write(POWER, 0);
                rig.write(POWER, 1);
            }
        }
        assert!(!rig.fabric.irq_level(1));
        for (register, value) in [(STATE, 0), (MODE, 0), (FREQUENCY, 2), (READY, 0), (RADIO + 0x660, 0xa7)] {
            assert_eq!(rig.read(register), value, "{register:#x}");
        }
    }
}

#[test]
fn nordics_own_packets_have_bits_of_their_own() {
    // Enhanced ShockBurst: LENGTH of six bits, S1 of three, most significant bit first, logical address 5.
    let mut pair = Pair::new(NOTICE);
    for rig in &mut pair.rigs {
        for (offset, value) in [
            (0x510, 1),
            (0x508, 40),
            (0x514, 6 | 3 << 16),
            (0x518, 32 | 4 << 16 | 1 << 24),
            (0x520, 0x1234_5678),
            (0x528, 0x0000_9a00),
            (0x52c, 5),
            (0x530, 1 << 5),
            (0x534, 2),
            (0x538, 0x1_1021),
            (0x53c, 0xffff),
            (0x650, 1),
        ] {
            rig.write(RADIO + offset, value);
        }
    }
    pair.receive(1);
    pair.pass(us(100));
    pair.send(0, &[3, 0b101, 7, 8, 9]);
    pair.pass(us(200));
    assert_eq!((pair.rigs[1].read(CRCOK), pair.rigs[1].read(RXMATCH)), (1, 5));
    assert_eq!(pair.received(1, 6), [3, 0b101, 7, 8, 9, 0]);
    let (log, _) = pair.ether.take_ended(VirtualTime::MAX);
    let AirFrame {
        sync, body_bits, mhz, ..
    } = &log[0].frame;
    assert_eq!(
        (sync.as_slice(), *body_bits, *mhz),
        (&[0x78, 0x56, 0x34, 0x12, 0x9a][..], 9 + 24 + 16, 2440)
    );
}

#[test]
fn what_dma_cannot_reach_is_in_the_log() {
    let mut rig = Rig::new();
    set_up_ble(&mut rig);
    rig.write(PACKETPTR, 0x1_0000);
    rig.write(SHORTS, 3);
    rig.write(TXEN, 1);
    rig.pass_until(END);
    assert_eq!(rig.fabric.take_faults()[0].addr, 0x1_0000);
}

#[test]
fn what_is_on_the_air_is_part_of_the_state() {
    let mut pair = Pair::ble();
    pair.receive(1);
    pair.pass(us(100));
    pair.send(0, &ADVERTISEMENT);
    pair.pass(us(130));
    let state = postcard::to_allocvec(&pair.rigs[1].chip).unwrap();
    pair.rigs[1].chip = postcard::from_bytes(&state).unwrap();
    pair.pass(us(200));
    assert_eq!(
        (pair.rigs[1].read(CRCOK), pair.received(1, 11)),
        (1, ADVERTISEMENT.to_vec())
    );
    // An ether that asks for more than a chip keeps loses the oldest.
    for number in 0..1_000 {
        let content = Content::ieee802154(11, &[number as u8]);
        let begin = pair.rigs[1].fabric.now();
        let frame = content.frame(begin, Modulation::Ieee802154, 0).unwrap();
        let id = crate::machine::FrameId { sender: 9, number };
        let rig = &mut pair.rigs[1];
        rig.chip.hear(&mut rig.fabric, Heard::Frame(id, frame));
    }
    assert!(postcard::to_allocvec(&pair.rigs[1].chip).unwrap().len() < 20_000);
    assert!(!matches!(
        pair.rigs[0].fabric.take_air_events()[..],
        [AirEvent::Frame(_), ..]
    ));
}
