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
    for (index, base) in super::super::map::TIMERS.into_iter().enumerate() {
        let mut rig = timer(base, 0, 9);
        rig.write(base + 0x0c, 1);
        rig.write(base, 1);
        rig.pass(us(1));
        let irq = [25, 28, 29, 30, 50, 54, 55, 44, 24, 25, 26, 43, 44, 45][index];
        assert!(rig.fabric.irq_level(irq), "TIM{}", index + 1);
    }
}

const SR: u32 = 0x10;
const CCMR1: u32 = 0x18;
const CCER: u32 = 0x20;
/// PC6 and PC7, channels 1 and 2 of TIM3.
const PC6: u16 = 2 * 32 + 6;
const PC7: u16 = 2 * 32 + 7;

/// TIM3 counting microseconds to 99, with PC6 and PC7 as its channels' pins.
fn on_pins() -> Rig {
    let mut rig = timer(TIM3, 15, 99);
    rig.write(0x4002_0820, 0x2200_0000);
    rig.write(0x4002_0800, 0xa000);
    rig.fabric.take_pin_changes();
    rig
}

/// The levels that PC6 was driven to, with their microseconds after `start`.
fn moves(rig: &mut Rig, start: VirtualTime) -> Vec<(u64, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes().into_iter().filter(|it| it.pin == PC6);
    changes.map(|it| ((it.at - start).as_us(), it.level)).collect()
}

#[test]
fn every_mode_of_comparison_drives_the_pin() {
    let (high, low) = (Some(true), Some(false));
    // CCMR1.OC1M, what PC6 does from the start of the counter on: the comparison is at 30, the period 100.
    for (mode, start, expected) in [
        (0, low, vec![]),
        (1, low, vec![(30, high)]),
        (2, low, vec![]),
        (3, low, vec![(30, high), (130, low), (230, high)]),
        (4, low, vec![]),
        (5, high, vec![]),
        (
            6,
            high,
            vec![(30, low), (100, high), (130, low), (200, high), (230, low)],
        ),
        (
            7,
            low,
            vec![(30, high), (100, low), (130, high), (200, low), (230, high)],
        ),
    ] {
        let mut rig = on_pins();
        rig.write(TIM3 + CCR1, 30);
        rig.write(TIM3 + CCMR1, mode << 4);
        rig.write(TIM3 + CCER, 1);
        assert_eq!(rig.chip.gpio.level(PC6), start, "mode {mode}");
        rig.fabric.take_pin_changes();
        rig.write(TIM3, 1);
        let begin = rig.fabric.now();
        rig.pass(us(250));
        assert_eq!(moves(&mut rig, begin), expected, "mode {mode}");
        assert_eq!(rig.read(TIM3 + SR) & 2, 2, "CC1IF in mode {mode}");
        // Inverted, and then off.
        let level = rig.chip.gpio.level(PC6);
        rig.write(TIM3 + CCER, 3);
        assert_eq!(rig.chip.gpio.level(PC6), level.map(|level| !level), "mode {mode}");
        rig.write(TIM3 + CCER, 0);
        assert_eq!(rig.chip.gpio.level(PC6), None, "mode {mode}");
    }
}

#[test]
fn a_preloaded_comparison_waits_for_the_update() {
    let mut rig = on_pins();
    rig.write(TIM3 + CCR1, 30);
    // PWM mode 1, OC1PE.
    rig.write(TIM3 + CCMR1, 6 << 4 | 1 << 3);
    rig.write(TIM3 + CCER, 1);
    rig.write(TIM3 + 0x14, 1);
    rig.fabric.take_pin_changes();
    rig.write(TIM3, 1);
    let begin = rig.fabric.now();
    rig.pass(us(10));
    rig.write(TIM3 + CCR1, 60);
    rig.pass(us(160));
    let (high, low) = (Some(true), Some(false));
    assert_eq!(moves(&mut rig, begin), [(30, low), (100, high), (160, low)]);
}

#[test]
fn the_outputs_of_an_advanced_timer_wait_for_moe() {
    const TIM1: u32 = 0x4001_0000;
    let mut rig = timer(TIM1, 15, 99);
    // PA8, AF1.
    rig.write(0x4002_0024, 1);
    rig.write(0x4002_0000, 0xa802_0000);
    rig.write(TIM1 + CCMR1, 5 << 4);
    rig.write(TIM1 + CCER, 1);
    assert_eq!(rig.chip.gpio.level(8), None);
    rig.write(TIM1 + 0x44, 1 << 15);
    assert_eq!(rig.chip.gpio.level(8), Some(true));
    assert_eq!(rig.try_write(TIM1 + CCER, 4), Err(AccessFault::UnmodelledUse), "CC1NE");
}

#[test]
fn edges_are_captured() {
    let mut rig = on_pins();
    // Channel 1 takes its own input at rising edges, channel 2 the same one at falling edges.
    rig.write(TIM3 + CCMR1, 2 << 8 | 1);
    rig.write(TIM3 + CCER, 1 | 3 << 4);
    rig.write(TIM3 + 0x0c, 1 << 2);
    rig.write(TIM3, 1);
    let drive = |rig: &mut Rig, level| {
        let (chip, fabric) = (&mut rig.chip, &mut rig.fabric);
        chip.pin_input(fabric, PC6, Some(level));
    };
    rig.pass(us(12));
    drive(&mut rig, true);
    rig.pass(us(30));
    assert!(!rig.fabric.irq_level(29));
    drive(&mut rig, false);
    assert!(rig.fabric.irq_level(29), "CC2IE");
    assert_eq!(rig.read(TIM3 + SR) & 0x6, 0x6);
    assert_eq!((rig.read(TIM3 + CCR1), rig.read(TIM3 + CCR1 + 4)), (12, 42));
    assert_eq!(rig.read(TIM3 + SR) & 0x6, 0, "taken");
    // Two edges without a load between them: overcapture.
    for level in [true, false, true] {
        rig.pass(us(5));
        drive(&mut rig, level);
    }
    assert_eq!(rig.read(TIM3 + SR) & 0x606, 0x206);
    rig.chip.pin_input(&mut rig.fabric, PC7, Some(true));
    assert_eq!(rig.try_write(TIM3 + CCMR1, 3), Err(AccessFault::UnmodelledUse), "TRC");
}
