//! WFI, WFE, SEV, sleep on exit, power-off and resets.

use super::{CYCLE, Rig};
use crate::core::arm::{Limits, StopReason};
use crate::core::fabric::ResetKind;
use crate::machine::VirtualTime;

/// Enables line 0, schedules a pulse on it in 1,000 cycles, and sleeps; R5 is the device.
const SLEEPER: &[u16] = &[
    0x4805, // ldr r0, [pc, #20]
    0x2101, // movs r1, #1
    0x6001, // str r1, [r0, #0]
    0xf04f, 0x4580, // mov.w r5, #1073741824
    0xf44f, 0x717a, // mov.w r1, #1000
    0x60e9, // str r1, [r5, #12]
    0xbf30, // wfi
    0x3601, // adds r6, #1
    0xbeab, // bkpt 0x00ab
    0x0000, // .short 0x0000
    0xe100, 0xe000, // .word 0xe000e100
];

const COUNT: &[u16] = &[
    0x3701, // adds r7, #1
    0x4770, // bx lr
];

#[test]
fn wfi_jumps_to_the_next_event() {
    let rig = Rig::new(SLEEPER).handler(16, 0x200, COUNT).run();
    assert_eq!((rig.r(6), rig.r(7)), (1, 1));
    assert!(
        rig.core.cycles() > 1_000 && rig.core.cycles() < 1_060,
        "{}",
        rig.core.cycles()
    );
    assert!(rig.core.slept_cycles() > 980);
    assert!(rig.core.instructions() < 15);
}

#[test]
fn a_masked_interrupt_wakes_wfi_but_is_not_taken() {
    let rig = Rig::new(&[
        0xb672, // cpsid i
        0x4805, // ldr r0, [pc, #20]
        0x2101, // movs r1, #1
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0x2164, // movs r1, #100
        0x60e9, // str r1, [r5, #12]
        0xbf30, // wfi
        0x463e, // mov r6, r7
        0xb662, // cpsie i
        0xbeab, // bkpt 0x00ab
        0xe100, 0xe000, // .word 0xe000e100
    ])
    .handler(16, 0x200, COUNT)
    .run();
    assert_eq!((rig.r(6), rig.r(7)), (0, 1));
}

#[test]
fn a_sleeping_machine_says_so_and_time_stands_when_asked() {
    let mut rig = Rig::new(SLEEPER).handler(16, 0x200, COUNT);
    rig.core.reset(ResetKind::Pin);
    let limits = Limits {
        stop_when_idle: true,
        ..Limits::until(VirtualTime::from_seconds(1))
    };
    assert_eq!(rig.core.run(limits), StopReason::Idle);
    let asleep = rig.core.now();
    assert!(asleep < VirtualTime::from_us(1));
    assert!(rig.core.next_due_at().unwrap() > asleep + VirtualTime::from_us(10));
    // To a time in between: it sleeps on.
    let between = asleep + VirtualTime::from_us(5);
    assert_eq!(rig.core.run(Limits::until(between)), StopReason::Time);
    assert!(rig.core.now() >= between && rig.core.now() < between + CYCLE);
    assert!(matches!(
        rig.core.run(Limits::until(VirtualTime::from_seconds(1))),
        StopReason::Semihosting { .. }
    ));
}

#[test]
fn nothing_to_wake_for_is_idle_for_ever() {
    let mut rig = Rig::new(&[
        0xbf30, // wfi
    ]);
    rig.core.reset(ResetKind::Pin);
    assert_eq!(rig.core.run(Limits::instructions(u64::MAX)), StopReason::Idle);
    assert_eq!(rig.core.instructions(), 1);
}

#[test]
fn wfe_takes_a_stored_event_and_else_sleeps() {
    let rig = Rig::new(&[
        0x4806, // ldr r0, [pc, #24]
        0x2101, // movs r1, #1
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0xf44f, 0x717a, // mov.w r1, #1000
        0x60e9, // str r1, [r5, #12]
        0xbf40, // sev
        0xbf20, // wfe
        0x463e, // mov r6, r7
        0xbf20, // wfe
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xe100, 0xe000, // .word 0xe000e100
    ])
    .handler(16, 0x200, COUNT)
    .run();
    assert_eq!((rig.r(6), rig.r(7)), (0, 1));
}

#[test]
fn sevonpend_wakes_wfe_by_an_interrupt_that_is_not_enabled() {
    let rig = Rig::new(&[
        0x4805, // ldr r0, [pc, #20]
        0x2110, // movs r1, #16
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0xf44f, 0x717a, // mov.w r1, #1000
        0x60e9, // str r1, [r5, #12]
        0xbf20, // wfe
        0x2601, // movs r6, #1
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xed10, 0xe000, // .word 0xe000ed10
    ])
    .run();
    assert_eq!((rig.r(6), rig.r(7)), (1, 0));
}

