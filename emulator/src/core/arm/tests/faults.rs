//! Faults: which exception, which status bits, escalation, lockup.

use super::{Rig, STACK};
use crate::core::arm::{Fault, Lockup, StopReason};
use crate::core::fabric::AccessFault;

/// Enables MemManage, BusFault and UsageFault, then continues at 0x140.
const ENABLE: &[u16] = &[
    0x4802, // ldr r0, [pc, #8]
    0xf44f, 0x21e0, // mov.w r1, #458752
    0x6001, // str r1, [r0, #0]
    0xe01a, // b.n 40
    0x0000, // .short 0x0000
    0xed24, 0xe000, // .word 0xe000ed24
];

/// A handler that reads CFSR, HFSR, BFAR, the stacked PC and IPSR into R4–R8 and stops.
const REPORT: &[u16] = &[
    0x4804, // ldr r0, [pc, #16]
    0x6804, // ldr r4, [r0, #0]
    0x6845, // ldr r5, [r0, #4]
    0x6906, // ldr r6, [r0, #16]
    0x9f06, // ldr r7, [sp, #24]
    0xf3ef, 0x8805, // mrs r8, IPSR
    0xbeab, // bkpt 0x00ab
    0xbf00, // nop
    0x0000, // .short 0x0000
    0xed28, 0xe000, // .word 0xe000ed28
];

/// The fault that the code at 0x140 raises: exception, CFSR, HFSR and stacked PC relative to it.
struct Expected {
    exception: u32,
    cfsr: u32,
    hfsr: u32,
    pc: u32,
}

fn check(code: &[u16], enabled: bool, expected: &Expected) -> Rig {
    let mut rig = Rig::new(if enabled {
        ENABLE
    } else {
        &[
            0xe01e, // b.n 40
        ]
    });
    rig.place(0x140, code);
    for exception in [3, 4, 5, 6] {
        rig = rig.handler(exception, 0x200, REPORT);
    }
    let rig = rig.run();
    assert_eq!(rig.r(8), expected.exception, "exception; {:?}", rig.faults());
    assert_eq!(rig.r(4), expected.cfsr, "CFSR {:#x}", rig.r(4));
    assert_eq!(rig.r(5), expected.hfsr, "HFSR {:#x}", rig.r(5));
    assert_eq!(rig.r(7), 0x140 + expected.pc, "stacked PC");
    rig
}

/// Once with its own handler, once escalated.
fn check_both(code: &[u16], exception: u32, cfsr: u32, pc: u32) {
    check(
        code,
        true,
        &Expected {
            exception,
            cfsr,
            hfsr: 0,
            pc,
        },
    );
    check(
        code,
        false,
        &Expected {
            exception: 3,
            cfsr,
            hfsr: 1 << 30,
            pc,
        },
    );
}

#[test]
fn undefined_instructions_are_usage_faults() {
    check_both(
        &[
            0xbf00, // nop
            0xde01, // udf #1
        ],
        6,
        1 << 16,
        2,
    );
    // A coprocessor that is not there.
    check_both(
        &[
            0xee00, 0x0510, // cfmv64lr mvdx0, r0
        ],
        6,
        1 << 19,
        0,
    );
}

#[test]
fn a_branch_without_the_thumb_bit_faults_at_its_target() {
    let code = &[
        0xf240, 0x1050, // movw r0, #336
        0x4700, // bx r0
    ];
    check_both(code, 6, 1 << 17, 0x10);
}

#[test]
fn division_by_zero_and_unaligned_access_trap_when_asked() {
    let divide = &[
        0x4803, // ldr r0, [pc, #12]
        0x2118, // movs r1, #24
        0x6001, // str r1, [r0, #0]
        0x2200, // movs r2, #0
        0xfbb1, 0xf3f2, // udiv r3, r1, r2
        0xbf00, // nop
        0x0000, // .short 0x0000
        0xed14, 0xe000, // .word 0xe000ed14
    ];
    check_both(divide, 6, 1 << 25, 8);
    let unaligned = &[
        0x4802, // ldr r0, [pc, #8]
        0x2118, // movs r1, #24
        0x6001, // str r1, [r0, #0]
        0x4a02, // ldr r2, [pc, #8]
        0x6813, // ldr r3, [r2, #0]
        0xbf00, // nop
        0xed14, 0xe000, // .word 0xe000ed14
        0x0001, 0x2000, // .word 0x20000001
    ];
    check_both(unaligned, 6, 1 << 24, 8);
    // LDM, LDRD and LDREX never are allowed to be unaligned.
    let multiple = &[
        0xf240, 0x0202, // movw r2, #2
        0xf2c2, 0x0200, // movt r2, #8192
        0xe892, 0x0018, // ldmia.w r2, {r3, r4}
    ];
    check_both(multiple, 6, 1 << 24, 8);
}

