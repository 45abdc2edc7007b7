//! TIM3 driven by the edges at its first two inputs, PC6 and PC7.

use super::*;

const TIM3: u32 = 0x4000_0400;
const SMCR: u32 = TIM3 + 0x08;
const DIER: u32 = TIM3 + 0x0c;
const SR: u32 = TIM3 + 0x10;
const CCMR1: u32 = TIM3 + 0x18;
const CCER: u32 = TIM3 + 0x20;
const CNT: u32 = TIM3 + 0x24;
const ARR: u32 = TIM3 + 0x2c;
const CCR1: u32 = TIM3 + 0x34;
const CCR2: u32 = TIM3 + 0x38;
const GPIOC: u32 = 0x4002_0800;
const PC6: u16 = 2 * 32 + 6;
const PC7: u16 = 2 * 32 + 7;
const TIF: u32 = 1 << 6;

/// A MHz, inputs on their pins and captured.
fn on_pins() -> Rig {
    let mut rig = Rig::clocked();
    rig.write(GPIOC, 2 << 12 | 2 << 14);
    rig.write(GPIOC + 0x20, 2 << 24 | 2 << 28);
    rig.write(TIM3 + 0x28, 15);
    rig.write(ARR, 0xffff);
    rig.write(TIM3 + 0x14, 1);
    rig.write(SR, 0);
    rig.write(CCMR1, 1 << 8 | 1);
    rig
}

