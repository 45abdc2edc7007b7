//! Decoders against encoders, and against edges that mean nothing.

use drydock_protocol::link::{
    Channel, MAX_FRAME_BYTES,
    frame::{Frame, Hello, Status},
};
use drydock_scope_model::{
    Entry, LaneId, TimeRange,
    decode::{Annotation, Decoder, I2c, Link, OneWire, Parity, Spi, SpiMode, Uart, Ws2812},
};
use proptest::prelude::*;

/// What lanes do, with their time.
#[derive(Default)]
struct Wave {
    now_ns: u64,
    entries: Vec<(LaneId, u64, bool)>,
}

impl Wave {
    fn set(&mut self, lane: u32, is_high: bool) {
        self.entries.push((LaneId(lane), self.now_ns, is_high));
    }

    fn hold(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    fn low_for(&mut self, low_ns: u64, high_ns: u64) {
        self.set(0, false);
        self.hold(low_ns);
        self.set(0, true);
        self.hold(high_ns);
    }

    fn decode(&self, decoder: &mut dyn Decoder) -> Vec<Annotation> {
        let mut out = Vec::new();
        for &(lane, at_ns, is_high) in &self.entries {
            decoder.feed(lane, &Entry::Level { at_ns, is_high }, &mut out);
        }
        decoder.finish(self.now_ns, &mut out);
        out
    }

    fn uart(&mut self, bytes: &[u8], bit_ps: u64, data_bits: u32, parity: Parity, idle_bits: u64) {
        self.set(0, true);
        self.hold(20 * bit_ps / 1_000);
        for &byte in bytes {
            let start_ps = self.now_ns * 1_000;
            let mut bits = vec![false];
            bits.extend((0..data_bits).map(|bit| byte >> bit & 1 != 0));
            let is_odd = bits.iter().filter(|bit| **bit).count() % 2 != 0;
            match parity {
                Parity::None => {}
                Parity::Even => bits.push(is_odd),
                Parity::Odd => bits.push(!is_odd),
            }
            bits.push(true);
            for (index, bit) in bits.iter().enumerate() {
                self.now_ns = (start_ps + index as u64 * bit_ps) / 1_000;
                self.set(0, *bit);
            }
            self.now_ns = (start_ps + (bits.len() as u64 + idle_bits) * bit_ps) / 1_000;
        }
    }
}

fn bytes_of(annotations: &[Annotation]) -> Vec<u8> {
    annotations
        .iter()
        .flat_map(|annotation| annotation.bytes.clone())
        .collect()
}

proptest! {
    #[test]
    fn a_uart_reads_what_was_sent_at_nearly_its_speed(
        bytes in prop::collection::vec(any::<u8>(), 1..40),
        baud in prop::sample::select(vec![9_600_u32, 115_200, 1_000_000]),
        off in -0.03..0.03_f64,
        data_bits in 5..=8_u32,
        parity in prop::sample::select(vec![Parity::None, Parity::Even, Parity::Odd]),
        idle_bits in 0..3_u64,
    ) {
        let mut wave = Wave::default();
        let bit_ps = (1e12 / f64::from(baud) * (1.0 + off)) as u64;
        wave.uart(&bytes, bit_ps, data_bits, parity, idle_bits);
        wave.hold(bit_ps / 1_000);
        let found = wave.decode(&mut Uart::new(LaneId(0), baud).with_frame(data_bits, parity));
        prop_assert!(found.iter().all(|annotation| !annotation.is_error), "{found:?}");
        let mask = ((1_u32 << data_bits) - 1) as u8;
        let expected: Vec<u8> = bytes.iter().map(|byte| byte & mask).collect();
        prop_assert_eq!(bytes_of(&found), expected);
    }

    #[test]
    fn i2c_reads_transfers(address in 0..0x80_u8, reads in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..10), again in any::<bool>()) {
        let (scl, sda) = (0, 1);
        let mut wave = Wave::default();
        let bit = |wave: &mut Wave, bit: bool| {
            wave.hold(100);
            wave.set(sda, bit);
            wave.hold(100);
            wave.set(scl, true);
            wave.hold(200);
            wave.set(scl, false);
        };
        let start = |wave: &mut Wave| {
            wave.hold(50);
            wave.set(sda, true);
            wave.hold(50);
            wave.set(scl, true);
            wave.hold(100);
            wave.set(sda, false);
            wave.hold(100);
            wave.set(scl, false);
        };
        let mut expected = Vec::new();
        for round in 0..=usize::from(again) {
            start(&mut wave);
            expected.push(if round == 0 { "start".to_owned() } else { "repeated start".to_owned() });
            let all: Vec<u8> = std::iter::once(address << 1 | u8::from(reads)).chain(bytes.iter().copied()).collect();
            for (index, byte) in all.iter().enumerate() {
                (0..8).rev().for_each(|at| bit(&mut wave, byte >> at & 1 != 0));
                let is_last = index + 1 == all.len();
                bit(&mut wave, is_last);
                let answer = if is_last { "nack" } else { "ack" };
                let direction = if reads { "read" } else { "write" };
                expected.push(match index {
                    0 => format!("address 0x{address:02x} {direction} {answer}"),
                    _ => format!("0x{byte:02x} {answer}"),
                });
            }
        }
        wave.hold(50);
        wave.set(sda, false);
        wave.hold(50);
        wave.set(scl, true);
        wave.hold(50);
        wave.set(sda, true);
        expected.push("stop".into());
        let found = wave.decode(&mut I2c::new(LaneId(scl), LaneId(sda)));
        prop_assert!(found.iter().all(|annotation| !annotation.is_error), "{found:?}");
        let texts: Vec<&str> = found.iter().map(|annotation| annotation.text.as_str()).collect();
        prop_assert_eq!(texts, expected);
    }

