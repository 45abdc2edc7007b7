//! The floating-point extension besides its arithmetic: permission, frames, lazy state, instructions that FPv4-SP
//! lacks.

use super::{MAIN, Rig, STACK};

/// Bytes of a frame with floating-point state.
const FRAME: u32 = 0x68;
const ONE: u32 = 0x3f80_0000;
const TWO: u32 = 0x4000_0000;
const FOUR: u32 = 0x4080_0000;
const CPACR: u32 = 0xe000_ed88;
const FPCCR: u32 = 0xe000_ef34;
const EAGER: u32 = 0x8000_0000;
const LAZY: u32 = 0xc000_0000;

/// Writes `fpccr`, permits the extension, S0 = 1, S15 = 2, CONTROL to R7; SVC; CONTROL to R8, S0 to R9, S15 to R10.
fn rig(fpccr: u32, handler: &[u16]) -> Rig {
    let mut rig = Rig::with_fp(&[
        0x4811, // ldr r0, [pc, #68]
        0x4912, // ldr r1, [pc, #72]
        0x6001, // str r1, [r0, #0]
        0x4812, // ldr r0, [pc, #72]
        0x4912, // ldr r1, [pc, #72]
        0x6001, // str r1, [r0, #0]
        0xeeb7, 0x0a00, // vmov.f32 s0, #1.0
        0xeef0, 0x7a00, // vmov.f32 s15, #2.0
        0xf3ef, 0x8714, // mrs r7, CONTROL
        0xdf00, // svc 0
        0xf3ef, 0x8814, // mrs r8, CONTROL
        0xee10, 0x9a10, // vmov r9, s0
        0xee17, 0xaa90, // vmov sl, s15
        0xbeab, // bkpt 0x00ab
    ])
    .handler(11, 0x200, handler);
    for (addr, word) in [(0x148, CPACR), (0x14c, 0x00f0_0000), (0x150, FPCCR), (0x154, fpccr)] {
        rig.word(addr, word);
    }
    rig
}

const PLAIN_HANDLER: [u16; 3] = [
    0x4674, // mov r4, lr
    0x466d, // mov r5, sp
    0x4770, // bx lr
];

/// R4 LR, R5 SP, R6 CONTROL; FPCCR and S0's slot in the frame before S0 is set; FPCCR and FPCAR afterwards, below the
/// frame.
const FP_HANDLER: [u16; 22] = [
    0x4674, // mov r4, lr
    0x466d, // mov r5, sp
    0xf3ef, 0x8614, // mrs r6, CONTROL
    0x4a07, // ldr r2, [pc, #28]
    0x6813, // ldr r3, [r2, #0]
    0xf845, 0x3c04, // str.w r3, [r5, #-4]
    0x6a2b, // ldr r3, [r5, #32]
    0xf845, 0x3c08, // str.w r3, [r5, #-8]
    0xeeb1, 0x0a00, // vmov.f32 s0, #4.0
    0x6813, // ldr r3, [r2, #0]
    0xf845, 0x3c0c, // str.w r3, [r5, #-12]
    0x6853, // ldr r3, [r2, #4]
    0xf845, 0x3c10, // str.w r3, [r5, #-16]
    0x4770, // bx lr
    0xef34, 0xe000, // .word 0xe000ef34
];

#[test]
fn a_handler_that_leaves_the_extension_alone_costs_room_only() {
    let rig = rig(LAZY, &PLAIN_HANDLER).run();
    let frame = STACK - FRAME;
    assert_eq!((rig.r(4), rig.r(5)), (0xffff_ffe9, frame));
    assert_eq!(rig.at(frame + 0x20), 0, "nothing was stored");
    assert_eq!((rig.r(7), rig.r(8)), (4, 4), "CONTROL.FPCA before and after");
    assert_eq!((rig.r(9), rig.r(10), rig.r(13)), (ONE, TWO, STACK));
}

#[test]
fn a_handler_that_uses_the_extension_stores_the_state_first() {
    let rig = rig(LAZY, &FP_HANDLER).run();
    let frame = STACK - FRAME;
    assert_eq!((rig.r(4), rig.r(5), rig.r(6)), (0xffff_ffe9, frame, 0));
    // ASPEN, LSPEN, HFRDY, THREAD, LSPACT: neither BusFault nor MemManage is enabled, and the context is privileged.
    assert_eq!(rig.at(frame - 4), 0xc000_0019);
    assert_eq!(rig.at(frame - 8), 0, "not stored before it must be");
    assert_eq!(rig.at(frame - 12) & 1, 0, "LSPACT");
    assert_eq!(rig.at(frame - 16), frame + 0x20, "FPCAR");
    assert_eq!(rig.at(frame + 0x20), ONE);
    assert_eq!(rig.at(frame + 0x20 + 4 * 15), TWO);
    assert_eq!((rig.r(8), rig.r(9), rig.r(10)), (4, ONE, TWO));
}

