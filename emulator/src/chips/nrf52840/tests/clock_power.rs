//! CLOCK and POWER.

use super::*;

const HFCLKSTARTED: u32 = 0x4000_0100;
const LFCLKSTARTED: u32 = 0x4000_0104;

#[test]
fn clocks_start_after_their_times() {
    for (source, us) in [(0, 600), (1, 250_000), (2, 100)] {
        let mut bench = Bench::new();
        bench.write(0x4000_0518, source);
        bench.write(0x4000_0008, 1);
        assert_eq!(bench.read(0x4000_0414), 1, "LFCLKRUN");
        assert_eq!(
            bench.pass_until(LFCLKSTARTED),
            VirtualTime::from_us(us),
            "source {source}"
        );
        bench.pass(VirtualTime::from_ms(1));
        assert_eq!(bench.read(0x4000_0418), 1 << 16 | source, "LFCLKSTAT");
    }
    let mut bench = Bench::new();
    bench.write(0x4000_0000, 1);
    assert_eq!(bench.read(0x4000_040c), 1 << 16, "HFINT until the crystal is there");
    assert_eq!(bench.pass_until(HFCLKSTARTED), VirtualTime::from_us(360));
    assert_eq!(bench.read(0x4000_040c), 1 << 16 | 1);
    bench.write(0x4000_0004, 1);
    assert_eq!(bench.read(0x4000_040c), 1 << 16);
}

#[test]
fn an_interrupt_follows_its_event_and_inten() {
    let mut bench = Bench::new();
    bench.write(0x4000_0000, 1);
    bench.pass_until(HFCLKSTARTED);
    assert!(!bench.fabric.irq_level(0));
    bench.write(0x4000_0304, 1);
    assert!(bench.fabric.irq_level(0));
    assert_eq!(bench.read(0x4000_0308), 1);
    bench.write(HFCLKSTARTED, 0);
    assert!(!bench.fabric.irq_level(0));
}

#[test]
fn reset_reasons_gather_and_retained_registers_last() {
    // PS 5.3.6.8: kind, RESETREAS afterwards, whether GPREGRET lasts.
    for (kind, reason, lasts) in [
        (ResetKind::PowerOn, 0, false),
        (ResetKind::Pin, 0x1, false),
        (ResetKind::Watchdog, 0x2, false),
        (ResetKind::Software, 0x4, true),
        (ResetKind::Lockup, 0x8, true),
        (ResetKind::WakeUp, 0x1_0000, true),
    ] {
        let mut bench = Bench::new();
        bench.write(0x4000_051c, 0xa5);
        bench.write(0x4000_0578, 1);
        bench.reset(kind);
        assert_eq!(bench.read(0x4000_0400), reason, "{kind:?}");
        assert_eq!(bench.read(0x4000_051c), if lasts { 0xa5 } else { 0 }, "{kind:?}");
        assert_eq!(bench.read(0x4000_0578), 0, "{kind:?}");
    }
    let mut bench = Bench::new();
    bench.reset(ResetKind::Software);
    bench.reset(ResetKind::Pin);
    assert_eq!(bench.read(0x4000_0400), 0x5);
    bench.write(0x4000_0400, 0x4);
    assert_eq!(bench.read(0x4000_0400), 0x1);
}

#[test]
fn system_off_ends_with_a_sensed_pin() {
    let mut bench = Bench::new();
    bench.write(0x5000_0700 + 4 * 11, 0x0003_000c); // pulled up, sense low
    bench.write(0x4000_0500, 1);
    assert_eq!(bench.request(), Some(Request::PowerOff));
    bench.chip.pin_input(&mut bench.fabric, 11, Some(false));
    assert_eq!(bench.request(), Some(Request::Reset(ResetKind::WakeUp)));
}