    #[test]
    fn spi_reads_both_directions_in_each_mode(words in prop::collection::vec(any::<(u8, u8)>(), 1..20), mode in 0..4_u8, cut in 0..8_u32) {
        let (sck, mosi, miso, select) = (0, 1, 2, 3);
        let (idle, late) = (mode >= 2, mode % 2 != 0);
        let mut wave = Wave::default();
        wave.set(sck, idle);
        wave.set(select, true);
        wave.hold(100);
        wave.set(select, false);
        let bit = |wave: &mut Wave, out: bool, input: bool| {
            if late {
                wave.set(sck, !idle);
            }
            wave.set(mosi, out);
            wave.set(miso, input);
            wave.hold(10);
            wave.set(sck, if late { idle } else { !idle });
            wave.hold(10);
            if !late {
                wave.set(sck, idle);
            }
        };
        for &(out, input) in &words {
            (0..8).rev().for_each(|at| bit(&mut wave, out >> at & 1 != 0, input >> at & 1 != 0));
        }
        (0..cut).for_each(|_| bit(&mut wave, true, false));
        wave.hold(10);
        wave.set(select, true);
        // Not selected: no word.
        (0..8).for_each(|_| bit(&mut wave, true, false));
        let modes = [SpiMode::Mode0, SpiMode::Mode1, SpiMode::Mode2, SpiMode::Mode3];
        let lane = |lane| Some(LaneId(lane));
        let mut spi = Spi::new(modes[usize::from(mode)], LaneId(sck), lane(mosi), lane(miso), lane(select));
        let found = wave.decode(&mut spi);
        let expected: Vec<u8> = words.iter().flat_map(|word| [word.0, word.1]).collect();
        prop_assert_eq!(bytes_of(&found), expected);
        let errors: Vec<_> = found.iter().filter(|it| it.is_error).map(|it| it.text.clone()).collect();
        prop_assert_eq!(errors, if cut == 0 { vec![] } else { vec![format!("{cut} bits of 8")] });
    }

    #[test]
    fn ws2812_reads_colours(leds in prop::collection::vec(any::<[u8; 3]>(), 1..12), jitter in prop::collection::vec(0..250_u64, 24)) {
        let mut wave = Wave::default();
        wave.set(0, false);
        for _ in 0..2 {
            wave.hold(60_000);
            for &[red, green, blue] in &leds {
                let bits = u32::from_be_bytes([0, green, red, blue]);
                for at in (0..24).rev() {
                    let jitter = jitter[at as usize];
                    let width_ns = if bits >> at & 1 != 0 { 680 + jitter } else { 280 + jitter };
                    wave.set(0, true);
                    wave.hold(width_ns);
                    wave.set(0, false);
                    wave.hold(1_250 - width_ns.min(1_000));
                }
            }
        }
        let found = wave.decode(&mut Ws2812::new(LaneId(0)));
        let expected: Vec<u8> = leds.iter().chain(&leds).flatten().copied().collect();
        prop_assert_eq!(bytes_of(&found), expected);
        prop_assert!(found[leds.len()].text.starts_with("0: #"), "the chain begins again: {:?}", found);
    }

    #[test]
    fn one_wire_reads_a_reset_and_bytes(bytes in prop::collection::vec(any::<u8>(), 1..10), is_there in any::<bool>()) {
        let mut wave = Wave::default();
        wave.set(0, true);
        wave.hold(1_000_000);
        wave.low_for(500_000, 30_000);
        if is_there {
            wave.low_for(120_000, 300_000);
        }
        for byte in &bytes {
            for at in 0..8 {
                if byte >> at & 1 != 0 {
                    wave.low_for(6_000, 64_000);
                } else {
                    wave.low_for(60_000, 10_000);
                }
            }
        }
        let found = wave.decode(&mut OneWire::new(LaneId(0)));
        prop_assert_eq!(&found[0].text, "reset");
        // Without a presence pulse the first zero looks like one, as on a real bus; a one does not.
        if is_there {
            prop_assert_eq!(&found[1].text, "presence");
            prop_assert_eq!(bytes_of(&found), bytes);
        } else if bytes[0] & 1 != 0 {
            prop_assert_eq!(&found[1].text, "no presence");
            prop_assert_eq!(bytes_of(&found), bytes);
        }
    }