#[test]
fn sleep_on_exit_never_comes_back_to_thread_mode() {
    let mut rig = Rig::new(&[
        0x4805, // ldr r0, [pc, #20]
        0x2102, // movs r1, #2
        0x6001, // str r1, [r0, #0]
        0x4805, // ldr r0, [pc, #20]
        0x2101, // movs r1, #1
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0x60e9, // str r1, [r5, #12]
        0xbf30, // wfi
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xed10, 0xe000, // .word 0xe000ed10
        0xe100, 0xe000, // .word 0xe000e100
    ])
    .handler(
        16,
        0x200,
        &[
            0x3701, // adds r7, #1
            0x2f05, // cmp r7, #5
            0xda01, // bge.n a
            0x2164, // movs r1, #100
            0x60e9, // str r1, [r5, #12]
            0x4770, // bx lr
        ],
    );
    rig.word(4, 0x101);
    // The event's token is line 0 with 1 cycle: the line that R1 = 1 names is line 0 after 1 cycle.
    assert_eq!(rig.run_to(), StopReason::Time);
    assert_eq!(rig.r(7), 5);
}

#[test]
fn cyccnt_stands_while_the_core_sleeps() {
    let rig = Rig::new(&[
        0x4a08, // ldr r2, [pc, #32]
        0x4b09, // ldr r3, [pc, #36]
        0x2101, // movs r1, #1
        0x060c, // lsls r4, r1, #24
        0x601c, // str r4, [r3, #0]
        0x6011, // str r1, [r2, #0]
        0x4807, // ldr r0, [pc, #28]
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0xf44f, 0x717a, // mov.w r1, #1000
        0x60e9, // str r1, [r5, #12]
        0x6854, // ldr r4, [r2, #4]
        0xbf30, // wfi
        0x6856, // ldr r6, [r2, #4]
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0x1000, 0xe000, // .word 0xe0001000
        0xedfc, 0xe000, // .word 0xe000edfc
        0xe100, 0xe000, // .word 0xe000e100
    ])
    .handler(16, 0x200, COUNT)
    .run();
    assert!(rig.r(6) - rig.r(4) < 50, "{}", rig.r(6) - rig.r(4));
}

#[test]
fn a_reset_by_aircr_starts_over_and_keeps_ram() {
    let mut rig = Rig::new(&[
        0xf04f, 0x5000, // mov.w r0, #536870912
        0x6801, // ldr r1, [r0, #0]
        0x3101, // adds r1, #1
        0x6001, // str r1, [r0, #0]
        0x4802, // ldr r0, [pc, #8]
        0x4902, // ldr r1, [pc, #8]
        0x6001, // str r1, [r0, #0]
        0xe7fe, // b.n 10
        0x0000, // .short 0x0000
        0xed0c, 0xe000, // .word 0xe000ed0c
        0x0004, 0x05fa, // .word 0x05fa0004
    ]);
    rig.core.reset(ResetKind::Pin);
    for round in 1..=3 {
        let stop = rig.core.run(Limits::until(VirtualTime::from_seconds(1)));
        assert_eq!(stop, StopReason::Reset(ResetKind::Software));
        assert_eq!(rig.at(0x2000_0000), round);
        assert_eq!(rig.pc(), super::MAIN);
    }
    rig.core.reset(ResetKind::PowerOn);
    assert_eq!(rig.at(0x2000_0000), 0);
}

#[test]
fn a_chip_that_is_off_is_woken_by_a_pin() {
    let mut rig = Rig::new(&[
        0xf04f, 0x4080, // mov.w r0, #1073741824
        0x6140, // str r0, [r0, #20]
        0x2601, // movs r6, #1
        0xe7fe, // b.n 8
    ]);
    assert_eq!(rig.run_to(), StopReason::PowerOff);
    assert_eq!(rig.r(6), 0, "nothing ran after the write");
    assert_eq!(
        rig.core.run(Limits::until(VirtualTime::from_seconds(2))),
        StopReason::PowerOff
    );
    let (chip, fabric) = rig.core.chip_mut();
    chip.pin_input(fabric, 0, Some(true));
    let limits = Limits::until(VirtualTime::from_seconds(2));
    assert_eq!(rig.core.run(limits), StopReason::Reset(ResetKind::WakeUp));
    assert_eq!(rig.core.run(limits), StopReason::PowerOff);
}

/// Stores `value` to `addr` with SEVONPEND set and no event stored, then sleeps until an event; R6 is 1 behind it.
fn sleeps_after_pending(addr: u32, value: u32) -> Rig {
    Rig::new(&[
        0x4807, // ldr r0, [pc, #28]
        0x2110, // movs r1, #16
        0x6001, // str r1, [r0, #0]
        0x4807, // ldr r0, [pc, #28]
        0x4907, // ldr r1, [pc, #28]
        0xbf40, // sev
        0xbf20, // wfe
        0x6001, // str r1, [r0, #0]
        0xbf20, // wfe
        0x2601, // movs r6, #1
        0xbf20, // wfe
        0x2602, // movs r6, #2
        0xe7fe, // b.n .
        0x0000,
        0x0000,
        0x0000,
        0xed10,
        0xe000, // .word 0xe000ed10
        addr as u16,
        (addr >> 16) as u16,
        value as u16,
        (value >> 16) as u16,
    ])
}

#[test]
fn sevonpend_hears_software_that_pends() {
    // ISPR0 and STIR, of a line that is not enabled.
    for (addr, value) in [(0xe000_e200, 1 << 3), (0xe000_ef00, 3)] {
        let mut rig = sleeps_after_pending(addr, value);
        rig.run_to();
        assert_eq!(rig.r(6), 1, "{addr:#x}: once, and not while it stays pending");
    }
}
