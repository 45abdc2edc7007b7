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
fn timer(base: u32, psc: u32, arr: u32) -> Rig {
    let mut rig = Rig::clocked();
    rig.write(base + PSC, psc);
    rig.write(base + ARR, arr);
    rig.write(base + 0x14, 1);
    rig.write(base + 0x10, 0);
    rig
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn it_counts_and_overflows() {
    let mut rig = timer(TIM3, 15, 99);
    rig.write(TIM3, 1);
    rig.pass(us(42));
    assert_eq!((rig.read(TIM3 + CNT), rig.read(TIM3 + 0x10)), (42, 0));
    rig.pass(us(57));
    assert_eq!((rig.read(TIM3 + CNT), rig.read(TIM3 + 0x10) & 1), (99, 0));
    rig.pass(us(1));
    assert_eq!((rig.read(TIM3 + CNT), rig.read(TIM3 + 0x10) & 1), (0, 1));
    rig.write(TIM3, 0);
    rig.pass(us(7));
    assert_eq!(rig.read(TIM3 + CNT), 0, "stopped");
}

#[test]
fn updates_interrupt_at_each_overflow() {
    let mut rig = timer(TIM2, 15, 999);
    rig.write(TIM2 + 0x0c, 1);
    rig.write(TIM2, 1);
    for round in 0..3 {
        rig.pass(us(999));
        assert!(!rig.fabric.irq_level(28), "{round}");
        rig.pass(us(1));
        assert!(rig.fabric.irq_level(28), "{round}");
        rig.write(TIM2 + 0x10, 0);
        assert!(!rig.fabric.irq_level(28), "{round}");
    }
}

#[test]
fn channels_compare() {
    let mut rig = timer(TIM3, 15, 999);
    for (channel, value) in [(0, 100), (1, 400), (2, 1_500), (3, 999)] {
        rig.write(TIM3 + CCR1 + 4 * channel, value);
    }
    rig.write(TIM3 + 0x0c, 1 << 2);
    rig.write(TIM3, 1);
    rig.pass(us(399));
    assert_eq!(rig.read(TIM3 + 0x10), 1 << 1);
    assert!(!rig.fabric.irq_level(29));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(29));
    rig.pass(us(700));
    assert_eq!(rig.read(TIM3 + 0x10), 0b1_0111, "never 1,500");
}

#[test]
fn a_wide_timer_has_32_bits() {
    let mut rig = timer(TIM2, 0, u32::MAX);
    rig.write(TIM2, 1);
    rig.pass(us(10_000));
    assert_eq!(rig.read(TIM2 + CNT), 160_000);
    rig.write(TIM2 + CNT, 0xffff_fff0);
    rig.pass(us(2));
    assert_eq!(rig.read(TIM2 + CNT), 16);
    rig.write(TIM3 + ARR, u32::MAX);
    assert_eq!(rig.read(TIM3 + ARR), 0xffff);
}

#[test]
fn prescaler_and_preloaded_reload_wait_for_the_update() {
    let mut rig = timer(TIM3, 15, 99);
    rig.write(TIM3, 0x81);
    rig.pass(us(50));
    rig.write(TIM3 + PSC, 31);
    rig.write(TIM3 + ARR, 9);
    rig.pass(us(49));
    assert_eq!(rig.read(TIM3 + CNT), 99);
    rig.pass(us(1 + 18));
    assert_eq!(rig.read(TIM3 + CNT), 9);
    rig.pass(us(2));
    assert_eq!(rig.read(TIM3 + CNT), 0);
}

#[test]
fn one_pulse_ends_with_the_update() {
    let mut rig = timer(TIM3, 15, 99);
    rig.write(TIM3 + 0x0c, 1);
    rig.write(TIM3, 0x09);
    rig.pass(us(100));
    assert_eq!((rig.read(TIM3), rig.read(TIM3 + CNT)), (8, 0), "CEN is off");
    assert!(rig.fabric.irq_level(29));
}

#[test]
fn ug_updates_with_or_without_telling() {
    let mut rig = timer(TIM6, 0, 99);
    rig.write(TIM6 + 0x14, 1);
    assert_eq!(rig.read(TIM6 + 0x10), 1);
    rig.write(TIM6 + 0x10, 0);
    rig.write(TIM6, 4);
    rig.write(TIM6 + 0x14, 1);
    assert_eq!(rig.read(TIM6 + 0x10), 0, "URS");
}

#[test]
fn a_change_of_the_clock_leaves_the_count() {
    let mut rig = timer(TIM3, 15, 0xffff);
    rig.write(TIM3, 1);
    rig.pass(us(100));
    // HPRE: 8 MHz from now on.
    rig.write(0x4002_3808, 0x80);
    assert_eq!(rig.read(TIM3 + CNT), 100);
    rig.pass(us(100));
    assert_eq!(rig.read(TIM3 + CNT), 150);
}

#[test]
fn each_timer_has_its_line() {
    for (index, base) in super::super::TIMERS.into_iter().enumerate() {
        let mut rig = timer(base, 0, 9);
        rig.write(base + 0x0c, 1);
        rig.write(base, 1);
        rig.pass(us(1));
        let irq = [25, 28, 29, 30, 50, 54, 55, 44, 24, 25, 26, 43, 44, 45][index];
        assert!(rig.fabric.irq_level(irq), "TIM{}", index + 1);
    }
}
