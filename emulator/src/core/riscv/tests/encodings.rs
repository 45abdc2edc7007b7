//! Encodings that are not instructions of this core, and those at the edges of their formats.

use crate::core::riscv::decode::decode;
use crate::core::riscv::instruction::{AluOp, Instruction};

fn decoded(bits: u32) -> Instruction {
    decode(0x1000, bits as u16, (bits >> 16) as u16).instruction
}

#[test]
fn what_is_not_rv32imac_is_illegal() {
    for bits in [
        // Reserved 16-bit encodings: all zeroes, C.ADDI4SPN of 0, C.LUI and C.ADDI16SP of 0, C.LWSP to x0, C.JR x0,
        // shifts by 32 and more, C.SUBW (RV64), C.FLW, C.FSD and the like.
        0x0000,
        0x0004,
        0x6081,
        0x6101,
        0x4002,
        0x8002,
        0x9081,
        0x9481,
        0x1082,
        0x9c01,
        0x9c21,
        0x6000,
        0x2000,
        0xa000,
        0xe000,
        0x6002,
        0x2002,
        0xa002,
        0xe002,
        0x8000,
        // Longer instructions, RV64's loads and stores, F, wrong functs, SRET, SFENCE.VMA, DRET, LR with rs2.
        0x0000_001f,
        0x0000_3003,
        0x0000_3023,
        0x0000_2007,
        0x0000_6003,
        0x0000_2063,
        0x0200_1013,
        0x4000_1013,
        0x0200_5013,
        0x4000_1033,
        0x2000_0033,
        0x1020_0073,
        0x1200_0073,
        0x7b20_0073,
        0x0000_4073,
        0x1010_202f,
        0x0000_302f,
        0x2800_202f,
        0x0000_1067,
        0x0000_200f,
    ] {
        let expected = match bits & 3 {
            3 => bits,
            _ => bits & 0xffff,
        };
        assert_eq!(decoded(bits), Instruction::Illegal { bits: expected }, "{bits:#x}");
    }
}

#[test]
fn immediates_reach_their_ends() {
    // Chapter 2.3; the farthest backward target of each format.
    let target = |bits| match decoded(bits) {
        Instruction::Jump { target, .. } | Instruction::Branch { target, .. } => target.wrapping_sub(0x1000) as i32,
        other => panic!("{other:?}"),
    };
    assert_eq!(target(0x8000_006f), -1_048_576);
    assert_eq!(target(0x7fff_f06f), 1_048_574);
    assert_eq!(target(0x8000_0063), -4_096);
    assert_eq!(target(0x7e00_0fe3), 4_094);
    assert_eq!(target(0xb001), -2_048);
    assert_eq!(target(0xaffd), 2_046);
    assert_eq!(target(0xd001), -256);
    assert_eq!(target(0xcc7d), 254);
    let add = |bits| match decoded(bits) {
        Instruction::AluImmediate {
            op: AluOp::Add, imm, ..
        } => imm as i32,
        other => panic!("{other:?}"),
    };
    assert_eq!(add(0x8000_0013), -2_048);
    assert_eq!(add(0x7101), -512);
    assert_eq!(add(0x617d), 496);
    assert_eq!(add(0x1fe0), 1_020);
}
