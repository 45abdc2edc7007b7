//! A6: floating-point instructions, coprocessors 10 and 11. Instructions that FPv4-SP lacks (arithmetic on doubles,
//! vectors) and unpredictable ones become [`Vfp::Undefined`].

use super::{aligned_pc, bit, bits, reg};
use crate::core::arm::instruction::{Address, Instruction, PC, SP, Vfp, VfpBinary, VfpMove, VfpUnary};

/// The instruction of coprocessor 10 or 11 in these halfwords.
pub(super) fn decode(pc: u32, first: u32, second: u32) -> Instruction {
    let vfp = match bits(first, 8, 5) {
        0b01110 if bit(second, 4) => transfer(first, second),
        0b01110 => data_processing(first, second),
        0b01100 | 0b01101 => load_store(pc, first, second),
        _ => None,
    };
    Instruction::Vfp(vfp.unwrap_or(Vfp::Undefined))
}

/// Four bits and a fifth below them: the number of a single-precision register.
fn single(high: u32, low: bool) -> u8 {
    (high << 1 | u32::from(low)) as u8
}

/// Four bits and a fifth above them: a double-precision register; there are 16.
fn double(low: u32, high: bool) -> Option<u8> {
    (!high).then_some(low as u8)
}

/// A6.4.
fn data_processing(first: u32, second: u32) -> Option<Vfp> {
    if bit(second, 8) {
        return None;
    }
    let sd = single(bits(second, 12, 4), bit(first, 6));
    let sn = single(bits(first, 0, 4), bit(second, 7));
    let sm = single(bits(second, 0, 4), bit(second, 5));
    let other = bit(second, 6);
    let pick = |plain, alternative| if other { alternative } else { plain };
    let op = match bits(first, 4, 4) & 0b1011 {
        0b0000 => pick(VfpBinary::MultiplyAdd, VfpBinary::MultiplySubtract),
        0b0001 => pick(VfpBinary::NegatedMultiplySubtract, VfpBinary::NegatedMultiplyAdd),
        0b0010 => pick(VfpBinary::Multiply, VfpBinary::NegatedMultiply),
        0b0011 => pick(VfpBinary::Add, VfpBinary::Subtract),
        0b1000 if !other => VfpBinary::Divide,
        0b1001 => pick(VfpBinary::FusedNegatedSubtract, VfpBinary::FusedNegatedAdd),
        0b1010 => pick(VfpBinary::FusedAdd, VfpBinary::FusedSubtract),
        0b1011 if other => return unary(first, second, sd, sm),
        // VMOV (immediate); bits 5 and 7 are zero.
        0b1011 if second & 0xa0 == 0 => {
            let encoded = bits(first, 0, 4) << 4 | bits(second, 0, 4);
            return Some(Vfp::Immediate {
                sd,
                value: expand_immediate(encoded),
            });
        }
        _ => return None,
    };
    Some(Vfp::Binary { op, sd, sn, sm })
}

fn unary(first: u32, second: u32, sd: u8, sm: u8) -> Option<Vfp> {
    let top = bit(second, 7);
    let pick = |low, high| if top { high } else { low };
    let op = match bits(first, 0, 4) {
        0b0000 => pick(VfpUnary::Move, VfpUnary::Absolute),
        0b0001 => pick(VfpUnary::Negate, VfpUnary::SquareRoot),
        0b0010 => VfpUnary::HalfToSingle { top },
        0b0011 => VfpUnary::SingleToHalf { top },
        0b0100 => {
            return Some(Vfp::Compare {
                signalling: top,
                sd,
                sm: Some(sm),
            });
        }
        // VCMP with zero; the bits of M and Vm are zero.
        0b0101 if second & 0x2f == 0 => {
            return Some(Vfp::Compare {
                signalling: top,
                sd,
                sm: None,
            });
        }
        0b1000 => VfpUnary::FromInteger { signed: top },
        kind @ (0b1100 | 0b1101) => VfpUnary::ToInteger {
            signed: kind & 1 != 0,
            toward_zero: top,
        },
        kind @ (0b1010 | 0b1011 | 0b1110 | 0b1111) => {
            let bits_of = if top { 32 } else { 16 };
            let immediate = bits(second, 0, 4) << 1 | bits(second, 5, 1);
            return Some(Vfp::Fixed {
                to_fixed: kind & 0b0100 != 0,
                signed: kind & 1 == 0,
                bits: bits_of,
                fraction_bits: bits_of.checked_sub(immediate as u8)?,
                sd,
            });
        }
        _ => return None,
    };
    Some(Vfp::Unary { op, sd, sm })
}

