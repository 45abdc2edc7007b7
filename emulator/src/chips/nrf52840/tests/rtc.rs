//! RTC.

use super::*;
use crate::chips::nrf52840::lfclk::LFCLK_HZ;

const RTC1: u32 = 0x4001_1000;
const COMPARE0: u32 = RTC1 + 0x140;

fn ticks(count: u64) -> VirtualTime {
    VirtualTime::from_ticks(count, LFCLK_HZ)
}

/// LFCLK runs for 10 ms, RTC1 has `prescaler` and started on the edge that has just come.
fn started(prescaler: u32) -> Bench {
    let mut bench = Bench::new();
    bench.write(0x4000_0008, 1);
    bench.pass(VirtualTime::from_us(600) + ticks(327));
    bench.write(RTC1 + 0x508, prescaler);
    bench.write(RTC1, 1);
    bench.pass(ticks(1));
    bench
}

fn counter(bench: &mut Bench) -> u32 {
    bench.read(RTC1 + 0x504)
}

#[test]
fn counts_edges_of_lfclk() {
    for (prescaler, edges, count) in [
        (0, 1, 1),
        (0, 32_768, 32_768),
        (0, (1 << 24) + 3, 3),
        (32, 330, 10),
        (4_095, 4_095, 0),
    ] {
        let mut bench = started(prescaler);
        bench.pass(ticks(edges));
        assert_eq!(counter(&mut bench), count, "{prescaler}, {edges}");
    }
}

#[test]
fn stands_still_without_lfclk() {
    let mut bench = Bench::new();
    bench.write(RTC1, 1);
    bench.pass(VirtualTime::from_ms(100));
    assert_eq!(counter(&mut bench), 0);
    bench.write(0x4000_0008, 1);
    bench.pass(VirtualTime::from_us(600) + ticks(50));
    assert!((48..=50).contains(&counter(&mut bench)));
}

#[test]
fn compares_only_when_someone_listens() {
    for (evten, inten, comes) in [(0, 0, false), (1 << 16, 0, true), (0, 1 << 16, true)] {
        let mut bench = started(0);
        bench.write(RTC1 + 0x540, 100);
        bench.write(RTC1 + 0x344, evten);
        bench.write(RTC1 + 0x304, inten);
        bench.pass(ticks(101));
        assert_eq!(bench.read(COMPARE0) != 0, comes, "{evten:#x} {inten:#x}");
        assert_eq!(bench.fabric.irq_level(17), inten != 0);
    }
}

#[test]
fn a_compare_value_too_near_is_missed() {
    // PS 6.20.7: N and N + 1 may be missed (and are, here), N + 2 never is.
    for (ahead, expected) in [(0, None), (1, None), (2, Some(2)), (3, Some(3))] {
        let mut bench = started(0);
        bench.write(RTC1 + 0x344, 1 << 16);
        bench.pass(ticks(50));
        let now = counter(&mut bench);
        bench.write(RTC1 + 0x540, now + ahead);
        bench.pass(ticks(10));
        assert_eq!(bench.read(COMPARE0) != 0, expected.is_some(), "N + {ahead}");
        bench.write(COMPARE0, 0);
        bench.pass(ticks(1 << 24));
        assert_eq!(bench.read(COMPARE0), 1, "N + {ahead} in the next turn");
    }
}

#[test]
fn ticks_overflows_and_clears() {
    let mut bench = started(0);
    bench.write(RTC1 + 0x344, 0b11);
    bench.pass(ticks(1));
    assert_eq!(bench.read(RTC1 + 0x100), 1, "TICK");
    bench.write(RTC1 + 0x00c, 1);
    bench.pass(ticks(16));
    assert_eq!(bench.read(RTC1 + 0x104), 0);
    bench.pass(ticks(1));
    assert_eq!(bench.read(RTC1 + 0x104), 1, "OVRFLW");
    bench.pass(ticks(5));
    bench.write(RTC1 + 0x008, 1);
    bench.pass(ticks(1));
    assert_eq!(counter(&mut bench), 0, "CLEAR takes effect at the next edge");
    bench.write(RTC1 + 0x004, 1);
    bench.pass(ticks(9));
    assert_eq!(counter(&mut bench), 0, "STOP");
    assert_eq!(
        bench.try_read(RTC1 - 0x6000 + 0x54c),
        Err(AccessFault::Unmodelled),
        "RTC0 has three compares"
    );
}
