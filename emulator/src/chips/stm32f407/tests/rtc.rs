//! RTC on LSI, and its backup registers.

use super::super::map::RCC;
use super::*;

const RTC: u32 = 0x4000_2800;
const TR: u32 = RTC;
const DR: u32 = RTC + 0x04;
const CR: u32 = RTC + 0x08;
const ISR: u32 = RTC + 0x0c;
const PRER: u32 = RTC + 0x10;
const WPR: u32 = RTC + 0x24;
const EXTI: u32 = 0x4001_3c00;
const INIT: u32 = 1 << 7;
const INITF: u32 = 1 << 6;
const RSF: u32 = 1 << 5;

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

fn ms(ms: u64) -> VirtualTime {
    VirtualTime::from_ms(ms)
}

/// RTC on LSI, open.
fn clocked() -> Rig {
    let mut rig = Rig::clocked();
    for offset in [0x10, 0x14, 0x18, 0x20, 0x24] {
        rig.write(RCC + offset, 0);
    }
    rig.write(0x4000_7000, 1 << 8);
    rig.write(RCC + 0x74, 1);
    rig.write(RCC + 0x70, 2 << 8 | 1 << 15);
    open(&mut rig);
    rig
}

fn open(rig: &mut Rig) {
    rig.write(WPR, 0xca);
    rig.write(WPR, 0x53);
}

/// Sets time and date by way of initialisation mode.
fn set_to(rig: &mut Rig, tr: u32, dr: u32) {
    rig.write(ISR, INIT);
    rig.pass(us(100));
    assert_eq!(rig.read(ISR) & INITF, INITF);
    // 128 by 250 of 32 kHz: a second.
    rig.write(PRER, 127 << 16 | 249);
    rig.write(TR, tr);
    rig.write(DR, dr);
    rig.write(ISR, 0);
}

#[test]
fn it_counts_from_a_whole_second_on() {
    let mut rig = clocked();
    // A Monday, 28 February 2028.
    set_to(&mut rig, 0x23_59_58, 0x28_22_28);
    rig.pass(ms(999));
    assert_eq!((rig.read(TR), rig.read(DR)), (0x23_59_58, 0x28_22_28));
    rig.pass(ms(1));
    assert_eq!((rig.read(TR), rig.read(DR)), (0x23_59_59, 0x28_22_28));
    rig.pass(ms(500));
    assert_eq!(rig.read(RTC + 0x28), 124, "SSR counts down");
    rig.pass(ms(500));
    assert_eq!(
        (rig.read(TR), rig.read(DR)),
        (0x23_59_59, 0x28_22_28),
        "as they were when SSR was read"
    );
    assert_eq!((rig.read(TR), rig.read(DR)), (0, 0x28_42_29));
    // A field after the other, each with the rest as it reads: nothing is kept in initialisation mode.
    for (mask, field) in [(0x3f << 16, 0x12_00_00), (0x7f << 8, 0x34_00)] {
        rig.write(ISR, INIT);
        rig.pass(us(100));
        let rest = rig.read(TR) & !mask;
        rig.write(TR, rest | field);
        rig.write(ISR, 0);
    }
    assert_eq!((rig.read(TR), rig.read(DR)), (0x12_34_00, 0x28_42_29));
    set_to(&mut rig, 0, 0x28_42_29);
    rig.write(CR, 1 << 5);
    rig.read(TR);
    rig.pass(ms(86_400_000));
    assert_eq!((rig.read(TR), rig.read(DR)), (0, 0x28_63_01), "BYPSHAD: a Wednesday");
}

#[test]
fn initialisation_mode_follows_two_cycles_later_and_opens_the_counters() {
    let mut rig = clocked();
    rig.faults();
    rig.write(TR, 0x12_00_00);
    assert_eq!(
        (rig.read(TR), rig.faults()),
        (0, vec![AccessFault::Denied]),
        "only in INITF"
    );
    rig.read(DR);
    rig.write(ISR, INIT);
    rig.pass(us(62));
    assert_eq!(rig.read(ISR) & INITF, 0);
    rig.pass(us(1));
    assert_eq!(rig.read(ISR) & (INIT | INITF), INIT | INITF);
    rig.write(TR, 0x12_00_00);
    rig.pass(ms(5_000));
    assert_eq!(rig.read(TR), 0x12_00_00, "it stands still");
    rig.read(DR);
    rig.write(ISR, 0);
    assert_eq!(rig.read(ISR) & RSF, 0);
    rig.pass(us(126));
    assert_eq!(rig.read(ISR) & RSF, RSF);
    rig.write(ISR, 0);
    rig.pass(us(63));
    assert_eq!(rig.read(ISR) & (RSF | INITF), RSF);
}

