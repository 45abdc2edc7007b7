//! A5.3.1, A5.3.3, A5.3.11–A5.3.15: 32-bit data processing.

use super::{aligned_pc, bit, bits, reg};
use crate::core::arm::instruction::{
    AluOp, Extension, Instruction, Lanes, Operand, PC, ParallelOp, Reg, Reversal, SP, SaturatingOp, Shift,
};

/// A5.3.1: `op rd, rn, #const` with a modified immediate.
pub(super) fn modified_immediate(first: u32, second: u32) -> Instruction {
    let encoded = (bits(first, 10, 1) << 11) | (bits(second, 12, 3) << 8) | bits(second, 0, 8);
    match expand_immediate(encoded) {
        Some((value, carry)) => by_op(first, second, Operand::Imm { value, carry }),
        None => Instruction::Undefined,
    }
}

/// A5.3.11: `op rd, rn, rm, shift #n`.
pub(super) fn shifted_register(first: u32, second: u32) -> Instruction {
    let amount = (bits(second, 12, 3) << 2) | bits(second, 6, 2);
    let (shift, amount) = decode_shift(bits(second, 4, 2), amount);
    if bits(first, 5, 4) == 0b0110 {
        // PKH: bit 5 selects the form; a shift of 0 is ASR #32 in the top-first form.
        let top_first = bit(second, 5);
        if bit(first, 4) || bit(second, 4) {
            return Instruction::Undefined;
        }
        return Instruction::Pack {
            top_first,
            rd: reg(second, 8),
            rn: reg(first, 0),
            rm: reg(second, 0),
            shift,
            amount,
        };
    }
    by_op(
        first,
        second,
        Operand::Reg {
            rm: reg(second, 0),
            shift,
            amount,
        },
    )
}

/// The op field that both formats share, in bits 8:5 of the first halfword, with S in bit 4.
fn by_op(first: u32, second: u32, operand: Operand) -> Instruction {
    let set_flags = bit(first, 4);
    let (rd, rn) = (reg(second, 8), reg(first, 0));
    let alu = |op| Instruction::Alu {
        op,
        set_flags,
        rd,
        rn,
        operand,
    };
    let or_flags_only = |op, flags_only: AluOp| match (rd, set_flags) {
        (PC, true) => Instruction::Alu {
            op: flags_only,
            set_flags: true,
            rd: 0,
            rn,
            operand,
        },
        (PC, false) => Instruction::Undefined,
        _ => alu(op),
    };
    let or_move = |op, moving: AluOp| match rn {
        PC => Instruction::Alu {
            op: moving,
            set_flags,
            rd,
            rn: 0,
            operand,
        },
        _ => alu(op),
    };
    let decoded = match bits(first, 5, 4) {
        0b0000 => or_flags_only(AluOp::And, AluOp::Tst),
        0b0001 => alu(AluOp::Bic),
        0b0010 => or_move(AluOp::Orr, AluOp::Mov),
        0b0011 => or_move(AluOp::Orn, AluOp::Mvn),
        0b0100 => or_flags_only(AluOp::Eor, AluOp::Teq),
        0b1000 => or_flags_only(AluOp::Add, AluOp::Cmn),
        0b1010 => alu(AluOp::Adc),
        0b1011 => alu(AluOp::Sbc),
        0b1101 => or_flags_only(AluOp::Sub, AluOp::Cmp),
        0b1110 => alu(AluOp::Rsb),
        _ => Instruction::Undefined,
    };
    match decoded {
        // A 32-bit data-processing instruction neither writes nor reads PC.
        Instruction::Alu { op, rd: PC, .. } if !op.only_sets_flags() => Instruction::Undefined,
        Instruction::Alu { rn: PC, .. } => Instruction::Undefined,
        Instruction::Alu {
            operand: Operand::Reg { rm: PC, .. },
            ..
        } => Instruction::Undefined,
        other => other,
    }
}