    #[test]
    fn link_frames_are_read_from_a_uart(all in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 1..200)), 1..4), damaged in any::<bool>()) {
        let status = Status { tag: 7, wanted: 3, credit: [1, 2, 3], repeat: false, poll: false };
        let mut bytes = Vec::new();
        let mut frame = [0; MAX_FRAME_BYTES];
        let hello = Hello { version: 1, epoch: 0xabcd, seen: None, answer: true, device: true };
        let length = Frame::Hello(hello).encode(&mut frame);
        bytes.extend_from_slice(&frame[..length]);
        for (sequence, data) in &all {
            let length = Frame::Data { channel: Channel::Log, sequence: *sequence, data, status }.encode(&mut frame);
            bytes.extend_from_slice(&frame[..length]);
        }
        if damaged {
            let at = bytes.len() - 4;
            bytes[at] = if bytes[at] == 1 { 2 } else { 1 };
        }
        let mut wave = Wave::default();
        wave.uart(&bytes, 1_000_000, 8, Parity::None, 0);
        wave.hold(1_000);
        let found = wave.decode(&mut Link::new(Uart::new(LaneId(0), 1_000_000)));
        prop_assert!(found[0].text.starts_with("hello of a device"));
        prop_assert_eq!(found.iter().filter(|it| it.is_error).count(), usize::from(damaged));
        let good = &all[..all.len() - usize::from(damaged)];
        let data: Vec<u8> = good.iter().flat_map(|(_, data)| data.clone()).collect();
        prop_assert_eq!(bytes_of(&found), data);
        // The same bytes as a lane of texts.
        let mut out = Vec::new();
        let mut link = Link::new(Uart::new(LaneId(0), 1));
        for (index, piece) in bytes.chunks(7).enumerate() {
            link.feed(LaneId(0), &Entry::Text { at_ns: index as u64, bytes: piece }, &mut out);
        }
        let texts = |all: &[Annotation]| all.iter().map(|it| it.text.clone()).collect::<Vec<_>>();
        prop_assert_eq!(texts(&out), texts(&found));
    }

    #[test]
    fn any_edges_are_survived(edges in prop::collection::vec((0..4_u32, 0..700_000_u64, 0..9_u8), 0..400)) {
        for mut decoder in every_decoder() {
            let mut now_ns = 0_u64;
            let mut out = Vec::new();
            for &(lane, after_ns, what) in &edges {
                // Mostly short times, so that bits come about.
                now_ns += after_ns >> (what * 2);
                let entry = match what {
                    0 => Entry::Gap { range: TimeRange::new(now_ns, now_ns + 10), lost: 0 },
                    _ => Entry::Level { at_ns: now_ns, is_high: what % 2 == 0 },
                };
                decoder.feed(LaneId(lane), &entry, &mut out);
            }
            decoder.finish(now_ns + 1_000_000, &mut out);
            let ends: Vec<u64> = out.iter().map(|it| it.range.from_ns).collect();
            prop_assert!(ends.is_sorted(), "in order: {out:?}");
        }
    }
}

fn every_decoder() -> Vec<Box<dyn Decoder>> {
    let lane = LaneId;
    let uart = Uart::new(lane(0), 1_000_000);
    vec![
        Box::new(uart.clone()),
        Box::new(Link::new(uart)),
        Box::new(I2c::new(lane(0), lane(1))),
        Box::new(Spi::new(
            SpiMode::Mode0,
            lane(0),
            Some(lane(1)),
            Some(lane(2)),
            Some(lane(3)),
        )),
        Box::new(Ws2812::new(lane(0))),
        Box::new(OneWire::new(lane(0))),
    ]
}

#[test]
fn a_gap_ends_what_had_begun() {
    let mut wave = Wave::default();
    wave.uart(b"ab", 1_000_000, 8, Parity::None, 0);
    let mut uart = Uart::new(LaneId(0), 1_000_000);
    let mut out = Vec::new();
    for &(lane, at_ns, is_high) in &wave.entries {
        if at_ns >= 23_000 {
            break;
        }
        uart.feed(lane, &Entry::Level { at_ns, is_high }, &mut out);
    }
    let gap = Entry::Gap {
        range: TimeRange::new(23_000, 40_000),
        lost: 1,
    };
    uart.feed(LaneId(0), &gap, &mut out);
    uart.feed(
        LaneId(0),
        &Entry::Level {
            at_ns: 40_000,
            is_high: true,
        },
        &mut out,
    );
    uart.finish(100_000, &mut out);
    // Neither the first byte, nor one that is made of what was before and after.
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn errors_on_a_uart_are_named() {
    let mut wave = Wave::default();
    // Twelve low bits: a break. Then a byte that claims even parity.
    wave.set(0, true);
    wave.hold(5_000);
    wave.low_for(12_000, 20_000);
    let found = wave.decode(&mut Uart::new(LaneId(0), 1_000_000));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].is_error && found[0].text == "break");
    let mut wave = Wave::default();
    wave.uart(b"a", 1_000_000, 8, Parity::Odd, 3);
    let found = wave.decode(&mut Uart::new(LaneId(0), 1_000_000).with_frame(8, Parity::Even));
    assert!(
        found[0].is_error && found[0].text.ends_with("wrong parity"),
        "{found:?}"
    );
}
