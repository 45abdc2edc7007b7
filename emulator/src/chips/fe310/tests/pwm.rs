//! PWM0 to 2, and their outputs on the pins.

use super::*;

const PWM0: u32 = PWMS[0];
const PWM1: u32 = PWMS[1];
const CFG: u32 = 0;
const COUNT: u32 = 0x08;
const PWMS_REGISTER: u32 = 0x10;
const CMP: u32 = 0x20;
const STICKY: u32 = 1 << 8;
const ZEROCMP: u32 = 1 << 9;
const DEGLITCH: u32 = 1 << 10;
const ENALWAYS: u32 = 1 << 12;
const ENONESHOT: u32 = 1 << 13;
const IOF_EN: u32 = GPIO + 0x38;
const IOF_SEL: u32 = GPIO + 0x3c;
const OUT_XOR: u32 = GPIO + 0x40;

/// Cycles of the core's clock.
fn cycles(rig: &Rig, cycles: u64) -> VirtualTime {
    VirtualTime::from_ticks(cycles, rig.fabric.cpu_hz().into())
}

/// Lets time pass; returns at which cycles since then the pin changed, and its levels.
fn edges(rig: &mut Rig, pin: u16, span: u64) -> Vec<(u64, bool)> {
    let (start, hz) = (rig.fabric.now(), rig.fabric.cpu_hz());
    rig.fabric.take_pin_changes();
    rig.pass(cycles(rig, span));
    let changes = rig.fabric.take_pin_changes().into_iter();
    let changes = changes.filter(|change| change.pin == pin);
    // To the nearest cycle: the start is an instant that was rounded up to a picosecond.
    let half = VirtualTime::from_ticks(1, 2 * u64::from(hz));
    let since = |at: VirtualTime| (at.saturating_sub(start) + half).ticks(hz.into());
    changes
        .map(|change| (since(change.at), change.level == Some(true)))
        .collect()
}

#[test]
fn an_output_is_high_from_its_comparator_to_the_end_of_the_cycle() {
    let mut rig = Rig::new();
    rig.write(IOF_SEL, 1 << 19);
    rig.write(IOF_EN, 1 << 19);
    rig.write(PWM1 + CMP, 99);
    rig.write(PWM1 + CMP + 4, 30);
    rig.write(PWM1 + CFG, ENALWAYS | ZEROCMP | DEGLITCH);
    assert_eq!(
        edges(&mut rig, 19, 250),
        [(30, true), (100, false), (130, true), (200, false), (230, true)]
    );
    assert_eq!((rig.read(PWM1 + COUNT), rig.read(PWM1 + PWMS_REGISTER)), (50, 50));
    // As the HAL has it: the pin inverts.
    rig.write(OUT_XOR, 1 << 19);
    assert_eq!(edges(&mut rig, 19, 100), [(50, true), (80, false)]);
    rig.write(IOF_EN, 0);
    assert_eq!(edges(&mut rig, 19, 200), [], "the pin is not given to PWM");
}

#[test]
fn the_scale_and_the_width_of_the_comparators_make_the_period() {
    for (pwm, scale, period) in [(PWM0, 0, 256), (PWM0, 3, 2_048), (PWM1, 0, 65_536), (PWM1, 2, 262_144)] {
        let mut rig = Rig::new();
        rig.write(pwm + CFG, ENALWAYS | scale);
        rig.pass(cycles(&rig, period - 1));
        assert_eq!(rig.read(pwm + COUNT), period as u32 - 1);
        assert_eq!(rig.read(pwm + PWMS_REGISTER), (period as u32 - 1) >> scale);
        rig.pass(cycles(&rig, 1));
        assert_eq!(rig.read(pwm + COUNT), 0, "period {period}");
    }
    let mut rig = Rig::new();
    rig.write(PWM0 + CMP, 0x1234);
    assert_eq!(rig.read(PWM0 + CMP), 0x34, "eight bits");
}

