//! Code that changes, blocks that are cut short, machines that fork.

use super::asm::*;
use super::{RAM, Rig, StopReason};
use crate::core::fabric::ResetKind;
use crate::core::limits::Limits;
use crate::machine::hash::StateHasher;

#[test]
fn code_written_anew_is_run_as_written() {
    // In RAM: a function that sets x10 to 1, called, rewritten to set 2, called again.
    let [one, two] = [addi(10, 0, 1), addi(10, 0, 2)];
    let ret = jalr(0, 1, 0);
    let main = program(&[
        &li(8, RAM + 0x100),
        &li(5, one),
        &li(6, ret),
        &[sw(5, 8, 0), sw(6, 8, 4), FENCE_I, jalr(1, 8, 0), addi(11, 10, 0)],
        &li(5, two),
        &[sw(5, 8, 0), FENCE_I, jalr(1, 8, 0)],
    ]);
    let rig = Rig::new(&main).run();
    assert_eq!((rig.x(11), rig.x(10)), (1, 2));
}

#[test]
fn the_same_program_ends_in_the_same_state_however_it_is_cut() {
    // A loop of loads, stores and a device, 500 times.
    let main = program(&[
        &li(8, RAM),
        &li(7, super::DEVICE),
        &[
            addi(9, 0, 500),
            lw(5, 8, 0),
            addi(5, 5, 3),
            sw(5, 8, 0),
            lw(6, 7, 0x18),
            addi(9, 9, -1),
            bne_back(-20),
        ],
    ]);
    let run = |step: u64| {
        let mut rig = Rig::new(&main);
        rig.core.reset(ResetKind::Pin);
        let mut core = rig.core;
        loop {
            match core.run(Limits::instructions(core.instructions().saturating_add(step))) {
                StopReason::Instructions if step == 13 => core = core.fork(),
                StopReason::Instructions => {}
                stop => {
                    assert!(matches!(stop, StopReason::Semihosting { .. }), "{stop:?}");
                    break;
                }
            }
        }
        let mut hasher = StateHasher::default();
        core.hash_state(&mut hasher);
        (std::hash::Hasher::finish(&hasher), core.instructions(), core.now())
    };
    let whole = run(u64::MAX);
    assert_eq!(whole.1, 5 + 500 * 6 + 1);
    for step in [1, 7, 13, 100] {
        assert_eq!(run(step), whole, "in steps of {step}");
    }
}

#[test]
fn polling_a_device_for_long_takes_no_more_stack() {
    // A million loads that the threaded dispatch passes to the reference, in one run.
    let main = program(&[
        &li(7, super::DEVICE),
        &li(9, 1_000_000),
        &[lw(6, 7, 0x18), addi(9, 9, -1), bne_back(-8)],
    ]);
    assert_eq!(Rig::new(&main).run().x(6), 0x55);
}

#[test]
fn a_long_run_takes_no_more_of_the_hosts_stack() {
    const PASSES: u32 = 300_000;
    let (load, store) = (0x03 | 6 << 7 | 7 << 15, 0x23 | 6 << 20 | 7 << 15);
    let (op, op_imm) = (0x33 | 6 << 7 | 9 << 15 | 10 << 20, 0x13 | 6 << 7 | 9 << 15 | 1 << 20);
    let jal = |rd: u32, offset: u32| 0x6f | rd << 7 | offset << 20;
    let mut body = vec![lw(6, 8, 0x18)]; // of a device
    body.extend([0, 1, 2, 4, 5].map(|width| load | width << 12));
    body.extend([0, 1, 2].map(|width| store | width << 12));
    body.extend((0..8).flat_map(|operation| [op, op | 1 << 25, op_imm].map(|code| code | operation << 12)));
    body.extend([
        0x63 | 4 << 8, // BEQ x0, x0, + 8
        addi(6, 6, 1), // passed over
        jal(0, 4),     // J to the next
        jal(1, 8),     // JAL over the next
        jal(0, 8),     // J over the next
        jalr(0, 1, 0), // RET to the one before
        0x17 | 5 << 7, // AUIPC x5
        jalr(1, 5, 8), // to the next
    ]);
    let back = -4 * (body.len() as i32 + 1);
    let main = program(&[
        &li(7, super::RAM),
        &li(8, super::DEVICE),
        &li(9, PASSES),
        &[addi(10, 0, 3)],
        &body,
        &[addi(9, 9, -1), bne_back(back)],
    ]);
    // One leaked frame per pass would exceed the stack.
    let run = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || Rig::new(&main).run().x(9));
    assert_eq!(run.expect("a thread").join().expect("it ends"), 0);
}

/// BNE x9, x0, back by `offset`.
fn bne_back(offset: i32) -> u32 {
    let imm = offset as u32;
    0x1063 | 9 << 15 | (imm >> 11 & 1) << 7 | (imm >> 1 & 15) << 8 | (imm >> 5 & 63) << 25 | (imm >> 12 & 1) << 31
}

#[test]
fn a_block_is_linked_only_to_where_its_branch_goes() {
    const ELSEWHERE: u32 = 0x200;
    let (jal_to_0x110, for_ever) = (0x6f | 6 << 21, 0x6f);
    let mut rig = Rig::new(&[addi(5, 0, 1), jal_to_0x110])
        .place(0x110, &[addi(6, 0, 1), for_ever])
        .place(ELSEWHERE, &[addi(7, 0, 1), for_ever]);
    rig.core.reset(ResetKind::Pin);
    // The budget ends right after the jump, whose target was never decoded; an interrupt might come then.
    rig.core.run(Limits::instructions(2));
    assert_eq!(rig.core.read_register("pc"), Some(0x110));
    rig.core.write_register("pc", ELSEWHERE).unwrap();
    rig.core.run(Limits::instructions(6));
    assert_eq!((rig.x(6), rig.x(7)), (0, 1));
    rig.core.write_register("pc", super::MAIN).unwrap();
    rig.core.run(Limits::instructions(12));
    assert_eq!(rig.x(6), 1, "the jump went elsewhere");
}