#[test]
fn an_access_to_nothing_is_a_precise_bus_fault_with_its_address() {
    let code = &[
        0xf04f, 0x40c0, // mov.w r0, #1610612736
        0x6881, // ldr r1, [r0, #8]
    ];
    let rig = check(
        code,
        true,
        &Expected {
            exception: 5,
            cfsr: 1 << 9 | 1 << 15,
            hfsr: 0,
            pc: 4,
        },
    );
    assert_eq!(rig.r(6), 0x6000_0008);
    check_both(code, 5, 1 << 9 | 1 << 15, 4);
}

#[test]
fn what_is_not_modelled_is_logged_with_address_and_pc() {
    let code = &[
        0xf04f, 0x4080, // mov.w r0, #1073741824
        0x2105, // movs r1, #5
        0xf880, 0x1020, // strb.w r1, [r0, #32]
    ];
    let mut rig = check(
        code,
        true,
        &Expected {
            exception: 5,
            cfsr: 1 << 9 | 1 << 15,
            hfsr: 0,
            pc: 6,
        },
    );
    let log = rig.core.fabric_mut().take_faults();
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].addr, log[0].pc, log[0].write, log[0].fault),
        (0x4000_0020, 0x146, Some(5), AccessFault::Unmodelled)
    );
}

#[test]
fn a_jump_into_nothing_is_an_instruction_fault() {
    check_both(
        &[
            0xf04f, 0x5040, // mov.w r0, #805306368
            0x3001, // adds r0, #1
            0x4700, // bx r0
        ],
        5,
        1 << 8,
        0x3000_0000 - 0x140,
    );
    // Peripheral regions are never executable.
    check_both(
        &[
            0xf04f, 0x4080, // mov.w r0, #1073741824
            0x3001, // adds r0, #1
            0x4700, // bx r0
        ],
        4,
        1 << 0,
        0x4000_0000 - 0x140,
    );
}

#[test]
fn an_invalid_return_is_a_usage_fault() {
    let mut rig = Rig::new(ENABLE);
    rig.place(
        0x140,
        &[
            0xdf00, // svc 0
        ],
    );
    let rig = rig
        .handler(
            11,
            0x180,
            &[
                0xf06f, 0x0000, // mvn.w r0, #0
                0x4700, // bx r0
            ],
        )
        .handler(6, 0x200, REPORT)
        .run();
    assert_eq!((rig.r(8), rig.r(4)), (6, 1 << 18));
    assert_eq!(
        rig.r(7),
        0x142,
        "the frame of the code that was to be returned to is still there"
    );
}

#[test]
fn a_breakpoint_without_a_debugger_is_a_hard_fault() {
    check(
        &[
            0xbe01, // bkpt 0x0001
        ],
        true,
        &Expected {
            exception: 3,
            cfsr: 0,
            hfsr: 1 << 31,
            pc: 0,
        },
    );
}

#[test]
fn a_supervisor_call_that_is_masked_is_a_hard_fault() {
    check(
        &[
            0xb672, // cpsid i
            0xdf00, // svc 0
        ],
        true,
        &Expected {
            exception: 3,
            cfsr: 0,
            hfsr: 1 << 30,
            pc: 4,
        },
    );
}