/// A6.4.1 VFPExpandImm: a sign, three bits of exponent, four of fraction.
fn expand_immediate(encoded: u32) -> u32 {
    let exponent = if bit(encoded, 6) { 0x1f << 25 } else { 1 << 30 };
    bits(encoded, 7, 1) << 31 | exponent | bits(encoded, 0, 6) << 19
}

/// A6.6: one register each way.
fn transfer(first: u32, second: u32) -> Option<Vfp> {
    let rt = reg(second, 12);
    let to_core = bit(first, 4);
    if bits(second, 0, 4) != 0 {
        return None;
    }
    let op = match (bits(first, 5, 3), bit(second, 8)) {
        (0b000, false) if bits(second, 5, 2) == 0 => VfpMove::Single(single(bits(first, 0, 4), bit(second, 7))),
        (half @ (0b000 | 0b001), true) if bits(second, 5, 2) == 0 => {
            VfpMove::Single(2 * double(bits(first, 0, 4), bit(second, 7))? + half as u8)
        }
        // VMRS and VMSR; FPSCR is the only system register here, and bits 5 to 7 are zero.
        (0b111, false) if first & 15 == 1 && bits(second, 5, 3) == 0 => VfpMove::Status,
        _ => return None,
    };
    let rt_allowed = match op {
        // VMRS to PC means the flags.
        VfpMove::Status if to_core => rt != SP,
        _ => rt != SP && rt != PC,
    };
    rt_allowed.then_some(Vfp::Move { op, rt, to_core })
}

/// A6.5, A6.7.
fn load_store(pc: u32, first: u32, second: u32) -> Option<Vfp> {
    let is_double = bit(second, 8);
    let (index, up, write_back) = (bit(first, 8), bit(first, 7), bit(first, 5));
    let (load, rn) = (bit(first, 4), reg(first, 0));
    let vd = bits(second, 12, 4);
    if !index && !up && !write_back {
        return match bit(first, 6) {
            true => pair(first, second),
            false => None,
        };
    }
    let start = match is_double {
        true => 2 * double(vd, bit(first, 6))?,
        false => single(vd, bit(first, 6)),
    };
    let imm8 = bits(second, 0, 8);
    if index && !write_back {
        let imm = if up { 4 * imm8 as i32 } else { -4 * imm8 as i32 };
        let address = match rn {
            PC if load => Address::Literal(aligned_pc(pc).wrapping_add_signed(imm)),
            PC => return None,
            _ => Address::Offset { rn, imm },
        };
        let count = if is_double { 2 } else { 1 };
        return Some(match load {
            true => Vfp::Load { start, count, address },
            false => Vfp::Store { start, count, address },
        });
    }
    // P and U: after the access upward, or before it downward.
    if index == up || rn == PC {
        return None;
    }
    // An odd count of words for doubles (FLDMX, FSTMX) moves the base by one word more than it accesses.
    let count = if is_double { imm8 & !1 } else { imm8 };
    if count == 0 || count + u32::from(start) > 32 {
        return None;
    }
    Some(Vfp::Multiple {
        load,
        start,
        count: count as u8,
        words: imm8 as u8,
        rn,
        write_back,
        before: index,
    })
}

/// A6.7: two core registers and two singles, or a double.
fn pair(first: u32, second: u32) -> Option<Vfp> {
    let (rt, rt2) = (reg(second, 12), reg(first, 0));
    let to_core = bit(first, 4);
    let start = match bit(second, 8) {
        true => 2 * double(bits(second, 0, 4), bit(second, 5))?,
        false => single(bits(second, 0, 4), bit(second, 5)),
    };
    let core = |register| register != SP && register != PC;
    let allowed = bits(second, 6, 2) == 0 && bit(second, 4) && core(rt) && core(rt2) && !(to_core && rt == rt2);
    (allowed && start < 31).then_some(Vfp::MovePair {
        start,
        rt,
        rt2,
        to_core,
    })
}