#[test]
fn a_comparator_interrupts_until_it_is_false_or_with_sticky_for_good() {
    let mut rig = Rig::new();
    rig.write(PLIC + 4 * 45, 1);
    rig.write(PLIC + 0x2004, 1 << (45 - 32));
    for cmp in 0..4 {
        rig.write(PWM1 + CMP + 4 * cmp, 0xffff);
    }
    rig.write(PWM1 + CMP, 99);
    rig.write(PWM1 + CMP + 4, 50);
    rig.write(PWM1 + CFG, ENALWAYS | ZEROCMP);
    // Comparators of zero were true before.
    assert_eq!(rig.read(PLIC + 0x20_0004), 45);
    rig.write(PLIC + 0x20_0004, 45);
    rig.pass(cycles(&rig, 49));
    assert!(!rig.external());
    rig.pass(cycles(&rig, 1));
    assert!(rig.external());
    assert_eq!(rig.read(PWM1 + CFG) >> 28, 0b0010);
    rig.pass(cycles(&rig, 49));
    assert_eq!(rig.read(PWM1 + CFG) >> 28, 0b0011);
    rig.pass(cycles(&rig, 1));
    assert_eq!(rig.read(PWM1 + CFG) >> 28, 0, "the counter was reset");
    rig.write(PWM1 + CFG, ENALWAYS | ZEROCMP | STICKY);
    rig.pass(cycles(&rig, 100));
    assert_eq!(rig.read(PWM1 + CFG) >> 28, 0b0011);
    rig.write(PWM1 + CFG, ENALWAYS | ZEROCMP | STICKY);
    assert_eq!(rig.read(PWM1 + CFG) >> 28, 0, "cleared by a store");
}

#[test]
fn one_shot_ends_behind_one_cycle() {
    let mut rig = Rig::new();
    rig.write(PWM1 + CMP, 99);
    rig.write(PWM1 + CFG, ENONESHOT | ZEROCMP);
    rig.pass(cycles(&rig, 99));
    assert_eq!(
        (rig.read(PWM1 + COUNT), rig.read(PWM1 + CFG) & ENONESHOT),
        (99, ENONESHOT)
    );
    rig.pass(cycles(&rig, 500));
    assert_eq!((rig.read(PWM1 + COUNT), rig.read(PWM1 + CFG) & ENONESHOT), (0, 0));
}

#[test]
fn a_centred_output_is_high_around_the_middle_and_a_ganged_one_ends_at_the_next() {
    let mut rig = Rig::new();
    rig.write(IOF_SEL, 6);
    rig.write(IOF_EN, 6);
    for (cmp, value) in [(0, 0xff), (1, 100), (2, 0xff), (3, 0xff)] {
        rig.write(PWM0 + CMP + 4 * cmp, value);
    }
    rig.write(PWM0 + CFG, ENALWAYS | 1 << 17);
    assert_eq!(
        edges(&mut rig, 1, 512),
        [(100, true), (156, false), (356, true), (412, false)]
    );
    let mut rig = Rig::new();
    rig.write(IOF_SEL, 6);
    rig.write(IOF_EN, 6);
    for (cmp, value) in [(0, 0xff), (1, 100), (2, 150), (3, 0xff)] {
        rig.write(PWM0 + CMP + 4 * cmp, value);
    }
    rig.write(PWM0 + CFG, ENALWAYS | 1 << 25);
    assert_eq!(edges(&mut rig, 1, 256), [(100, true), (150, false)]);
}

#[test]
fn a_clock_that_changes_keeps_the_count() {
    let mut rig = Rig::new();
    let slow = rig.fabric.cpu_hz();
    rig.write(PWM1 + CFG, ENALWAYS);
    rig.pass(cycles(&rig, 1_000));
    // HFROSC, divided by one.
    rig.write(PRCI, 0x4010_0000);
    let fast = rig.fabric.cpu_hz();
    assert!(fast > slow);
    rig.pass(cycles(&rig, 1_000));
    assert_eq!(rig.read(PWM1 + COUNT), 2_000);
}
