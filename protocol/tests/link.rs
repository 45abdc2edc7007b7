//! The link over a simulated wire in virtual time: clean, noisy, slow, and across restarts of either side.

#[path = "link/wire.rs"]
mod wire;

use drydock_protocol::link::{Channel, Endpoint, MAX_FRAME_BYTES, PeerReset, Role};
use proptest::prelude::*;
use wire::{Cable, Noise, Pair};

/// Bytes that depend on their position, so that a loss, a repetition or a swap is detected.
fn text(len: usize, salt: u32) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11 ^ salt) as u8)
        .collect()
}

#[test]
fn comes_up_and_carries_all_channels() {
    let mut pair = Pair::new(Noise::NONE);
    pair.run_until("up", 1_000, |pair| pair.device.is_up() && pair.host.is_up());
    let reset = pair.host.take_reset().expect("the first hello");
    assert_eq!((reset.version, reset.first, reset.epoch), (1, true, 1));
    pair.device.take_reset().expect("the first hello");
    assert_eq!(pair.device.write(Channel::Log, b"booted\n"), 7);
    assert_eq!(pair.device.write(Channel::Control, b"identity"), 8);
    assert_eq!(pair.host.write(Channel::Session, b"hello"), 5);
    pair.run_until("all there", 1_000, |pair| {
        pair.host.readable(Channel::Log) == 7
            && pair.host.readable(Channel::Control) == 8
            && pair.device.readable(Channel::Session) == 5
    });
    let mut out = [0; 64];
    assert_eq!(pair.host.read(Channel::Log, &mut out), 7);
    assert_eq!(&out[..7], b"booted\n");
}

#[test]
fn words_before_the_first_hello_are_kept_but_not_the_session() {
    let mut pair = Pair::new(Noise::NONE);
    assert_eq!(pair.device.write(Channel::Log, b"early"), 5);
    assert_eq!(pair.device.write(Channel::Session, b"too early"), 0);
    pair.run_until("the early word", 1_000, |pair| pair.host.readable(Channel::Log) == 5);
    assert_eq!(pair.device.write(Channel::Session, b"reset not taken"), 0);
    pair.device.take_reset();
    assert_eq!(pair.device.write(Channel::Session, b"now"), 3);
}

/// 1 Mbaud, 1 ms each way. Headers take the share missing to 100 %; acknowledgements in the other direction do not
/// count.
#[test]
fn approaches_the_line_rate() {
    for (from, noise, floor) in [
        (Role::Device, Noise::NONE, 0.90),
        (Role::Host, Noise::NONE, 0.90),
        (Role::Device, Noise::frames(1, 100), 0.75),
        (Role::Host, Noise::frames(1, 100), 0.75),
    ] {
        let mut pair = Pair::new(noise);
        pair.settle();
        let data = text(200_000, 7);
        let micros = pair.transfer(from, Channel::Session, &data);
        let rate = data.len() as f64 * 10.0 / micros as f64;
        println!("{from:?} sends with {noise:?}: {:.1} % of the line rate", 100.0 * rate);
        assert!(
            rate > floor,
            "{from:?} with {noise:?} reaches {rate:.3} of the line rate"
        );
    }
}

/// What `./x bench connect` measures in real time, with the wire's own pace alone. A serial port's driver takes frames
/// long before they are on the wire: those behind a lost one are sent in vain, and a repeated one arrives late.
#[test]
fn approaches_the_line_rate_of_a_port_at_any_baud_rate() {
    let noises = [
        (Noise::NONE, 0.92),
        (Noise::frames(1, 1), 0.75),
        (Noise::frames(1, 2), 0.75),
        (Noise::promised(1), 0.4),
        (Noise::promised(2), 0.4),
        (Noise::promised(3), 0.4),
    ];
    for baud in [115_200, 1_000_000, 2_000_000] {
        for (from, (noise, floor)) in [Role::Host, Role::Device]
            .into_iter()
            .flat_map(|from| noises.map(|noise| (from, noise)))
        {
            let mut pair = Pair::over(Cable::port(baud), noise);
            pair.settle();
            let data = text((baud / 5) as usize, 7);
            let took_us = pair.transfer(from, Channel::Session, &data);
            let share = data.len() as f64 * 10e6 / (baud as f64 * took_us as f64);
            println!("{baud} baud, {from:?} sends with {noise:?}: {:.1} %", 100.0 * share);
            assert!(share > floor, "{baud} baud, {from:?} with {noise:?}: {share:.3}");
        }
    }
}

