//! RNG, IWDG, DBGMCU.

use super::*;
use crate::core::fabric::Request;

const RNG: u32 = 0x5006_0800;
const IWDG: u32 = 0x4000_3000;

#[test]
fn random_words_come_every_40_periods_of_the_48_mhz_clock() {
    let mut bench = Bench::new();
    super::clocks::at_168_mhz(&mut bench);
    bench.write(0x4002_3834, 1 << 6);
    bench.write(RNG, 4);
    bench.pass(VirtualTime::from_ns(833));
    assert_eq!((bench.read(RNG + 4), bench.read(RNG + 8)), (0, 0), "not yet");
    bench.pass(VirtualTime::from_ns(1));
    assert_eq!(bench.read(RNG + 4), 1, "DRDY");
    let one = bench.read(RNG + 8);
    assert_eq!(bench.read(RNG + 4), 0);
    bench.pass(VirtualTime::from_us(1));
    assert_ne!(bench.read(RNG + 8), one);
    bench.write(RNG, 4 | 8);
    assert!(!bench.fabric.irq_level(80));
    bench.pass(VirtualTime::from_us(1));
    assert!(bench.fabric.irq_level(80));
}

#[test]
fn without_the_48_mhz_clock_there_is_an_error_and_no_word() {
    let mut bench = Bench::clocked();
    bench.write(RNG, 4);
    bench.pass(VirtualTime::from_ms(1));
    assert_eq!(bench.read(RNG + 4), 0x22, "CECS, CEIS");
    bench.write(RNG + 4, 0);
    assert_eq!(bench.read(RNG + 4), 0x02, "the clock is still wrong");
}

#[test]
fn the_watchdog_resets_unless_it_is_fed() {
    let mut bench = Bench::new();
    bench.write(IWDG + 4, 3);
    assert_eq!(bench.read(IWDG + 4), 0, "protected");
    bench.write(IWDG, 0x5555);
    bench.write(IWDG + 4, 3);
    bench.write(IWDG + 8, 999);
    assert_eq!(bench.read(IWDG + 12), 3, "PVU, RVU");
    bench.pass(VirtualTime::from_us(157));
    assert_eq!(bench.read(IWDG + 12), 0);
    bench.write(IWDG, 0xcccc);
    assert_eq!(bench.read(0x4002_3874) & 1, 1, "it switches LSI on");
    // 1,000 ticks of 1 kHz.
    for _ in 0..3 {
        bench.pass(VirtualTime::from_ms(999));
        assert_eq!(bench.fabric.take_request(), None);
        bench.write(IWDG, 0xaaaa);
    }
    bench.pass(VirtualTime::from_ms(1_000));
    assert_eq!(bench.fabric.take_request(), Some(Request::Reset(ResetKind::Watchdog)));
    bench.reset(ResetKind::Watchdog);
    assert_eq!(bench.read(IWDG + 8), 0xfff);
    bench.pass(VirtualTime::from_seconds(9));
    assert_eq!(bench.fabric.take_request(), None, "a reset stops it");
}

#[test]
fn the_debug_registers_hold_what_is_written() {
    let mut bench = Bench::new();
    bench.write(0xe004_2008, 1 << 12);
    assert_eq!(bench.read(0xe004_2008), 1 << 12);
    assert_eq!(bench.try_write(0xe004_2000, 0), Err(AccessFault::Denied));
}
