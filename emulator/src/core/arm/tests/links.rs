//! Linked blocks with an interrupt, a step or a debugger between them.

use super::{MAIN, Rig};
use crate::core::arm::Limits;
use crate::core::fabric::ResetKind;

const ELSEWHERE: u32 = 0x200;

#[test]
fn a_block_is_linked_only_to_where_its_branch_goes() {
    let mut rig = Rig::new(&[0x2001, 0xe005]); // movs r0, #1; b 0x110
    rig.place(0x110, &[0x2101, 0xe7fe]); // movs r1, #1; b .
    rig.place(ELSEWHERE, &[0x2201, 0xe7fe]); // movs r2, #1; b .
    rig.core.reset(ResetKind::Pin);
    // The budget ends right after the branch, whose target was never decoded; an interrupt might come then.
    rig.core.run(Limits::instructions(2));
    assert_eq!(rig.pc(), 0x110);
    rig.core.registers_mut().r[15] = ELSEWHERE;
    rig.core.run(Limits::instructions(6));
    assert_eq!((rig.r(1), rig.r(2)), (0, 1));
    rig.core.registers_mut().r[15] = MAIN;
    rig.core.run(Limits::instructions(12));
    assert_eq!((rig.r(1), rig.pc()), (1, 0x112), "the branch went elsewhere");
}