/// A5.3.3: plain 12- and 16-bit immediates, bit fields and saturation.
pub(super) fn plain_immediate(pc: u32, first: u32, second: u32) -> Instruction {
    let (rd, rn) = (reg(second, 8), reg(first, 0));
    let imm12 = (bits(first, 10, 1) << 11) | (bits(second, 12, 3) << 8) | bits(second, 0, 8);
    let imm16 = (bits(first, 0, 4) << 12) | imm12;
    let lsb = ((bits(second, 12, 3) << 2) | bits(second, 6, 2)) as u8;
    let low5 = bits(second, 0, 5) as u8;
    let constant = |value| Operand::Imm { value, carry: None };
    if rd == PC || rd == SP && !matches!(bits(first, 4, 5), 0b00000 | 0b01010) {
        return Instruction::Undefined;
    }
    match bits(first, 4, 5) {
        0b00000 if rn == PC => mov(rd, aligned_pc(pc).wrapping_add(imm12)),
        0b00000 => Instruction::Alu {
            op: AluOp::Add,
            set_flags: false,
            rd,
            rn,
            operand: constant(imm12),
        },
        0b00100 => mov(rd, imm16),
        0b01010 if rn == PC => mov(rd, aligned_pc(pc).wrapping_sub(imm12)),
        0b01010 => Instruction::Alu {
            op: AluOp::Sub,
            set_flags: false,
            rd,
            rn,
            operand: constant(imm12),
        },
        0b01100 => Instruction::MovTop {
            rd,
            imm16: imm16 as u16,
        },
        op @ (0b10000 | 0b10010 | 0b11000 | 0b11010) => {
            let signed = op & 0b01000 == 0;
            if op & 0b00010 != 0 && lsb == 0 {
                let bits = if signed { low5 + 1 } else { low5 };
                return Instruction::Saturate16 { signed, rd, rn, bits };
            }
            let shift = if op & 0b00010 != 0 { Shift::Asr } else { Shift::Lsl };
            let bits = if signed { low5 + 1 } else { low5 };
            Instruction::Saturate {
                signed,
                rd,
                rn,
                bits,
                shift,
                amount: lsb,
            }
        }
        op @ (0b10100 | 0b11100) if u32::from(lsb) + u32::from(low5) < 32 => Instruction::BitFieldExtract {
            signed: op == 0b10100,
            rd,
            rn,
            lsb,
            width: low5 + 1,
        },
        0b10110 if low5 >= lsb => Instruction::BitFieldInsert {
            rd,
            rn,
            lsb,
            width: low5 - lsb + 1,
        },
        _ => Instruction::Undefined,
    }
}

fn mov(rd: Reg, value: u32) -> Instruction {
    Instruction::Alu {
        op: AluOp::Mov,
        set_flags: false,
        rd,
        rn: 0,
        operand: Operand::Imm { value, carry: None },
    }
}

