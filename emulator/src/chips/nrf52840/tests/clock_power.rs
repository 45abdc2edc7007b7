//! CLOCK and POWER.

use super::*;

const HFCLKSTARTED: u32 = 0x4000_0100;
const LFCLKSTARTED: u32 = 0x4000_0104;

#[test]
fn clocks_start_after_their_times() {
    for (source, us) in [(0, 600), (1, 250_000), (2, 100)] {
        let mut rig = Rig::new();
        rig.write(0x4000_0518, source);
        rig.write(0x4000_0008, 1);
        assert_eq!(rig.read(0x4000_0414), 1, "LFCLKRUN");
        assert_eq!(
            rig.pass_until(LFCLKSTARTED),
            VirtualTime::from_us(us),
            "source {source}"
        );
        rig.pass(VirtualTime::from_ms(1));
        assert_eq!(rig.read(0x4000_0418), 1 << 16 | source, "LFCLKSTAT");
    }
    let mut rig = Rig::new();
    rig.write(0x4000_0000, 1);
    assert_eq!(rig.read(0x4000_040c), 1 << 16, "HFINT until the crystal is there");
    assert_eq!(rig.pass_until(HFCLKSTARTED), VirtualTime::from_us(360));
    assert_eq!(rig.read(0x4000_040c), 1 << 16 | 1);
    rig.write(0x4000_0004, 1);
    assert_eq!(rig.read(0x4000_040c), 1 << 16);
}

#[test]
fn an_interrupt_follows_its_event_and_inten() {
    let mut rig = Rig::new();
    rig.write(0x4000_0000, 1);
    rig.pass_until(HFCLKSTARTED);
    assert!(!rig.fabric.irq_level(0));
    rig.write(0x4000_0304, 1);
    assert!(rig.fabric.irq_level(0));
    assert_eq!(rig.read(0x4000_0308), 1);
    rig.write(HFCLKSTARTED, 0);
    assert!(!rig.fabric.irq_level(0));
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
        let mut rig = Rig::new();
        rig.write(0x4000_051c, 0xa5);
        rig.write(0x4000_0578, 1);
        rig.reset(kind);
        assert_eq!(rig.read(0x4000_0400), reason, "{kind:?}");
        assert_eq!(rig.read(0x4000_051c), if lasts { 0xa5 } else { 0 }, "{kind:?}");
        assert_eq!(rig.read(0x4000_0578), 0, "{kind:?}");
    }
    let mut rig = Rig::new();
    rig.reset(ResetKind::Software);
    rig.reset(ResetKind::Pin);
    assert_eq!(rig.read(0x4000_0400), 0x5);
    rig.write(0x4000_0400, 0x4);
    assert_eq!(rig.read(0x4000_0400), 0x1);
}

#[test]
fn system_off_ends_with_a_sensed_pin() {
    let mut rig = Rig::new();
    rig.write(0x5000_0700 + 4 * 11, 0x0003_000c); // pulled up, sense low
    rig.write(0x4000_0500, 1);
    assert_eq!(rig.request(), Some(Request::PowerOff));
    rig.chip.pin_input(&mut rig.fabric, 11, Some(false));
    assert_eq!(rig.request(), Some(Request::Reset(ResetKind::WakeUp)));
}
