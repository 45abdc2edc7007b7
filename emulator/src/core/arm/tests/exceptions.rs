//! Entry, return, priorities, masks, tail-chaining, late arrival.

use super::{MAIN, Rig, STACK};
use crate::core::arm::Limits;
use crate::core::arm::cycles::{EXCEPTION_ENTRY, EXCEPTION_RETURN, TAIL_CHAIN};
use crate::core::fabric::ResetKind;

/// An interrupt's exception number.
const fn irq(line: u32) -> u32 {
    16 + line
}

#[test]
fn supervisor_call_stacks_the_frame_and_returns_behind_itself() {
    let rig = Rig::new(&[
        0x2001, // movs r0, #1
        0x2102, // movs r1, #2
        0x2203, // movs r2, #3
        0x2304, // movs r3, #4
        0x469c, // mov ip, r3
        0x4696, // mov lr, r2
        0x4280, // cmp r0, r0
        0xdf07, // svc 7
        0xbeab, // bkpt 0x00ab
    ])
    .handler(
        11,
        0x200,
        &[
            0x466c, // mov r4, sp
            0x4675, // mov r5, lr
            0xf3ef, 0x8603, // mrs r6, PSR
            0x2009, // movs r0, #9
            0x2309, // movs r3, #9
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(4), STACK - 32);
    assert_eq!(rig.r(5), 0xffff_fff9);
    assert_eq!(rig.r(6) & 0x1ff, 11);
    let frame: Vec<u32> = (0..8).map(|word| rig.at(STACK - 32 + 4 * word)).collect();
    // R0–R3, R12, LR, the address behind SVC, xPSR with Z, C and T.
    assert_eq!(frame, [1, 2, 3, 4, 4, 3, MAIN + 16, 0x6100_0000]);
    assert_eq!(
        [0, 1, 2, 3, 12, 14, 13].map(|index| rig.r(index)),
        [1, 2, 3, 4, 4, 3, STACK]
    );
}

#[test]
fn an_unaligned_stack_is_aligned_and_restored() {
    let rig = Rig::new(&[
        0xb081, // sub sp, #4
        0xdf00, // svc 0
        0x466d, // mov r5, sp
        0xbeab, // bkpt 0x00ab
    ])
    .handler(
        11,
        0x200,
        &[
            0x466c, // mov r4, sp
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(4), STACK - 40);
    assert_eq!(rig.at(STACK - 40 + 28) & 1 << 9, 1 << 9);
    assert_eq!(rig.r(5), STACK - 4);
}

#[test]
fn thread_mode_on_the_process_stack_is_left_and_found_again() {
    let rig = Rig::new(&[
        0x4807, // ldr r0, [pc, #28]
        0xf380, 0x8809, // msr PSP, r0
        0x2003, // movs r0, #3
        0xf380, 0x8814, // msr CONTROL, r0
        0xf3bf, 0x8f6f, // isb sy
        0xdf00, // svc 0
        0x466d, // mov r5, sp
        0xf3ef, 0x8614, // mrs r6, CONTROL
        0xf3ef, 0x8008, // mrs r0, MSP
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0x0800, 0x2000, // .word 0x20000800
    ])
    .handler(
        11,
        0x200,
        &[
            0x4674, // mov r4, lr
            0x466f, // mov r7, sp
            0xf3ef, 0x8814, // mrs r8, CONTROL
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(4), 0xffff_fffd);
    assert_eq!(rig.r(7), STACK);
    assert_eq!(rig.r(8), 1, "handlers use the main stack and are privileged");
    assert_eq!((rig.r(5), rig.r(6)), (0x2000_0800, 3));
    assert_eq!(rig.r(0), 0, "unprivileged code does not see MSP");
}

#[test]
fn a_more_urgent_interrupt_preempts_and_an_equal_one_waits() {
    // Lines 0 and 1 have priority 0x40, line 2 has 0x20. Line 0's handler raises 1, then 2; each appends its number.
    let append = &[
        0x013f, // lsls r7, r7, #4
        0xf3ef, 0x8405, // mrs r4, IPSR
        0x193f, // adds r7, r7, r4
        0x4770, // bx lr
    ];
    let rig = Rig::new(&[
        0x4804, // ldr r0, [pc, #16]
        0x2107, // movs r1, #7
        0x6001, // str r1, [r0, #0]
        0x4804, // ldr r0, [pc, #16]
        0x4904, // ldr r1, [pc, #16]
        0x6001, // str r1, [r0, #0]
        0x4d04, // ldr r5, [pc, #16]
        0x2100, // movs r1, #0
        0x6029, // str r1, [r5, #0]
        0xbeab, // bkpt 0x00ab
        0xe100, 0xe000, // .word 0xe000e100
        0xe400, 0xe000, // .word 0xe000e400
        0x4040, 0x0020, // .word 0x00204040
        0x0008, 0x4000, // .word 0x40000008
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x2701, // movs r7, #1
            0x2101, // movs r1, #1
            0x6029, // str r1, [r5, #0]
            0x013f, // lsls r7, r7, #4
            0x2102, // movs r1, #2
            0x6029, // str r1, [r5, #0]
            0x3705, // adds r7, #5
            0x4770, // bx lr
        ],
    )
    .handler(irq(1), 0x300, append)
    .handler(irq(2), 0x380, append)
    .run();
    // 1, then (0x10 << 4 | 18) from line 2 in the middle, + 5, then line 1 (17) after the end.
    let after_line_2 = (0x10 << 4) + 18;
    assert_eq!(rig.r(7), ((after_line_2 + 5) << 4) + 17);
}

#[test]
fn priority_grouping_makes_sub_priorities_that_do_not_preempt() {
    let rig = Rig::new(&[
        0x4806, // ldr r0, [pc, #24]
        0x4907, // ldr r1, [pc, #28]
        0x6001, // str r1, [r0, #0]
        0x4807, // ldr r0, [pc, #28]
        0x2103, // movs r1, #3
        0x6001, // str r1, [r0, #0]
        0x4806, // ldr r0, [pc, #24]
        0xf44f, 0x5101, // mov.w r1, #8256
        0x6001, // str r1, [r0, #0]
        0x4d05, // ldr r5, [pc, #20]
        0x2100, // movs r1, #0
        0x6029, // str r1, [r5, #0]
        0xbeab, // bkpt 0x00ab
        0xed0c, 0xe000, // .word 0xe000ed0c
        0x0700, 0x05fa, // .word 0x05fa0700
        0xe100, 0xe000, // .word 0xe000e100
        0xe400, 0xe000, // .word 0xe000e400
        0x0008, 0x4000, // .word 0x40000008
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x2101, // movs r1, #1
            0x6029, // str r1, [r5, #0]
            0x463e, // mov r6, r7
            0x4770, // bx lr
        ],
    )
    .handler(
        irq(1),
        0x300,
        &[
            0x2701, // movs r7, #1
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!((rig.r(6), rig.r(7)), (0, 1), "line 1 came after, not within, line 0");
}

#[test]
fn masks_hold_interrupts_back_until_they_are_lifted() {
    let rig = Rig::new(&[
        0x480c, // ldr r0, [pc, #48]
        0x2103, // movs r1, #3
        0x6001, // str r1, [r0, #0]
        0x480c, // ldr r0, [pc, #48]
        0xf44f, 0x4181, // mov.w r1, #16512
        0x6001, // str r1, [r0, #0]
        0x4d0b, // ldr r5, [pc, #44]
        0x2060, // movs r0, #96
        0xf380, 0x8811, // msr BASEPRI, r0
        0x2100, // movs r1, #0
        0x6029, // str r1, [r5, #0]
        0x463a, // mov r2, r7
        0x2101, // movs r1, #1
        0x6029, // str r1, [r5, #0]
        0x463b, // mov r3, r7
        0xb672, // cpsid i
        0x2000, // movs r0, #0
        0xf380, 0x8811, // msr BASEPRI, r0
        0x463c, // mov r4, r7
        0xb662, // cpsie i
        0x463e, // mov r6, r7
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xe100, 0xe000, // .word 0xe000e100
        0xe400, 0xe000, // .word 0xe000e400
        0x0008, 0x4000, // .word 0x40000008
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x3701, // adds r7, #1
            0x4770, // bx lr
        ],
    )
    .handler(
        irq(1),
        0x300,
        &[
            0x3710, // adds r7, #16
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!([2, 3, 4, 6].map(|index| rig.r(index)), [0, 16, 16, 17]);
}

#[test]
fn a_level_interrupt_comes_again_until_its_line_is_low() {
    let rig = Rig::new(&[
        0x4804, // ldr r0, [pc, #16]
        0x2101, // movs r1, #1
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0x2100, // movs r1, #0
        0x6029, // str r1, [r5, #0]
        0xbf00, // nop
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xe100, 0xe000, // .word 0xe000e100
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x3701, // adds r7, #1
            0x2f03, // cmp r7, #3
            0xbf08, // it eq
            0x6069, // streq r1, [r5, #4]
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(7), 3);
}

#[test]
fn back_to_back_handlers_share_one_frame() {
    // Both lines pend while PRIMASK is set; SP in the second handler shows that nothing was stacked again.
    let rig = Rig::new(&[
        0x4807, // ldr r0, [pc, #28]
        0x2103, // movs r1, #3
        0x6001, // str r1, [r0, #0]
        0x4807, // ldr r0, [pc, #28]
        0xb672, // cpsid i
        0x6001, // str r1, [r0, #0]
        0x4a06, // ldr r2, [pc, #24]
        0x4b07, // ldr r3, [pc, #28]
        0x2101, // movs r1, #1
        0x060c, // lsls r4, r1, #24
        0x601c, // str r4, [r3, #0]
        0x6011, // str r1, [r2, #0]
        0xb662, // cpsie i
        0x6856, // ldr r6, [r2, #4]
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0xe100, 0xe000, // .word 0xe000e100
        0xe200, 0xe000, // .word 0xe000e200
        0x1000, 0xe000, // .word 0xe0001000
        0xedfc, 0xe000, // .word 0xe000edfc
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x6854, // ldr r4, [r2, #4]
            0x46e8, // mov r8, sp
            0x4770, // bx lr
        ],
    )
    .handler(
        irq(1),
        0x300,
        &[
            0x6855, // ldr r5, [r2, #4]
            0x46e9, // mov r9, sp
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!((rig.r(8), rig.r(9)), (STACK - 32, STACK - 32));
    // From the first LDR (2 cycles) over MOV and BX (1 each) to the second.
    assert_eq!(rig.r(5) - rig.r(4), 4 + TAIL_CHAIN);
    assert_eq!(rig.r(6) - rig.r(5), 4 + EXCEPTION_RETURN);
}

#[test]
fn what_arrives_while_the_frame_is_stacked_goes_first() {
    // Line 0 (low) pends now, line 1 (urgent) five cycles later, during the stacking of line 0's frame.
    let rig = Rig::new(&[
        0x4806, // ldr r0, [pc, #24]
        0x2103, // movs r1, #3
        0x6001, // str r1, [r0, #0]
        0x4806, // ldr r0, [pc, #24]
        0xf04f, 0x0180, // mov.w r1, #128
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0x4904, // ldr r1, [pc, #16]
        0x60e9, // str r1, [r5, #12]
        0x2100, // movs r1, #0
        0x60a9, // str r1, [r5, #8]
        0xbeab, // bkpt 0x00ab
        0xe100, 0xe000, // .word 0xe000e100
        0xe400, 0xe000, // .word 0xe000e400
        0x0005, 0x0001, // .word 0x00010005
    ])
    .handler(
        irq(0),
        0x200,
        &[
            0x013f, // lsls r7, r7, #4
            0x3701, // adds r7, #1
            0x46e8, // mov r8, sp
            0x4770, // bx lr
        ],
    )
    .handler(
        irq(1),
        0x300,
        &[
            0x013f, // lsls r7, r7, #4
            0x3702, // adds r7, #2
            0x46e9, // mov r9, sp
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(7), 0x21);
    assert_eq!((rig.r(8), rig.r(9)), (STACK - 32, STACK - 32));
}

#[test]
fn an_interrupt_within_an_it_block_resumes_it_as_it_was() {
    // Restarted for each cycle at which line 0 may fall due; the block must always give the same result.
    for cycles in 1..16 {
        let mut rig = Rig::new(&[
            0x4809, // ldr r0, [pc, #36]
            0x2101, // movs r1, #1
            0x6001, // str r1, [r0, #0]
            0xf04f, 0x4580, // mov.w r5, #1073741824
            0x69a9, // ldr r1, [r5, #24]
            0xf04f, 0x5100, // mov.w r1, #536870912
            0x6809, // ldr r1, [r1, #0]
            0x2200, // movs r2, #0
            0x2300, // movs r3, #0
            0x60e9, // str r1, [r5, #12]
            0x2a00, // cmp r2, #0
            0xbf0b, // itete eq
            0x3201, // addeq r2, #1
            0x3202, // addne r2, #2
            0x3304, // addeq r3, #4
            0x3308, // addne r3, #8
            0x3601, // adds r6, #1
            0xbeab, // bkpt 0x00ab
            0xe100, 0xe000, // .word 0xe000e100
        ])
        .handler(
            irq(0),
            0x200,
            &[
                0x2401, // movs r4, #1
                0x2c00, // cmp r4, #0
                0x3701, // adds r7, #1
                0x4770, // bx lr
            ],
        );
        rig.word(0x2000_0000, cycles);
        rig = rig.run();
        assert_eq!(
            [2, 3, 6].map(|index| rig.r(index)),
            [1, 4, 1],
            "interrupted after {cycles} cycles"
        );
        assert!(rig.r(7) <= 1);
    }
}

#[test]
fn systick_comes_every_reload_plus_one_cycles() {
    let mut rig = Rig::new(&[
        0x4803, // ldr r0, [pc, #12]
        0x2163, // movs r1, #99
        0x6041, // str r1, [r0, #4]
        0x6081, // str r1, [r0, #8]
        0x2107, // movs r1, #7
        0x4a02, // ldr r2, [pc, #8]
        0x6001, // str r1, [r0, #0]
        0xe7fe, // b.n e
        0xe010, 0xe000, // .word 0xe000e010
        0x0018, 0x4000, // .word 0x40000018
    ])
    .handler(
        15,
        0x200,
        &[
            0x6813, // ldr r3, [r2, #0]
            0x3701, // adds r7, #1
            0x4770, // bx lr
        ],
    );
    rig.core.reset(ResetKind::Pin);
    let mut times = Vec::new();
    while times.len() < 20 {
        rig.core.run(Limits::instructions(rig.core.instructions() + 1));
        if rig.pc() == 0x202 {
            times.push(rig.r(3) / 15_625);
        }
        assert!(rig.core.instructions() < 10_000);
    }
    // The branch to itself takes three cycles, so each entry may be up to two late.
    for (index, time) in times.iter().enumerate() {
        let due = times[0] + 100 * index as u32;
        assert!(time.abs_diff(due) <= 2, "tick {index} at cycle {time}, due at {due}");
    }
}

#[test]
fn a_write_to_icsr_pends_pendsv_which_waits_for_its_turn() {
    let rig = Rig::new(&[
        0xdf00, // svc 0
        0xbeab, // bkpt 0x00ab
    ])
    .handler(
        11,
        0x200,
        &[
            0x4803, // ldr r0, [pc, #12]
            0xf04f, 0x5180, // mov.w r1, #268435456
            0x6001, // str r1, [r0, #0]
            0x6806, // ldr r6, [r0, #0]
            0x463d, // mov r5, r7
            0x4770, // bx lr
            0x0000, // .short 0x0000
            0xed04, 0xe000, // .word 0xe000ed04
        ],
    )
    .handler(
        14,
        0x300,
        &[
            0x2701, // movs r7, #1
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!((rig.r(5), rig.r(7)), (0, 1));
    assert_eq!(rig.r(6) & 0x1ff, 11, "VECTACTIVE");
    assert_eq!(rig.r(6) >> 12 & 0x1ff, 14, "VECTPENDING");
}

#[test]
fn entry_costs_what_the_cycle_model_says() {
    let rig = Rig::new(&[
        0x4a04, // ldr r2, [pc, #16]
        0x4b05, // ldr r3, [pc, #20]
        0x2101, // movs r1, #1
        0x060c, // lsls r4, r1, #24
        0x601c, // str r4, [r3, #0]
        0x6011, // str r1, [r2, #0]
        0x6854, // ldr r4, [r2, #4]
        0xdf00, // svc 0
        0x6856, // ldr r6, [r2, #4]
        0xbeab, // bkpt 0x00ab
        0x1000, 0xe000, // .word 0xe0001000
        0xedfc, 0xe000, // .word 0xe000edfc
    ])
    .handler(
        11,
        0x200,
        &[
            0x6855, // ldr r5, [r2, #4]
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!(rig.r(5) - rig.r(4), 2 + 1 + EXCEPTION_ENTRY);
    assert_eq!(rig.r(6) - rig.r(5), 2 + 1 + EXCEPTION_RETURN);
}
