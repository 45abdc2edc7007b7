//! Bit-banding, exclusives, code that is rewritten, and the same run cut in different places.

use super::Rig;
use crate::core::arm::{CortexM, Limits, StopReason};
use crate::core::fabric::ResetKind;
use crate::machine::VirtualTime;
use crate::machine::hash::StateHasher;

#[test]
fn bit_band_aliases_are_single_bits() {
    let rig = Rig::new(&[
        0x4805, // ldr r0, [pc, #20]
        0xf04f, 0x01a5, // mov.w r1, #165
        0x6001, // str r1, [r0, #0]
        0x4a04, // ldr r2, [pc, #16]
        0x6813, // ldr r3, [r2, #0]
        0x2401, // movs r4, #1
        0x6014, // str r4, [r2, #0]
        0x6214, // str r4, [r2, #32]
        0x7815, // ldrb r5, [r2, #0]
        0x6806, // ldr r6, [r0, #0]
        0xbeab, // bkpt 0x00ab
        0x0010, 0x2000, // .word 0x20000010
        0x0204, 0x2200, // .word 0x22000204
    ])
    .run();
    assert_eq!((rig.r(3), rig.r(5)), (0, 1));
    assert_eq!(rig.r(6), 0x2a7);
}

#[test]
fn a_store_exclusive_needs_its_load_and_no_exception_between() {
    let rig = Rig::new(&[
        0x480a, // ldr r0, [pc, #40]
        0x2107, // movs r1, #7
        0xe840, 0x1200, // strex r2, r1, [r0]
        0xe850, 0x3f00, // ldrex r3, [r0]
        0xe840, 0x1300, // strex r3, r1, [r0]
        0xe850, 0x4f00, // ldrex r4, [r0]
        0xdf00, // svc 0
        0xe840, 0x1400, // strex r4, r1, [r0]
        0xe850, 0x5f00, // ldrex r5, [r0]
        0xf3bf, 0x8f2f, // clrex
        0xe840, 0x1500, // strex r5, r1, [r0]
        0x6806, // ldr r6, [r0, #0]
        0xbeab, // bkpt 0x00ab
        0xbf00, // nop
        0x0010, 0x2000, // .word 0x20000010
    ])
    .handler(
        11,
        0x200,
        &[
            0x4770, // bx lr
        ],
    )
    .run();
    assert_eq!([2, 3, 4, 5, 6].map(|index| rig.r(index)), [1, 0, 1, 1, 7]);
}

#[test]
fn code_in_ram_that_is_rewritten_runs_as_it_now_is() {
    // A routine in RAM is called, its first instruction changed from MOVS R4, #1 to MOVS R4, #2, and called again.
    let rig = Rig::new(&[
        0x4805, // ldr r0, [pc, #20]
        0x4906, // ldr r1, [pc, #24]
        0x6001, // str r1, [r0, #0]
        0x3001, // adds r0, #1
        0x4780, // blx r0
        0x4625, // mov r5, r4
        0x4904, // ldr r1, [pc, #16]
        0xf840, 0x1c01, // str.w r1, [r0, #-1]
        0x4780, // blx r0
        0xbeab, // bkpt 0x00ab
        0x0000, // .short 0x0000
        0x0100, 0x2000, // .word 0x20000100
        0x2401, 0x4770, // .word 0x47702401
        0x2402, 0x4770, // .word 0x47702402
    ])
    .run();
    assert_eq!((rig.r(5), rig.r(4)), (1, 2));
}

#[test]
fn an_instruction_may_rewrite_the_next_one_of_its_own_block() {
    let mut rig = Rig::new(&[
        0x4802, // ldr r0, [pc, #8]
        0x4903, // ldr r1, [pc, #12]
        0xf242, 0x4202, // movw r2, #9218
        0x4700, // bx r0
        0x0000, // .short 0x0000
        0x0101, 0x2000, // .word 0x20000101
        0x0104, 0x2000, // .word 0x20000104
    ]);
    rig.core.reset(ResetKind::Pin);
    rig.place(
        0x2000_0100,
        &[
            0x800a, // strh r2, [r1, #0]
            0xbf00, // nop
            0x2401, // movs r4, #1
            0xbeab, // bkpt 0x00ab
        ],
    );
    let stop = rig.core.run(Limits::until(VirtualTime::from_seconds(1)));
    assert!(matches!(stop, StopReason::Semihosting { .. }));
    assert_eq!(rig.r(4), 2);
}