#[test]
fn without_lazy_state_the_frame_is_stored_at_once() {
    let rig = rig(EAGER, &PLAIN_HANDLER).run();
    let frame = STACK - FRAME;
    assert_eq!(rig.r(5), frame);
    assert_eq!(rig.at(frame + 0x20), ONE);
    assert_eq!(rig.at(frame + 0x20 + 4 * 15), TWO);
    assert_eq!((rig.r(9), rig.r(10), rig.r(13)), (ONE, TWO, STACK));
}

#[test]
fn without_automatic_state_frames_are_plain_and_registers_are_shared() {
    // FPCCR.ASPEN clear: FPCA is never set.
    let rig = rig(0, &FP_HANDLER).run();
    assert_eq!((rig.r(4), rig.r(5)), (0xffff_fff9, STACK - 32));
    assert_eq!((rig.r(7), rig.r(8)), (0, 0));
    assert_eq!(rig.r(9), FOUR, "the handler's value stays");
}

/// Runs a program of one floating-point instruction, whose HardFault handler ends it; returns CFSR.
#[track_caller]
fn faults(mut rig: Rig, code: [u16; 2], cpacr: u32) -> u32 {
    rig.place(
        MAIN,
        &[
            0x4806, // ldr r0, [pc, #24]
            0x4907, // ldr r1, [pc, #28]
            0x6001, // str r1, [r0, #0]
            code[0], code[1], 0xbeab, // bkpt 0x00ab
        ],
    );
    rig.word(0x11c, CPACR);
    rig.word(0x120, cpacr);
    let rig = rig
        .handler(
            3,
            0x200,
            &[
                0x4801, // ldr r0, [pc, #4]
                0x6804, // ldr r4, [r0, #0]
                0xbeab, // bkpt 0x00ab
                0x0000, // .short 0x0000
                0xed28, 0xe000, // .word 0xe000ed28
            ],
        )
        .run();
    rig.r(4)
}

const UNDEFINSTR: u32 = 1 << 16;
const NOCP: u32 = 1 << 19;
const VMRS_R0: [u16; 2] = [0xeef1, 0x0a10];
const VADD_F64: [u16; 2] = [0xee30, 0x0b00];

#[test]
fn what_is_not_permitted_or_not_there_faults() {
    let all = 0x00f0_0000;
    assert_eq!(faults(Rig::with_fp(&[]), VMRS_R0, 0), NOCP, "not enabled");
    assert_eq!(faults(Rig::with_fp(&[]), VMRS_R0, all), 0);
    assert_eq!(faults(Rig::with_fp(&[]), VADD_F64, 0), NOCP);
    assert_eq!(
        faults(Rig::with_fp(&[]), VADD_F64, all),
        UNDEFINSTR,
        "single precision only"
    );
    assert_eq!(
        faults(Rig::new(&[]), VMRS_R0, all),
        NOCP,
        "a core without the extension"
    );
    assert_eq!(faults(Rig::with_fp(&[]), [0xee00, 0x0910], all), NOCP, "coprocessor 9");
}

/// A straight line that changes FPSCR, and then switches the extension off, between instructions that have run before.
#[test]
fn modes_and_permission_count_from_the_next_instruction_on() {
    let mut rig = Rig::with_fp(&[
        0x4811, // ldr r0, [pc, #68]
        0x4912, // ldr r1, [pc, #72]
        0x6001, // str r1, [r0, #0]
        0xeeb7, 0x0a00, // vmov.f32 s0, #112
        0xf04f, 0x6250, // mov.w r2, #218103808
        0xee00, 0x2a90, // vmov s1, r2
        0xee30, 0x1a20, // vadd.f32 s2, s0, s1
        0xf44f, 0x0380, // mov.w r3, #4194304
        0xeee1, 0x3a10, // vmsr fpscr, r3
        0xee70, 0x1a20, // vadd.f32 s3, s0, s1
        0xee11, 0x4a10, // vmov r4, s2
        0xee11, 0x5a90, // vmov r5, s3
        0x2100, // movs r1, #0
        0xee30, 0x2a00, // vadd.f32 s4, s0, s0
        0x6001, // str r1, [r0, #0]
        0xee10, 0x6a10, // vmov r6, s0
        0xbeab, // bkpt 0x00ab
    ])
    .handler(3, 0x200, &[0xbeab]);
    rig.word(0x148, CPACR);
    rig.word(0x14c, 0x00f0_0000);
    let rig = rig.run();
    assert_eq!(rig.r(4), ONE, "to nearest");
    assert_eq!(rig.r(5), ONE + 1, "VMSR: up");
    assert_eq!((rig.r(6), rig.pc()), (0, 0x200), "not permitted any more");
}