#[test]
fn keys_and_pwr_protect_it_and_not_the_backup_registers() {
    let mut rig = clocked();
    rig.write(WPR, 0);
    rig.faults();
    rig.write(ISR, INIT);
    assert_eq!((rig.read(ISR) & INIT, rig.faults()), (0, vec![AccessFault::Denied]));
    rig.write(RTC + 0x50, 0x1234_5678);
    rig.write(RTC + 0x9c, 9);
    rig.write(0x4000_7000, 0);
    rig.write(RTC + 0x50, 0);
    assert_eq!(rig.faults(), [AccessFault::Denied], "DBP");
    rig.reset(ResetKind::Software);
    assert_eq!((rig.read(RTC + 0x50), rig.read(RTC + 0x9c)), (0x1234_5678, 9));
    rig.reset(ResetKind::PowerOn);
    assert_eq!(rig.read(RTC + 0x50), 0);
}

#[test]
fn an_alarm_interrupts_by_exti_where_its_fields_are_equal() {
    let mut rig = clocked();
    set_to(&mut rig, 0x07_59_57, 0x26_41_01);
    // 8:00:00 of any day.
    rig.write(RTC + 0x1c, 1 << 31 | 0x08_00_00);
    // Each minute, alarm B.
    rig.write(RTC + 0x20, 1 << 31 | 1 << 23 | 1 << 15 | 0x58);
    rig.write(EXTI, 1 << 17);
    rig.write(EXTI + 0x08, 1 << 17);
    rig.write(CR, 1 << 12 | 3 << 8);
    rig.pass(ms(1_000));
    assert_eq!(rig.read(ISR) >> 8 & 3, 2, "alarm B has no interrupt");
    assert!(!rig.fabric.irq_level(41));
    rig.pass(ms(1_999));
    assert!(!rig.fabric.irq_level(41));
    rig.pass(ms(1));
    assert_eq!(rig.read(ISR) >> 8 & 3, 3);
    assert!(rig.fabric.irq_level(41));
    rig.write(ISR, 0);
    rig.write(EXTI + 0x14, 1 << 17);
    assert_eq!((rig.read(ISR) >> 8 & 3, rig.fabric.irq_level(41)), (0, false));
    // 24 hours later, by the weekday.
    rig.write(RTC + 0x1c, 1 << 30 | 3 << 24 | 0x08_00_00);
    rig.pass(ms(86_400_000));
    assert_eq!(rig.read(ISR) >> 8 & 1, 1, "1 January 2026 was set as a Tuesday");
}

#[test]
fn the_wake_up_timer_repeats_by_either_clock() {
    for (wucksel, wutr, span) in [(3, 15_999, ms(1_000)), (0, 1_999, ms(1_000)), (4, 1, ms(2_000))] {
        let mut rig = clocked();
        set_to(&mut rig, 0, 0x2101);
        rig.write(RTC + 0x14, wutr);
        rig.write(EXTI, 1 << 22);
        rig.write(EXTI + 0x08, 1 << 22);
        rig.write(CR, 1 << 14 | 1 << 10 | wucksel);
        for _ in 0..3 {
            // A cycle of LSI had begun when it was started.
            rig.pass(span - us(32));
            assert!(!rig.fabric.irq_level(3), "WUCKSEL {wucksel}");
            rig.pass(us(32));
            assert!(rig.fabric.irq_level(3), "WUCKSEL {wucksel}");
            rig.write(ISR, 0);
            rig.write(EXTI + 0x14, 1 << 22);
        }
    }
}

#[test]
fn it_goes_on_through_a_reset_and_not_without_its_clock() {
    let mut rig = clocked();
    set_to(&mut rig, 0, 0x2101);
    rig.pass(ms(1_500));
    rig.reset(ResetKind::Software);
    rig.write(RCC + 0x40, 1 << 28);
    // LSI is off behind the reset.
    rig.pass(ms(5_000));
    assert_eq!(rig.read(TR), 1);
    rig.read(DR);
    rig.write(RCC + 0x74, 1);
    rig.pass(ms(500));
    assert_eq!(rig.read(TR), 2);
    rig.write(0x4000_7000, 1 << 8);
    rig.write(RCC + 0x70, 1 << 16);
    rig.read(DR);
    assert_eq!((rig.read(TR), rig.read(DR)), (0, 0x2101), "BDRST");
}

#[test]
fn what_it_cannot_do_is_refused() {
    let mut rig = clocked();
    for (addr, value) in [
        (CR, 1 << 6),
        (CR, 1 << 11),
        (CR, 1 << 23),
        (RTC + 0x40, 1),
        (RTC + 0x44, 1 << 24),
        (RTC + 0x3c, 1),
    ] {
        assert_eq!(rig.try_write(addr, value), Err(AccessFault::UnmodelledUse), "{addr:#x}");
    }
    assert_eq!(
        rig.try_write(RCC + 0x70, 3 << 8 | 1 << 15),
        Err(AccessFault::UnmodelledUse),
        "HSE"
    );
}
