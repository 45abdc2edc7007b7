//! A5.3.4: 32-bit branches and miscellaneous control.

use super::{bit, bits, reg, sign_extend};
use crate::core::arm::instruction::{Condition, Hint, Instruction, PC, SP};

pub(super) fn branches_and_control(pc: u32, first: u32, second: u32) -> Instruction {
    match (bits(second, 12, 3), bits(first, 4, 7)) {
        (op1, op) if op1 & 0b101 == 0b000 && op & 0b0111000 != 0b0111000 => conditional_branch(pc, first, second),
        (op1, 0b0111000 | 0b0111001) if op1 & 0b101 == 0b000 => move_to_special(first, second),
        (op1, 0b0111010) if op1 & 0b101 == 0b000 => hint(second),
        (op1, 0b0111011) if op1 & 0b101 == 0b000 => barrier(second),
        (op1, 0b0111110 | 0b0111111) if op1 & 0b101 == 0b000 => move_from_special(first, second),
        (op1, _) if op1 & 0b101 == 0b001 => Instruction::Branch {
            condition: Condition::Al,
            target: long_target(pc, first, second),
        },
        (op1, _) if op1 & 0b101 == 0b101 => Instruction::BranchLink {
            target: long_target(pc, first, second),
        },
        _ => Instruction::Undefined,
    }
}

fn conditional_branch(pc: u32, first: u32, second: u32) -> Instruction {
    let offset = bits(first, 10, 1) << 20
        | bits(second, 11, 1) << 19
        | bits(second, 13, 1) << 18
        | bits(first, 0, 6) << 12
        | bits(second, 0, 11) << 1;
    let target = pc.wrapping_add(4).wrapping_add_signed(sign_extend(offset, 21));
    match Condition::from_bits(bits(first, 6, 4)) {
        Some(condition) if condition != Condition::Al => Instruction::Branch { condition, target },
        _ => Instruction::Undefined,
    }
}

/// B.W T4 and BL: I1 = NOT(J1 EOR S), I2 = NOT(J2 EOR S).
fn long_target(pc: u32, first: u32, second: u32) -> u32 {
    let s = bits(first, 10, 1);
    let i1 = 1 ^ bits(second, 13, 1) ^ s;
    let i2 = 1 ^ bits(second, 11, 1) ^ s;
    let offset = s << 24 | i1 << 23 | i2 << 22 | bits(first, 0, 10) << 12 | bits(second, 0, 11) << 1;
    pc.wrapping_add(4).wrapping_add_signed(sign_extend(offset, 25))
}

fn move_to_special(first: u32, second: u32) -> Instruction {
    let (rn, mask) = (reg(first, 0), bits(second, 10, 2) as u8);
    match bit(first, 4) || rn == SP || rn == PC || mask == 0 {
        true => Instruction::Undefined,
        false => Instruction::MoveToSpecial {
            rn,
            sysm: bits(second, 0, 8) as u8,
            mask,
        },
    }
}

fn move_from_special(first: u32, second: u32) -> Instruction {
    let rd = reg(second, 8);
    match bit(first, 4) || rd == SP || rd == PC {
        true => Instruction::Undefined,
        false => Instruction::MoveFromSpecial {
            rd,
            sysm: bits(second, 0, 8) as u8,
        },
    }
}

/// Hints; CPS has no 32-bit encoding in M profile.
fn hint(second: u32) -> Instruction {
    if bits(second, 8, 3) != 0 {
        return Instruction::Undefined;
    }
    Instruction::Hint(match bits(second, 0, 8) {
        2 => Hint::Wfe,
        3 => Hint::Wfi,
        4 => Hint::Sev,
        _ => Hint::Nop,
    })
}

fn barrier(second: u32) -> Instruction {
    match bits(second, 4, 4) {
        0b0010 => Instruction::ClearExclusive,
        0b0100 | 0b0101 => Instruction::Hint(Hint::Barrier),
        0b0110 => Instruction::Hint(Hint::InstructionBarrier),
        _ => Instruction::Undefined,
    }
}