fn drive(rig: &mut Rig, pin: u16, level: bool) {
    rig.chip.pin_input(&mut rig.fabric, pin, Some(level));
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn a_pwm_is_measured_by_reset_mode() {
    let mut rig = on_pins();
    // Both channels take TI1: rising and falling; TI1FP1 resets (18.3.6).
    rig.write(CCMR1, 2 << 8 | 1);
    rig.write(CCER, 1 | 3 << 4);
    rig.write(SMCR, 5 << 4 | 4);
    rig.write(TIM3, 1);
    for _ in 0..3 {
        drive(&mut rig, PC6, true);
        rig.pass(us(30));
        drive(&mut rig, PC6, false);
        rig.pass(us(70));
    }
    drive(&mut rig, PC6, true);
    assert_eq!((rig.read(CCR1), rig.read(CCR2), rig.read(CNT)), (100, 30, 0));
    assert_eq!(
        rig.read(SR) & (TIF | 1),
        TIF | 1,
        "the update of a reset, and the trigger"
    );
}

#[test]
fn an_encoder_counts_its_edges_both_ways() {
    // Edges of TI1, of TI2, of both: counts in a turn of four edges.
    for (sms, counts) in [(2, 2), (1, 2), (3, 4)] {
        let mut rig = on_pins();
        rig.write(TIM3 + 0x28, 0);
        rig.write(TIM3 + 0x14, 1);
        rig.write(SR, 0);
        rig.write(ARR, 9);
        rig.write(SMCR, sms);
        rig.write(TIM3, 1);
        let forward = [(PC6, true), (PC7, true), (PC6, false), (PC7, false)];
        for (pin, level) in forward {
            drive(&mut rig, pin, level);
            rig.pass(us(1_000));
        }
        assert_eq!((rig.read(CNT), rig.read(TIM3) >> 4 & 1), (counts, 0), "SMS {sms}");
        for (pin, level) in forward.into_iter().rev() {
            drive(&mut rig, pin, !level);
        }
        assert_eq!((rig.read(CNT), rig.read(TIM3) >> 4 & 1), (0, 1), "SMS {sms}");
        assert_eq!(rig.read(SR) & 1, 0);
        drive(&mut rig, PC7, true);
        drive(&mut rig, PC6, true);
        assert_eq!(rig.read(CNT), 10 - counts / 2, "SMS {sms}: below zero is ARR");
        assert_eq!(rig.read(SR) & 1, 1);
    }
}

#[test]
fn a_program_may_write_the_direction_back_only_with_an_encoder() {
    let mut rig = on_pins();
    assert_eq!(rig.try_write(TIM3, 1 << 4 | 1), Err(AccessFault::UnmodelledUse));
    rig.write(SMCR, 3);
    rig.write(TIM3, 1 << 4 | 1);
    assert_eq!(rig.read(TIM3), 1, "DIR follows the edges");
}

#[test]
fn a_gate_lets_the_clock_through_while_it_is_high() {
    let mut rig = on_pins();
    rig.write(SMCR, 6 << 4 | 5);
    rig.write(TIM3, 1);
    rig.pass(us(50));
    assert_eq!(rig.read(CNT), 0);
    drive(&mut rig, PC7, true);
    rig.pass(us(20));
    drive(&mut rig, PC7, false);
    rig.pass(us(50));
    assert_eq!((rig.read(CNT), rig.read(SR) & TIF), (20, TIF));
    // The other polarity, and a level that is there already.
    rig.write(CCER, 1 << 5);
    rig.pass(us(5));
    assert_eq!(rig.read(CNT), 25);
}

#[test]
fn an_edge_starts_one_pulse_after_a_delay() {
    let mut rig = on_pins();
    // TI2 triggers; channel 3 is a pulse of 30 µs, 20 µs later (18.3.10), by mode 2 of PWM.
    rig.write(TIM3 + 0x1c, 7 << 4);
    rig.write(ARR, 49);
    rig.write(TIM3 + 0x3c, 20);
    rig.write(CCER, 1 << 8);
    rig.write(GPIOC, 2 << 12 | 2 << 14 | 2 << 16);
    rig.write(GPIOC + 0x24, 2);
    rig.write(DIER, TIF);
    rig.write(SMCR, 6 << 4 | 6);
    rig.write(TIM3, 1 << 3);
    rig.pass(us(100));
    assert_eq!(rig.read(CNT), 0);
    rig.fabric.take_pin_changes();
    let start = rig.fabric.now();
    drive(&mut rig, PC7, true);
    assert!(rig.fabric.irq_level(29), "TIE");
    rig.pass(us(200));
    let changes = rig
        .fabric
        .take_pin_changes()
        .into_iter()
        .filter(|it| it.pin == 2 * 32 + 8);
    let changes: Vec<_> = changes.map(|it| ((it.at - start).as_us(), it.level)).collect();
    assert_eq!(changes, [(20, Some(true)), (50, Some(false))]);
    assert_eq!(rig.read(TIM3) & 1, 0, "it stopped itself");
}

#[test]
fn edges_are_the_clock_through_the_prescaler() {
    let mut rig = on_pins();
    rig.write(TIM3 + 0x28, 1);
    rig.write(TIM3 + 0x14, 1);
    rig.write(SR, 0);
    rig.write(ARR, 2);
    rig.write(SMCR, 4 << 4 | 7);
    rig.write(TIM3, 1);
    for edge in 1..=5_u32 {
        drive(&mut rig, PC6, edge % 2 == 1);
        rig.pass(us(1_000));
        assert_eq!(rig.read(CNT), edge / 2, "both edges of TI1, by two");
    }
    assert_eq!(rig.read(SR) & 1, 0);
    drive(&mut rig, PC6, false);
    assert_eq!((rig.read(CNT), rig.read(SR) & 1), (0, 1));
}

#[test]
fn other_timers_and_etr_are_refused() {
    let mut rig = on_pins();
    for smcr in [4, 1 << 4 | 4, 7 << 4 | 6, 1 << 14, 5 << 4 | 4 | 1 << 8, 4 << 4 | 5] {
        assert_eq!(rig.try_write(SMCR, smcr), Err(AccessFault::UnmodelledUse), "{smcr:#x}");
    }
    assert_eq!(rig.try_write(0x4001_0008, 0), Ok(()), "TIM1");
    assert_eq!(
        rig.try_write(0x4001_000c, TIF),
        Err(AccessFault::UnmodelledUse),
        "TIM1's trigger"
    );
}
