//! RNG, TEMP, WDT, EGU.

use super::*;

#[test]
fn random_bytes_come_at_their_rate_and_from_the_seed() {
    let draw = |correct: u32| {
        let mut bench = Bench::new();
        bench.write(0x4000_d504, correct);
        bench.write(0x4000_d000, 1);
        let mut times = Vec::new();
        let bytes: Vec<u32> = (0..8)
            .map(|_| {
                times.push(bench.pass_until(0x4000_d100).as_us());
                bench.write(0x4000_d100, 0);
                bench.read(0x4000_d508)
            })
            .collect();
        (times, bytes)
    };
    let (times, bytes) = draw(0);
    assert_eq!(times, [158, 30, 30, 30, 30, 30, 30, 30]);
    assert_eq!(bytes, draw(0).1);
    assert!(bytes.iter().any(|byte| *byte != bytes[0]));
    assert_eq!(draw(1).0[..2], [248, 120]);
}

#[test]
fn a_generator_nobody_listens_to_does_not_keep_a_machine_awake() {
    let mut bench = Bench::new();
    // A channel of PPI counts what a UART receives, as in our firmware: it listens, and not to RNG.
    bench.write(0x4001_f510, 0x4000_2108);
    bench.write(0x4001_f514, 0x4000_9008);
    bench.write(0x4001_f504, 1);
    bench.write(0x4000_d000, 1);
    bench.pass(VirtualTime::from_ms(10));
    assert_eq!(bench.fabric.next_event_at(), VirtualTime::MAX);
    bench.write(0x4000_d100, 0);
    bench.pass_until(0x4000_d100);
    bench.write(0x4000_d100, 0);
    bench.read(0x4000_d508);
    bench.pass_until(0x4000_d100);
    bench.write(0x4000_d200, 1);
    bench.write(0x4000_d100, 0);
    bench.read(0x4000_d508);
    bench.pass_until(0x4000_d100);
    bench.read(0x4000_d508);
    assert_eq!(bench.fabric.next_event_at(), VirtualTime::MAX, "VALRDY_STOP");
}

#[test]
fn a_generator_that_ppi_listens_to_goes_on() {
    let mut bench = Bench::new();
    // VALRDY → COUNT of TIMER1.
    bench.write(0x4000_9504, 1);
    bench.write(0x4000_9508, 3);
    bench.write(0x4000_9000, 1);
    bench.write(0x4001_f504, 1);
    bench.write(0x4001_f514, 0x4000_9008);
    bench.write(0x4001_f510, 0x4000_d100);
    bench.write(0x4000_d000, 1);
    bench.pass(VirtualTime::from_us(128 + 10 * 30));
    bench.write(0x4000_9040, 1);
    assert_eq!(bench.read(0x4000_9540), 10);
}

#[test]
fn the_die_is_at_room_temperature() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        bench.write(0x4000_c000, 1);
        assert_eq!(bench.pass_until(0x4000_c100), VirtualTime::from_us(36));
        bench.write(0x4000_c100, 0);
        assert!((99..=101).contains(&bench.read(0x4000_c508)));
    }
}

#[test]
fn the_watchdog_bites_unless_all_its_channels_ask() {
    // Which channels are enabled, which are reloaded, whether it bites.
    for (rren, reloaded, bites) in [
        (0b1, 0b1, false),
        (0b1, 0, true),
        (0b101, 0b101, false),
        (0b101, 0b1, true),
    ] {
        let mut bench = Bench::new();
        bench.write(0x4001_0504, 32_767);
        bench.write(0x4001_0508, rren);
        bench.write(0x4001_0000, 1);
        assert_eq!(bench.read(0x4001_0400), 1, "RUNSTATUS");
        bench.write(0x4001_0504, 1); // locked
        for _ in 0..3 {
            bench.pass(VirtualTime::from_ms(900));
            for channel in (0..8).filter(|channel| reloaded >> channel & 1 != 0) {
                bench.write(0x4001_0600 + 4 * channel, 0x6e52_4635);
            }
        }
        let request = bench.request();
        assert_eq!(
            request == Some(Request::Reset(ResetKind::Watchdog)),
            bites,
            "{rren:#b} {reloaded:#b}"
        );
    }
}

#[test]
fn the_watchdog_warns_two_ticks_before_it_bites() {
    let mut bench = Bench::new();
    bench.write(0x4001_0504, 99);
    bench.write(0x4001_0304, 1);
    bench.write(0x4001_0000, 1);
    assert_eq!(bench.pass_until(0x4001_0100).as_us(), 100 * 1_000_000 / 32_768);
    assert!(bench.fabric.irq_level(16));
    bench.write(0x4001_0600, 0x6e52_4635);
    bench.pass(VirtualTime::from_us(60));
    assert_eq!(bench.request(), None);
    bench.pass(VirtualTime::from_us(2));
    assert_eq!(bench.request(), Some(Request::Reset(ResetKind::Watchdog)));
}

#[test]
fn the_watchdog_outlives_a_software_reset_only() {
    for (kind, survives) in [
        (ResetKind::Software, true),
        (ResetKind::Pin, false),
        (ResetKind::Watchdog, false),
    ] {
        let mut bench = Bench::new();
        bench.write(0x4001_0504, 32_767);
        bench.write(0x4001_0000, 1);
        bench.pass(VirtualTime::from_ms(500));
        bench.reset(kind);
        assert_eq!(bench.read(0x4001_0400) == 1, survives, "{kind:?}");
        bench.pass(VirtualTime::from_ms(501));
        assert_eq!(bench.request().is_some(), survives, "{kind:?}");
    }
}

#[test]
fn egus_raise_what_is_triggered() {
    let mut bench = Bench::new();
    bench.write(0x4001_7300, 1 << 5);
    bench.write(0x4001_7014, 1);
    assert_eq!(bench.read(0x4001_7114), 1);
    assert!(bench.fabric.irq_level(23));
    bench.write(0x4001_7014, 0);
    bench.write(0x4001_7114, 0);
    assert!(!bench.fabric.irq_level(23));
}
