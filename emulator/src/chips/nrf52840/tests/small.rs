//! RNG, TEMP, WDT, EGU.

use super::*;

#[test]
fn random_bytes_come_at_their_rate_and_from_the_seed() {
    let draw = |correct: u32| {
        let mut rig = Rig::new();
        rig.write(0x4000_d504, correct);
        rig.write(0x4000_d000, 1);
        let mut times = Vec::new();
        let bytes: Vec<u32> = (0..8)
            .map(|_| {
                times.push(rig.pass_until(0x4000_d100).as_us());
                rig.write(0x4000_d100, 0);
                rig.read(0x4000_d508)
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
    let mut rig = Rig::new();
    // A channel of PPI counts the bytes that a UART receives, as in our firmware; it does not listen to RNG.
    rig.write(0x4001_f510, 0x4000_2108);
    rig.write(0x4001_f514, 0x4000_9008);
    rig.write(0x4001_f504, 1);
    rig.write(0x4000_d000, 1);
    rig.pass(VirtualTime::from_ms(10));
    assert_eq!(rig.fabric.next_event_at(), VirtualTime::MAX);
    rig.write(0x4000_d100, 0);
    rig.pass_until(0x4000_d100);
    rig.write(0x4000_d100, 0);
    rig.read(0x4000_d508);
    rig.pass_until(0x4000_d100);
    rig.write(0x4000_d200, 1);
    rig.write(0x4000_d100, 0);
    rig.read(0x4000_d508);
    rig.pass_until(0x4000_d100);
    rig.read(0x4000_d508);
    assert_eq!(rig.fabric.next_event_at(), VirtualTime::MAX, "VALRDY_STOP");
}

#[test]
fn a_generator_that_ppi_listens_to_goes_on() {
    let mut rig = Rig::new();
    // VALRDY → COUNT of TIMER1.
    rig.write(0x4000_9504, 1);
    rig.write(0x4000_9508, 3);
    rig.write(0x4000_9000, 1);
    rig.write(0x4001_f504, 1);
    rig.write(0x4001_f514, 0x4000_9008);
    rig.write(0x4001_f510, 0x4000_d100);
    rig.write(0x4000_d000, 1);
    rig.pass(VirtualTime::from_us(128 + 10 * 30));
    rig.write(0x4000_9040, 1);
    assert_eq!(rig.read(0x4000_9540), 10);
}

#[test]
fn the_die_is_at_room_temperature() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        rig.write(0x4000_c000, 1);
        assert_eq!(rig.pass_until(0x4000_c100), VirtualTime::from_us(36));
        rig.write(0x4000_c100, 0);
        assert!((99..=101).contains(&rig.read(0x4000_c508)));
    }
}

#[test]
fn the_watchdog_bites_unless_all_its_channels_ask() {
    // Enabled channels, reloaded channels, whether the watchdog resets.
    for (rren, reloaded, bites) in [
        (0b1, 0b1, false),
        (0b1, 0, true),
        (0b101, 0b101, false),
        (0b101, 0b1, true),
    ] {
        let mut rig = Rig::new();
        rig.write(0x4001_0504, 32_767);
        rig.write(0x4001_0508, rren);
        rig.write(0x4001_0000, 1);
        assert_eq!(rig.read(0x4001_0400), 1, "RUNSTATUS");
        rig.write(0x4001_0504, 1); // locked
        for _ in 0..3 {
            rig.pass(VirtualTime::from_ms(900));
            for channel in (0..8).filter(|channel| reloaded >> channel & 1 != 0) {
                rig.write(0x4001_0600 + 4 * channel, 0x6e52_4635);
            }
        }
        let request = rig.request();
        assert_eq!(
            request == Some(Request::Reset(ResetKind::Watchdog)),
            bites,
            "{rren:#b} {reloaded:#b}"
        );
    }
}

#[test]
fn the_watchdog_warns_two_ticks_before_it_bites() {
    let mut rig = Rig::new();
    rig.write(0x4001_0504, 99);
    rig.write(0x4001_0304, 1);
    rig.write(0x4001_0000, 1);
    assert_eq!(rig.pass_until(0x4001_0100).as_us(), 100 * 1_000_000 / 32_768);
    assert!(rig.fabric.irq_level(16));
    rig.write(0x4001_0600, 0x6e52_4635);
    rig.pass(VirtualTime::from_us(60));
    assert_eq!(rig.request(), None);
    rig.pass(VirtualTime::from_us(2));
    assert_eq!(rig.request(), Some(Request::Reset(ResetKind::Watchdog)));
}

#[test]
fn the_watchdog_outlives_a_software_reset_only() {
    for (kind, survives) in [
        (ResetKind::Software, true),
        (ResetKind::Pin, false),
        (ResetKind::Watchdog, false),
    ] {
        let mut rig = Rig::new();
        rig.write(0x4001_0504, 32_767);
        rig.write(0x4001_0000, 1);
        rig.pass(VirtualTime::from_ms(500));
        rig.reset(kind);
        assert_eq!(rig.read(0x4001_0400) == 1, survives, "{kind:?}");
        rig.pass(VirtualTime::from_ms(501));
        assert_eq!(rig.request().is_some(), survives, "{kind:?}");
    }
}

#[test]
fn egus_raise_what_is_triggered() {
    let mut rig = Rig::new();
    rig.write(0x4001_7300, 1 << 5);
    rig.write(0x4001_7014, 1);
    assert_eq!(rig.read(0x4001_7114), 1);
    assert!(rig.fabric.irq_level(23));
    rig.write(0x4001_7014, 0);
    rig.write(0x4001_7114, 0);
    assert!(!rig.fabric.irq_level(23));
}