/// A5.3.12–A5.3.15: shifts by register, extensions, parallel arithmetic, miscellaneous.
pub(super) fn register(first: u32, second: u32) -> Instruction {
    let op1 = bits(first, 4, 4);
    let op2 = bits(second, 4, 4);
    let (rd, rn, rm) = (reg(second, 8), reg(first, 0), reg(second, 0));
    if bits(second, 12, 4) != 0b1111 || [rd, rm].iter().any(|&r| r == PC || r == SP) || rn == SP {
        return Instruction::Undefined;
    }
    if op1 & 0b1000 == 0 {
        if op2 == 0 {
            let shift = [Shift::Lsl, Shift::Lsr, Shift::Asr, Shift::Ror][(op1 >> 1) as usize];
            return match rn {
                PC => Instruction::Undefined,
                _ => Instruction::ShiftByRegister {
                    shift,
                    set_flags: op1 & 1 != 0,
                    rd,
                    rn,
                    rm,
                },
            };
        }
        if op2 & 0b1000 == 0 {
            return Instruction::Undefined;
        }
        let extension = match op1 {
            0b000 => Extension::SignedHalf,
            0b001 => Extension::UnsignedHalf,
            0b010 => Extension::SignedByte16,
            0b011 => Extension::UnsignedByte16,
            0b100 => Extension::SignedByte,
            0b101 => Extension::UnsignedByte,
            _ => return Instruction::Undefined,
        };
        return Instruction::Extend {
            extension,
            rd,
            rn,
            rm,
            rotate: (op2 & 3) as u8 * 8,
        };
    }
    if rn == PC {
        return Instruction::Undefined;
    }
    if op2 & 0b1000 == 0 {
        return parallel(op1, op2, rd, rn, rm);
    }
    if op2 & 0b0100 != 0 {
        return Instruction::Undefined;
    }
    let reverse = |reversal| match rn == rm {
        true => Instruction::Reverse { reversal, rd, rm },
        false => Instruction::Undefined,
    };
    match (op1, op2 & 3) {
        (0b1000, op) => {
            let op = [
                SaturatingOp::Qadd,
                SaturatingOp::Qdadd,
                SaturatingOp::Qsub,
                SaturatingOp::Qdsub,
            ][op as usize];
            Instruction::Saturating { op, rd, rm, rn }
        }
        (0b1001, 0) => reverse(Reversal::Rev),
        (0b1001, 1) => reverse(Reversal::Rev16),
        (0b1001, 2) => reverse(Reversal::Rbit),
        (0b1001, 3) => reverse(Reversal::Revsh),
        (0b1010, 0) => Instruction::Select { rd, rn, rm },
        (0b1011, 0) => reverse(Reversal::Clz),
        _ => Instruction::Undefined,
    }
}

/// A5.3.13, A5.3.14.
fn parallel(op1: u32, op2: u32, rd: Reg, rn: Reg, rm: Reg) -> Instruction {
    let op = match op1 & 0b111 {
        0b001 => ParallelOp::Add16,
        0b010 => ParallelOp::Asx,
        0b110 => ParallelOp::Sax,
        0b101 => ParallelOp::Sub16,
        0b000 => ParallelOp::Add8,
        0b100 => ParallelOp::Sub8,
        _ => return Instruction::Undefined,
    };
    let lanes = match op2 {
        0b0000 => Lanes::Signed,
        0b0001 => Lanes::SignedSaturating,
        0b0010 => Lanes::SignedHalving,
        0b0100 => Lanes::Unsigned,
        0b0101 => Lanes::UnsignedSaturating,
        0b0110 => Lanes::UnsignedHalving,
        _ => return Instruction::Undefined,
    };
    Instruction::Parallel { lanes, op, rd, rn, rm }
}

/// A7.4.2 DecodeImmShift.
pub(super) fn decode_shift(kind: u32, amount: u32) -> (Shift, u8) {
    match (kind, amount) {
        (0b00, n) => (Shift::Lsl, n as u8),
        (0b01, 0) => (Shift::Lsr, 32),
        (0b01, n) => (Shift::Lsr, n as u8),
        (0b10, 0) => (Shift::Asr, 32),
        (0b10, n) => (Shift::Asr, n as u8),
        (_, 0) => (Shift::Rrx, 1),
        (_, n) => (Shift::Ror, n as u8),
    }
}

/// A5.3.2 ThumbExpandImm_C: the constant, and its carry (if it sets one). `None` if unpredictable.
fn expand_immediate(encoded: u32) -> Option<(u32, Option<bool>)> {
    let imm8 = bits(encoded, 0, 8);
    if bits(encoded, 10, 2) == 0 {
        let value = match bits(encoded, 8, 2) {
            0b00 => imm8,
            _ if imm8 == 0 => return None,
            0b01 => imm8 << 16 | imm8,
            0b10 => imm8 << 24 | imm8 << 8,
            _ => imm8 * 0x0101_0101,
        };
        return Some((value, None));
    }
    let value = (0x80 | bits(encoded, 0, 7)).rotate_right(bits(encoded, 7, 5));
    Some((value, Some(bit(value, 31))))
}