#[test]
fn a_stack_that_is_not_there_is_a_stacking_fault_on_the_main_one() {
    // PSP points to no memory: the fault is taken with BFSR.STKERR, its handler runs on MSP.
    let mut rig = Rig::new(ENABLE);
    rig.place(
        0x140,
        &[
            0xf04f, 0x40c0, // mov.w r0, #1610612736
            0xf380, 0x8809, // msr PSP, r0
            0x2002, // movs r0, #2
            0xf380, 0x8814, // msr CONTROL, r0
            0xf3bf, 0x8f6f, // isb sy
            0xdf00, // svc 0
        ],
    );
    let rig = rig
        .handler(5, 0x200, REPORT)
        .handler(
            11,
            0x300,
            &[
                0xbe01, // bkpt 0x0001
            ],
        )
        .run();
    assert_eq!((rig.r(8), rig.r(4)), (5, 1 << 12));
    assert_eq!(rig.r(13), STACK);
}

#[test]
fn a_fault_in_the_hard_fault_handler_locks_up() {
    let mut rig = Rig::new(&[
        0xde00, // udf #0
    ])
    .handler(
        3,
        0x200,
        &[
            0xbf00, // nop
            0xde00, // udf #0
        ],
    );
    let lockup = StopReason::Lockup(Lockup {
        pc: 0x202,
        fault: Fault::UndefinedInstruction,
    });
    assert_eq!(rig.run_to(), lockup);
    assert_eq!(
        rig.core.run(super::Limits::until(super::VirtualTime::MAX)),
        lockup,
        "it stays so"
    );
    assert_eq!(rig.faults().len(), 2);
}

#[test]
fn erased_flash_faults_at_once_and_says_where() {
    let mut rig = Rig::new(&[]);
    rig.word(0, u32::MAX);
    rig.word(4, u32::MAX);
    let stop = rig.run_to();
    assert!(
        matches!(stop, StopReason::Lockup(Lockup { pc: 0xffff_fffe, .. })),
        "{stop:?}"
    );
}

#[test]
fn the_mpu_keeps_unprivileged_code_out() {
    // Region 0: all flash, executable, read-only for all. Region 1: the first KiB of RAM for privileged code alone.
    // Region 2: the stack, for all.
    let mut rig = Rig::new(ENABLE);
    rig.place(
        0x140,
        &[
            0x480b, // ldr r0, [pc, #44]
            0x2110, // movs r1, #16
            0x60c1, // str r1, [r0, #12]
            0x490b, // ldr r1, [pc, #44]
            0x6101, // str r1, [r0, #16]
            0x490b, // ldr r1, [pc, #44]
            0x60c1, // str r1, [r0, #12]
            0x490b, // ldr r1, [pc, #44]
            0x6101, // str r1, [r0, #16]
            0x490b, // ldr r1, [pc, #44]
            0x60c1, // str r1, [r0, #12]
            0x490b, // ldr r1, [pc, #44]
            0x6101, // str r1, [r0, #16]
            0x2105, // movs r1, #5
            0x6041, // str r1, [r0, #4]
            0x4a0a, // ldr r2, [pc, #40]
            0x6011, // str r1, [r2, #0]
            0x2101, // movs r1, #1
            0xf381, 0x8814, // msr CONTROL, r1
            0xf3bf, 0x8f6f, // isb sy
            0x6813, // ldr r3, [r2, #0]
            0xbf00, // nop
            0xed90, 0xe000, // .word 0xe000ed90
            0x001b, 0x0600, // .word 0x0600001b
            0x0011, 0x2000, // .word 0x20000011
            0x0013, 0x1100, // .word 0x11000013
            0x0812, 0x2000, // .word 0x20000812
            0x0015, 0x1300, // .word 0x13000015
            0x0010, 0x2000, // .word 0x20000010
        ],
    );
    let rig = rig
        .handler(
            4,
            0x200,
            &[
                0x4802, // ldr r0, [pc, #8]
                0x6804, // ldr r4, [r0, #0]
                0x68c6, // ldr r6, [r0, #12]
                0x9f06, // ldr r7, [sp, #24]
                0xbeab, // bkpt 0x00ab
                0xbf00, // nop
                0xed28, 0xe000, // .word 0xe000ed28
            ],
        )
        .run();
    assert_eq!(rig.r(4), 1 << 1 | 1 << 7);
    assert_eq!(rig.r(6), 0x2000_0010);
    assert_eq!(rig.at(0x2000_0010), 5, "privileged code may");
}
