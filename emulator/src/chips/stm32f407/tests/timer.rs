//! TIM.

use super::*;

const TIM2: u32 = 0x4000_0000;
const TIM3: u32 = 0x4000_0400;
const TIM6: u32 = 0x4000_1000;
const CNT: u32 = 0x24;
const PSC: u32 = 0x28;
const ARR: u32 = 0x2c;
const CCR1: u32 = 0x34;

/// Prescaler and reload at 16 MHz, loaded; UIF cleared.
fn timer(base: u32, psc: u32, arr: u32) -> Bench {
    let mut bench = Bench::clocked();
    bench.write(base + PSC, psc);
    bench.write(base + ARR, arr);
    bench.write(base + 0x14, 1);
    bench.write(base + 0x10, 0);
    bench
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn it_counts_and_overflows() {
    let mut bench = timer(TIM3, 15, 99);
    bench.write(TIM3, 1);
    bench.pass(us(42));
    assert_eq!((bench.read(TIM3 + CNT), bench.read(TIM3 + 0x10)), (42, 0));
    bench.pass(us(57));
    assert_eq!((bench.read(TIM3 + CNT), bench.read(TIM3 + 0x10) & 1), (99, 0));
    bench.pass(us(1));
    assert_eq!((bench.read(TIM3 + CNT), bench.read(TIM3 + 0x10) & 1), (0, 1));
    bench.write(TIM3, 0);
    bench.pass(us(7));
    assert_eq!(bench.read(TIM3 + CNT), 0, "stopped");
}

#[test]
fn updates_interrupt_at_each_overflow() {
    let mut bench = timer(TIM2, 15, 999);
    bench.write(TIM2 + 0x0c, 1);
    bench.write(TIM2, 1);
    for round in 0..3 {
        bench.pass(us(999));
        assert!(!bench.fabric.irq_level(28), "{round}");
        bench.pass(us(1));
        assert!(bench.fabric.irq_level(28), "{round}");
        bench.write(TIM2 + 0x10, 0);
        assert!(!bench.fabric.irq_level(28), "{round}");
    }
}

#[test]
fn channels_compare() {
    let mut bench = timer(TIM3, 15, 999);
    for (channel, value) in [(0, 100), (1, 400), (2, 1_500), (3, 999)] {
        bench.write(TIM3 + CCR1 + 4 * channel, value);
    }
    bench.write(TIM3 + 0x0c, 1 << 2);
    bench.write(TIM3, 1);
    bench.pass(us(399));
    assert_eq!(bench.read(TIM3 + 0x10), 1 << 1);
    assert!(!bench.fabric.irq_level(29));
    bench.pass(us(1));
    assert!(bench.fabric.irq_level(29));
    bench.pass(us(700));
    assert_eq!(bench.read(TIM3 + 0x10), 0b1_0111, "never 1,500");
}

#[test]
fn a_wide_timer_has_32_bits() {
    let mut bench = timer(TIM2, 0, u32::MAX);
    bench.write(TIM2, 1);
    bench.pass(us(10_000));
    assert_eq!(bench.read(TIM2 + CNT), 160_000);
    bench.write(TIM2 + CNT, 0xffff_fff0);
    bench.pass(us(2));
    assert_eq!(bench.read(TIM2 + CNT), 16);
    bench.write(TIM3 + ARR, u32::MAX);
    assert_eq!(bench.read(TIM3 + ARR), 0xffff);
}

#[test]
fn prescaler_and_preloaded_reload_wait_for_the_update() {
    let mut bench = timer(TIM3, 15, 99);
    bench.write(TIM3, 0x81);
    bench.pass(us(50));
    bench.write(TIM3 + PSC, 31);
    bench.write(TIM3 + ARR, 9);
    bench.pass(us(49));
    assert_eq!(bench.read(TIM3 + CNT), 99);
    bench.pass(us(1 + 18));
    assert_eq!(bench.read(TIM3 + CNT), 9);
    bench.pass(us(2));
    assert_eq!(bench.read(TIM3 + CNT), 0);
}

#[test]
fn one_pulse_ends_with_the_update() {
    let mut bench = timer(TIM3, 15, 99);
    bench.write(TIM3 + 0x0c, 1);
    bench.write(TIM3, 0x09);
    bench.pass(us(100));
    assert_eq!((bench.read(TIM3), bench.read(TIM3 + CNT)), (8, 0), "CEN is off");
    assert!(bench.fabric.irq_level(29));
}

#[test]
fn ug_updates_with_or_without_telling() {
    let mut bench = timer(TIM6, 0, 99);
    bench.write(TIM6 + 0x14, 1);
    assert_eq!(bench.read(TIM6 + 0x10), 1);
    bench.write(TIM6 + 0x10, 0);
    bench.write(TIM6, 4);
    bench.write(TIM6 + 0x14, 1);
    assert_eq!(bench.read(TIM6 + 0x10), 0, "URS");
}

#[test]
fn a_change_of_the_clock_leaves_the_count() {
    let mut bench = timer(TIM3, 15, 0xffff);
    bench.write(TIM3, 1);
    bench.pass(us(100));
    // HPRE: 8 MHz from now on.
    bench.write(0x4002_3808, 0x80);
    assert_eq!(bench.read(TIM3 + CNT), 100);
    bench.pass(us(100));
    assert_eq!(bench.read(TIM3 + CNT), 150);
}

#[test]
fn each_timer_has_its_line() {
    for (index, base) in super::super::TIMERS.into_iter().enumerate() {
        let mut bench = timer(base, 0, 9);
        bench.write(base + 0x0c, 1);
        bench.write(base, 1);
        bench.pass(us(1));
        let irq = [25, 28, 29, 30, 50, 54, 55, 44, 24, 25, 26, 43, 44, 45][index];
        assert!(bench.fabric.irq_level(irq), "TIM{}", index + 1);
    }
}
