//! Decodes Thumb encodings to [`Instruction`]s, by the tables of the ARMv7-M manual (DDI 0403E, chapter A5). One
//! module per encoding group; each decoder is a pure function. Undefined and unpredictable encodings become
//! [`Instruction::Undefined`], so that they fault instead of passing unnoticed.

mod branch;
mod data_processing;
mod load_store;
mod multiply;
mod thumb16;
mod vfp;

#[cfg(test)]
mod tests;

use super::instruction::Instruction;

/// An instruction at its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The decoded instruction.
    pub(crate) instruction: Instruction,
    /// Its length in bytes: 2 or 4.
    pub(crate) bytes: u8,
}

/// Whether this first halfword has a second one.
pub(crate) fn is_wide(first: u16) -> bool {
    first >> 11 >= 0b11101
}

/// Decodes the instruction at `pc` from its halfwords. `in_it`: it is inside an IT block, where most 16-bit data
/// processing does not set the flags.
pub(crate) fn decode(pc: u32, first: u16, second: u16, in_it: bool) -> Decoded {
    if is_wide(first) {
        Decoded {
            instruction: thumb32(pc, u32::from(first), u32::from(second)),
            bytes: 4,
        }
    } else {
        Decoded {
            instruction: thumb16::decode(pc, u32::from(first), in_it),
            bytes: 2,
        }
    }
}

/// A5.3: 32-bit encodings by op1 and op2.
fn thumb32(pc: u32, first: u32, second: u32) -> Instruction {
    let op1 = bits(first, 11, 2);
    let op2 = bits(first, 4, 7);
    match op1 {
        0b01 => match op2 {
            op if op & 0b1100100 == 0b0000000 => load_store::multiple(first, second),
            op if op & 0b1100100 == 0b0000100 => load_store::dual_exclusive_table(pc, first, second),
            op if op & 0b1100000 == 0b0100000 => data_processing::shifted_register(first, second),
            _ => coprocessor(pc, first, second),
        },
        0b10 => {
            if bit(second, 15) {
                branch::branches_and_control(pc, first, second)
            } else if op2 & 0b0100000 == 0 {
                data_processing::modified_immediate(first, second)
            } else {
                data_processing::plain_immediate(pc, first, second)
            }
        }
        _ => match op2 {
            op if op & 0b1110001 == 0b0000000 => load_store::store_single(first, second),
            op if op & 0b1100111 == 0b0000001 => load_store::load_byte(pc, first, second),
            op if op & 0b1100111 == 0b0000011 => load_store::load_half(pc, first, second),
            op if op & 0b1100111 == 0b0000101 => load_store::load_word(pc, first, second),
            op if op & 0b1110000 == 0b0100000 => data_processing::register(first, second),
            op if op & 0b1111000 == 0b0110000 => multiply::multiply(first, second),
            op if op & 0b1111000 == 0b0111000 => multiply::long(first, second),
            op if op & 0b1000000 == 0b1000000 => coprocessor(pc, first, second),
            _ => Instruction::Undefined,
        },
    }
}

/// A5.3.18.
fn coprocessor(pc: u32, first: u32, second: u32) -> Instruction {
    match bits(second, 8, 4) as u8 {
        10 | 11 => vfp::decode(pc, first, second),
        cp => Instruction::Coprocessor { cp },
    }
}

/// `count` bits of `word` from `low` up.
fn bits(word: u32, low: u32, count: u32) -> u32 {
    (word >> low) & ((1 << count) - 1)
}

fn bit(word: u32, at: u32) -> bool {
    word >> at & 1 != 0
}

fn reg(word: u32, low: u32) -> u8 {
    bits(word, low, 4) as u8
}

fn low_reg(word: u32, low: u32) -> u8 {
    bits(word, low, 3) as u8
}

fn sign_extend(value: u32, width: u32) -> i32 {
    ((value << (32 - width)) as i32) >> (32 - width)
}

/// PC as an operand of PC-relative addressing: word-aligned.
fn aligned_pc(pc: u32) -> u32 {
    pc.wrapping_add(4) & !3
}