/// A program with interrupts, sleep and stores, that never ends.
fn busy() -> CortexM {
    let mut rig = Rig::new(&[
        0x480c, // ldr r0, [pc, #48]
        0x2101, // movs r1, #1
        0x6001, // str r1, [r0, #0]
        0x480c, // ldr r0, [pc, #48]
        0xf240, 0x3109, // movw r1, #777
        0x6041, // str r1, [r0, #4]
        0x2107, // movs r1, #7
        0x6001, // str r1, [r0, #0]
        0xf04f, 0x4580, // mov.w r5, #1073741824
        0x4e09, // ldr r6, [pc, #36]
        0x3401, // adds r4, #1
        0x6034, // str r4, [r6, #0]
        0x4364, // muls r4, r4
        0xea84, 0x04d4, // eor.w r4, r4, r4, lsr #3
        0xf014, 0x0f1f, // tst.w r4, #31
        0xd1f7, // bne.n 18
        0xf240, 0x114d, // movw r1, #333
        0x60e9, // str r1, [r5, #12]
        0xbf30, // wfi
        0xe7f2, // b.n 18
        0x0000, // .short 0x0000
        0xe100, 0xe000, // .word 0xe000e100
        0xe010, 0xe000, // .word 0xe000e010
        0x0200, 0x2000, // .word 0x20000200
    ])
    .handler(
        15,
        0x200,
        &[
            0x4802, // ldr r0, [pc, #8]
            0x6801, // ldr r1, [r0, #0]
            0x1909, // adds r1, r1, r4
            0x6001, // str r1, [r0, #0]
            0x4770, // bx lr
            0x0000, // .short 0x0000
            0x0204, 0x2000, // .word 0x20000204
        ],
    )
    .handler(
        16,
        0x240,
        &[
            0x4802, // ldr r0, [pc, #8]
            0x69a9, // ldr r1, [r5, #24]
            0x6001, // str r1, [r0, #0]
            0x4770, // bx lr
            0xbf00, // nop
            0x0000, // .short 0x0000
            0x0208, 0x2000, // .word 0x20000208
        ],
    );
    rig.core.reset(ResetKind::Pin);
    rig.core
}

fn hash(core: &CortexM) -> u64 {
    let mut hasher = StateHasher::default();
    core.hash_state(&mut hasher);
    std::hash::Hasher::finish(&hasher)
}

#[test]
fn where_a_run_is_cut_makes_no_difference() {
    let end = VirtualTime::from_us(900);
    let mut whole = busy();
    assert_eq!(whole.run(Limits::until(end)), StopReason::Time);
    let mut stepped = busy();
    while stepped.now() < end {
        stepped.run(Limits {
            instructions: stepped.instructions() + 1,
            ..Limits::until(end)
        });
    }
    let mut sliced = busy();
    let mut at = VirtualTime::ZERO;
    while at < end {
        at = (at + VirtualTime::from_ns(1_237)).min(end);
        sliced.run(Limits::until(at));
    }
    assert_eq!(hash(&whole), hash(&stepped));
    assert_eq!(hash(&whole), hash(&sliced));
    assert!(whole.instructions() > 10_000, "{}", whole.instructions());
}

#[test]
fn a_fork_goes_on_as_its_parent_does() {
    let mut parent = busy();
    parent.run(Limits::until(VirtualTime::from_us(300)));
    let mut child = parent.fork();
    assert_eq!(hash(&parent), hash(&child));
    parent.run(Limits::until(VirtualTime::from_us(600)));
    assert_ne!(hash(&parent), hash(&child));
    child.run(Limits::until(VirtualTime::from_us(600)));
    assert_eq!(hash(&parent), hash(&child));
}

#[test]
fn a_program_that_polls_a_device_takes_no_stack() {
    // 200,000 loads from a device in one run, on a stack with space for only a few frames.
    let polls = || {
        let mut rig = Rig::new(&[
            0x2040, // movs r0, #64
            0x0600, // lsls r0, r0, #24
            0x4902, // ldr r1, [pc, #8]
            0x6982, // ldr r2, [r0, #24]
            0x3901, // subs r1, #1
            0xd1fc, // bne.n 0x106
            0xbeab, // bkpt 0x00ab
            0xbf00, // nop
            0x0d40, 0x0003, // .word 200000
        ]);
        let stop = rig.run_to();
        assert!(matches!(stop, StopReason::Semihosting { .. }), "{stop:?}");
        assert_eq!(rig.r(1), 0);
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(polls);
    thread.unwrap().join().unwrap();
}

#[test]
fn the_instruction_limit_is_exact() {
    let mut core = busy();
    for limit in [1, 2, 3, 50, 51, 1_000, 12_345] {
        assert_eq!(core.run(Limits::instructions(limit)), StopReason::Instructions);
        assert_eq!(core.instructions(), limit);
    }
}