/// The damage that the project promises to survive, long enough that each kind of it happens hundreds of times.
#[test]
fn loses_nothing_in_promised_noise() {
    for seed in 0..4 {
        let mut pair = Pair::new(Noise::promised(seed));
        pair.settle();
        pair.transfer_both_ways(&text(250_000, seed), &text(250_000, !seed), 120_000);
        for stats in [pair.device.stats(), pair.host.stats()] {
            assert!(stats.damaged > 10, "the noise must have been there: {stats:?}");
            assert!(stats.retries > 10, "the noise must have been there: {stats:?}");
        }
    }
}

#[test]
fn survives_much_worse_noise() {
    let mut pair = Pair::new(Noise {
        per_million: [500; 3],
        ..Noise::frames(20, 3)
    });
    pair.settle();
    pair.transfer_both_ways(&text(20_000, 3), &text(20_000, 4), 600_000);
}

#[test]
fn a_channel_that_nobody_reads_stops_no_other() {
    let mut pair = Pair::new(Noise::NONE);
    pair.settle();
    let flood = text(60_000, 1);
    let mut sent = 0;
    for _ in 0..2_000 {
        sent += pair.device.write(Channel::Session, &flood[sent..]);
        pair.step();
    }
    let stuck = pair.host.readable(Channel::Session);
    assert!(
        sent < 8_000 && stuck >= 3_900,
        "{sent} bytes were taken, {stuck} arrived"
    );
    assert_eq!(pair.device.write(Channel::Log, b"still here"), 10);
    pair.run_until("the log line", 100, |pair| pair.host.readable(Channel::Log) == 10);
    // Reading opens the window again, even if the message about it is lost.
    pair.cut(true);
    let mut got = vec![0; 4_096];
    let read = pair.host.read(Channel::Session, &mut got);
    assert_eq!(got[..read], flood[..read]);
    pair.run_for_ms(50);
    pair.cut(false);
    pair.run_until("the rest of what was taken", 10_000, |pair| {
        pair.host.readable(Channel::Session) == sent - read
    });
}

#[test]
fn resynchronises_in_the_middle_of_a_stream() {
    let mut endpoint = Endpoint::new(Role::Host, 1);
    endpoint.receive(&text(10_000, 9), 0);
    let mut pair = Pair::new(Noise::NONE);
    pair.host = endpoint;
    pair.settle();
    pair.transfer(Role::Device, Channel::Session, &text(1_000, 2));
    assert!(pair.host.stats().damaged > 0);
}

