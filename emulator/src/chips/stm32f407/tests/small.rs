//! RNG, IWDG, DBGMCU.

use super::*;
use crate::core::fabric::Request;

const RNG: u32 = 0x5006_0800;
const IWDG: u32 = 0x4000_3000;

#[test]
fn random_words_come_every_40_periods_of_the_48_mhz_clock() {
    let mut rig = Rig::new();
    super::clocks::at_168_mhz(&mut rig);
    rig.write(0x4002_3834, 1 << 6);
    rig.write(RNG, 4);
    rig.pass(VirtualTime::from_ns(833));
    assert_eq!((rig.read(RNG + 4), rig.read(RNG + 8)), (0, 0), "not yet");
    rig.pass(VirtualTime::from_ns(1));
    assert_eq!(rig.read(RNG + 4), 1, "DRDY");
    let one = rig.read(RNG + 8);
    assert_eq!(rig.read(RNG + 4), 0);
    rig.pass(VirtualTime::from_us(1));
    assert_ne!(rig.read(RNG + 8), one);
    rig.write(RNG, 4 | 8);
    assert!(!rig.fabric.irq_level(80));
    rig.pass(VirtualTime::from_us(1));
    assert!(rig.fabric.irq_level(80));
}

#[test]
fn without_the_48_mhz_clock_there_is_an_error_and_no_word() {
    let mut rig = Rig::clocked();
    rig.write(RNG, 4);
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!(rig.read(RNG + 4), 0x22, "CECS, CEIS");
    rig.write(RNG + 4, 0);
    assert_eq!(rig.read(RNG + 4), 0x02, "the clock is still wrong");
}

#[test]
fn the_watchdog_resets_unless_it_is_fed() {
    let mut rig = Rig::new();
    rig.write(IWDG + 4, 3);
    assert_eq!(rig.read(IWDG + 4), 0, "protected");
    rig.write(IWDG, 0x5555);
    rig.write(IWDG + 4, 3);
    rig.write(IWDG + 8, 999);
    assert_eq!(rig.read(IWDG + 12), 3, "PVU, RVU");
    rig.pass(VirtualTime::from_us(157));
    assert_eq!(rig.read(IWDG + 12), 0);
    rig.write(IWDG, 0xcccc);
    assert_eq!(rig.read(0x4002_3874) & 1, 1, "it switches LSI on");
    // 1,000 ticks of 1 kHz.
    for _ in 0..3 {
        rig.pass(VirtualTime::from_ms(999));
        assert_eq!(rig.fabric.take_request(), None);
        rig.write(IWDG, 0xaaaa);
    }
    rig.pass(VirtualTime::from_ms(1_000));
    assert_eq!(rig.fabric.take_request(), Some(Request::Reset(ResetKind::Watchdog)));
    rig.reset(ResetKind::Watchdog);
    assert_eq!(rig.read(IWDG + 8), 0xfff);
    rig.pass(VirtualTime::from_seconds(9));
    assert_eq!(rig.fabric.take_request(), None, "a reset stops it");
}

#[test]
fn the_debug_registers_hold_what_is_written() {
    let mut rig = Rig::new();
    rig.write(0xe004_2008, 1 << 12);
    assert_eq!(rig.read(0xe004_2008), 1 << 12);
    assert_eq!(rig.try_write(0xe004_2000, 0), Err(AccessFault::Denied));
}