#[test]
fn a_restart_of_either_side_is_seen_by_the_other() {
    for (restarted, epoch, noise) in [
        (Role::Device, 77, Noise::NONE),
        (Role::Host, 77, Noise::NONE),
        (Role::Device, 77, Noise::promised(5)),
        (Role::Host, 77, Noise::promised(6)),
        // Even with a poor source of epochs.
        (Role::Device, 1, Noise::NONE),
        (Role::Host, 2, Noise::NONE),
    ] {
        let mut pair = Pair::new(noise);
        pair.settle();
        let data = text(5_000, 1);
        pair.transfer(restarted, Channel::Session, &data);
        // In the middle of a transfer, with bytes in flight in both directions.
        pair.device.write(Channel::Session, &data);
        pair.host.write(Channel::Session, &data);
        pair.run_for_ms(3);
        let survivor = match restarted {
            Role::Device => {
                pair.device = Endpoint::new(Role::Device, epoch);
                &mut pair.host
            }
            Role::Host => {
                pair.host = Endpoint::new(Role::Host, epoch);
                &mut pair.device
            }
        };
        assert_eq!(survivor.take_reset(), None);
        pair.run_until("both up again", 5_000, |pair| {
            let survivor = if restarted == Role::Device {
                &pair.host
            } else {
                &pair.device
            };
            pair.device.is_up() && pair.host.is_up() && survivor.readable(Channel::Session) == 0
        });
        pair.run_for_ms(20);
        let survivor = if restarted == Role::Device {
            &mut pair.host
        } else {
            &mut pair.device
        };
        assert_eq!(survivor.write(Channel::Session, b"old session"), 0);
        assert_eq!(
            survivor.take_reset(),
            Some(PeerReset {
                epoch,
                version: 1,
                first: false
            })
        );
        pair.device.take_reset();
        pair.host.take_reset();
        pair.transfer_both_ways(&text(10_000, 11), &text(10_000, 12), 60_000);
    }
}

#[test]
fn a_break_of_the_line_is_bridged() {
    let mut pair = Pair::new(Noise::NONE);
    pair.settle();
    let data = text(3_000, 1);
    pair.host.write(Channel::Session, &data);
    pair.run_for_ms(2);
    pair.cut(true);
    pair.run_for_ms(5_000);
    let idle = pair.host.stats().frames_sent;
    pair.run_for_ms(10_000);
    assert!(
        pair.host.stats().frames_sent - idle < 10,
        "backs off while nobody answers"
    );
    pair.cut(false);
    let mut got = Vec::new();
    pair.run_until("the data", 10_000, |pair| {
        let mut piece = [0; 300];
        let read = pair.device.read(Channel::Session, &mut piece);
        got.extend_from_slice(&piece[..read]);
        got.len() == data.len()
    });
    assert_eq!(got, data);
}

#[test]
fn an_echo_is_no_peer() {
    let mut endpoint = Endpoint::new(Role::Host, 5);
    let mut frame = [0; MAX_FRAME_BYTES];
    for now_ms in 0..2_000 {
        let len = endpoint.transmit(now_ms, &mut frame);
        endpoint.receive(&frame[..len], now_ms);
    }
    assert!(!endpoint.is_up());
    assert_eq!(endpoint.take_reset(), None);
}

#[test]
fn another_version_is_told_and_stays_down() {
    use drydock_protocol::link::frame::{Frame, Hello};
    let mut endpoint = Endpoint::new(Role::Host, 5);
    let mut frame = [0; MAX_FRAME_BYTES];
    let len = Frame::Hello(Hello {
        version: 9,
        epoch: 3,
        seen: Some(5),
        answer: true,
        device: true,
    })
    .encode(&mut frame);
    endpoint.receive(&frame[..len], 0);
    assert_eq!(
        endpoint.take_reset(),
        Some(PeerReset {
            epoch: 3,
            version: 9,
            first: true
        })
    );
    assert!(!endpoint.is_up());
    assert!(endpoint.transmit(0, &mut frame) > 0, "it hears our version too");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_noise_up_to_the_promised_loses_nothing(
        seed in any::<u32>(),
        frames_percent in 0..=1u32,
        drop in 0..=100u32, flip in 0..=100u32, double in 0..=100u32,
        to_host in 0..30_000usize, to_device in 0..30_000usize,
    ) {
        let mut pair = Pair::new(Noise { per_million: [drop, flip, double], ..Noise::frames(frames_percent, seed) });
        pair.settle();
        pair.transfer_both_ways(&text(to_host, seed), &text(to_device, !seed), 60_000);
    }

    #[test]
    fn any_bytes_are_survived(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20)) {
        let mut pair = Pair::new(Noise::NONE);
        for chunk in &chunks {
            pair.host.receive(chunk, 0);
            pair.device.receive(chunk, 0);
        }
        pair.settle();
        pair.transfer_both_ways(&text(2_000, 1), &text(2_000, 2), 60_000);
    }
}
