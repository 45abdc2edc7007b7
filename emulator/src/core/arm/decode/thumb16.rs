//! A5.2: 16-bit encodings.

use super::{aligned_pc, bit, bits, low_reg, reg, sign_extend};
use crate::core::arm::instruction::{
    Address, AluOp, Condition, Extension, Hint, Instruction, LR, Operand, PC, Reg, Reversal, SP, Shift, Width,
};

pub(super) fn decode(pc: u32, word: u32, in_it: bool) -> Instruction {
    let set_flags = !in_it;
    match word >> 10 {
        0b000000..=0b001111 => shift_add_move_compare(word, set_flags),
        0b010000 => data_processing(word, set_flags),
        0b010001 => special_data_and_branch(word),
        0b010010 | 0b010011 => {
            let target = aligned_pc(pc).wrapping_add(bits(word, 0, 8) << 2);
            load(Width::Word, low_reg(word, 8), Address::Literal(target))
        }
        0b010100..=0b100111 => load_store_single(word),
        0b101000 | 0b101001 => {
            let value = aligned_pc(pc).wrapping_add(bits(word, 0, 8) << 2);
            alu(AluOp::Mov, false, low_reg(word, 8), 0, imm(value))
        }
        0b101010 | 0b101011 => alu(AluOp::Add, false, low_reg(word, 8), SP, imm(bits(word, 0, 8) << 2)),
        0b101100..=0b101111 => miscellaneous(pc, word),
        0b110000 | 0b110001 => Instruction::StoreMultiple {
            rn: low_reg(word, 8),
            list: bits(word, 0, 8) as u16,
            write_back: true,
            before: false,
        },
        0b110010 | 0b110011 => {
            let (rn, list) = (low_reg(word, 8), bits(word, 0, 8) as u16);
            Instruction::LoadMultiple {
                rn,
                list,
                write_back: list >> rn & 1 == 0,
                before: false,
            }
        }
        0b110100..=0b110111 => match bits(word, 8, 4) {
            0b1110 => Instruction::Undefined,
            0b1111 => Instruction::SupervisorCall {
                imm: bits(word, 0, 8) as u8,
            },
            condition => match Condition::from_bits(condition) {
                Some(condition) => Instruction::Branch {
                    condition,
                    target: pc
                        .wrapping_add(4)
                        .wrapping_add_signed(sign_extend(bits(word, 0, 8) << 1, 9)),
                },
                None => Instruction::Undefined,
            },
        },
        0b111000 | 0b111001 => Instruction::Branch {
            condition: Condition::Al,
            target: pc
                .wrapping_add(4)
                .wrapping_add_signed(sign_extend(bits(word, 0, 11) << 1, 12)),
        },
        _ => Instruction::Undefined,
    }
}

fn alu(op: AluOp, set_flags: bool, rd: Reg, rn: Reg, operand: Operand) -> Instruction {
    Instruction::Alu {
        op,
        set_flags,
        rd,
        rn,
        operand,
    }
}

fn imm(value: u32) -> Operand {
    Operand::Imm { value, carry: None }
}

fn register(rm: Reg) -> Operand {
    Operand::Reg {
        rm,
        shift: Shift::Lsl,
        amount: 0,
    }
}

fn load(width: Width, rt: Reg, address: Address) -> Instruction {
    Instruction::Load {
        width,
        rt,
        address,
        unprivileged: false,
    }
}

fn store(width: Width, rt: Reg, address: Address) -> Instruction {
    Instruction::Store {
        width,
        rt,
        address,
        unprivileged: false,
    }
}

/// A5.2.1.
fn shift_add_move_compare(word: u32, set_flags: bool) -> Instruction {
    let (rd, rm) = (low_reg(word, 0), low_reg(word, 3));
    let imm5 = bits(word, 6, 5) as u8;
    let shifted = |shift, amount| alu(AluOp::Mov, set_flags, rd, 0, Operand::Reg { rm, shift, amount });
    let (wide_rd, imm8) = (low_reg(word, 8), imm(bits(word, 0, 8)));
    match bits(word, 9, 5) {
        0b00000..=0b00011 => shifted(Shift::Lsl, imm5),
        0b00100..=0b00111 => shifted(Shift::Lsr, if imm5 == 0 { 32 } else { imm5 }),
        0b01000..=0b01011 => shifted(Shift::Asr, if imm5 == 0 { 32 } else { imm5 }),
        0b01100 => alu(AluOp::Add, set_flags, rd, rm, register(low_reg(word, 6))),
        0b01101 => alu(AluOp::Sub, set_flags, rd, rm, register(low_reg(word, 6))),
        0b01110 => alu(AluOp::Add, set_flags, rd, rm, imm(bits(word, 6, 3))),
        0b01111 => alu(AluOp::Sub, set_flags, rd, rm, imm(bits(word, 6, 3))),
        0b10000..=0b10011 => alu(AluOp::Mov, set_flags, wide_rd, 0, imm8),
        0b10100..=0b10111 => alu(AluOp::Cmp, true, 0, wide_rd, imm8),
        0b11000..=0b11011 => alu(AluOp::Add, set_flags, wide_rd, wide_rd, imm8),
        _ => alu(AluOp::Sub, set_flags, wide_rd, wide_rd, imm8),
    }
}

/// A5.2.2.
fn data_processing(word: u32, set_flags: bool) -> Instruction {
    let (rd, rm) = (low_reg(word, 0), low_reg(word, 3));
    let op = |op| alu(op, set_flags, rd, rd, register(rm));
    let flags = |op| alu(op, true, 0, rd, register(rm));
    let shift = |shift| Instruction::ShiftByRegister {
        shift,
        set_flags,
        rd,
        rn: rd,
        rm,
    };
    match bits(word, 6, 4) {
        0b0000 => op(AluOp::And),
        0b0001 => op(AluOp::Eor),
        0b0010 => shift(Shift::Lsl),
        0b0011 => shift(Shift::Lsr),
        0b0100 => shift(Shift::Asr),
        0b0101 => op(AluOp::Adc),
        0b0110 => op(AluOp::Sbc),
        0b0111 => shift(Shift::Ror),
        0b1000 => flags(AluOp::Tst),
        0b1001 => alu(AluOp::Rsb, set_flags, rd, rm, imm(0)),
        0b1010 => flags(AluOp::Cmp),
        0b1011 => flags(AluOp::Cmn),
        0b1100 => op(AluOp::Orr),
        0b1101 => Instruction::Multiply {
            set_flags,
            rd,
            rn: rm,
            rm: rd,
        },
        0b1110 => op(AluOp::Bic),
        _ => alu(AluOp::Mvn, set_flags, rd, 0, register(rm)),
    }
}

/// A5.2.3.
fn special_data_and_branch(word: u32) -> Instruction {
    let rm = reg(word, 3);
    let rd = low_reg(word, 0) | (bits(word, 7, 1) << 3) as u8;
    match bits(word, 8, 2) {
        0b00 => alu(AluOp::Add, false, rd, rd, register(rm)),
        0b01 if rd == PC || rm == PC => Instruction::Undefined,
        0b01 => alu(AluOp::Cmp, true, 0, rd, register(rm)),
        0b10 => alu(AluOp::Mov, false, rd, 0, register(rm)),
        _ if bits(word, 0, 3) != 0 => Instruction::Undefined,
        _ if bit(word, 7) && rm == PC => Instruction::Undefined,
        _ if bit(word, 7) => Instruction::BranchLinkExchange { rm },
        _ => Instruction::BranchExchange { rm },
    }
}

/// A5.2.4.
fn load_store_single(word: u32) -> Instruction {
    let (rt, rn) = (low_reg(word, 0), low_reg(word, 3));
    let by_register = Address::Register {
        rn,
        rm: low_reg(word, 6),
        shift: 0,
    };
    let offset = |scale: u32| Address::Offset {
        rn,
        imm: (bits(word, 6, 5) << scale) as i32,
    };
    let from_sp = Address::Offset {
        rn: SP,
        imm: (bits(word, 0, 8) << 2) as i32,
    };
    match bits(word, 9, 7) {
        0b0101000 => store(Width::Word, rt, by_register),
        0b0101001 => store(Width::Half, rt, by_register),
        0b0101010 => store(Width::Byte, rt, by_register),
        0b0101011 => load(Width::SignedByte, rt, by_register),
        0b0101100 => load(Width::Word, rt, by_register),
        0b0101101 => load(Width::Half, rt, by_register),
        0b0101110 => load(Width::Byte, rt, by_register),
        0b0101111 => load(Width::SignedHalf, rt, by_register),
        op => match op >> 2 {
            0b01100 => store(Width::Word, rt, offset(2)),
            0b01101 => load(Width::Word, rt, offset(2)),
            0b01110 => store(Width::Byte, rt, offset(0)),
            0b01111 => load(Width::Byte, rt, offset(0)),
            0b10000 => store(Width::Half, rt, offset(1)),
            0b10001 => load(Width::Half, rt, offset(1)),
            0b10010 => store(Width::Word, low_reg(word, 8), from_sp),
            _ => load(Width::Word, low_reg(word, 8), from_sp),
        },
    }
}

/// A5.2.5.
fn miscellaneous(pc: u32, word: u32) -> Instruction {
    let (rd, rm) = (low_reg(word, 0), low_reg(word, 3));
    let extend = |extension| Instruction::Extend {
        extension,
        rd,
        rn: PC,
        rm,
        rotate: 0,
    };
    let reverse = |reversal| Instruction::Reverse { reversal, rd, rm };
    match bits(word, 5, 7) {
        0b0000000..=0b0000011 => alu(AluOp::Add, false, SP, SP, imm(bits(word, 0, 7) << 2)),
        0b0000100..=0b0000111 => alu(AluOp::Sub, false, SP, SP, imm(bits(word, 0, 7) << 2)),
        0b0010000 | 0b0010001 => extend(Extension::SignedHalf),
        0b0010010 | 0b0010011 => extend(Extension::SignedByte),
        0b0010100 | 0b0010101 => extend(Extension::UnsignedHalf),
        0b0010110 | 0b0010111 => extend(Extension::UnsignedByte),
        op if op & 0b0101000 == 0b0001000 => {
            let offset = (bits(word, 9, 1) << 6) | (bits(word, 3, 5) << 1);
            Instruction::CompareBranch {
                nonzero: bit(word, 11),
                rn: low_reg(word, 0),
                target: pc.wrapping_add(4).wrapping_add(offset),
            }
        }
        op if op & 0b1110000 == 0b0100000 => {
            let list = bits(word, 0, 8) as u16 | (bits(word, 8, 1) << LR) as u16;
            match list {
                0 => Instruction::Undefined,
                _ => Instruction::StoreMultiple {
                    rn: SP,
                    list,
                    write_back: true,
                    before: true,
                },
            }
        }
        0b0110011 if !bit(word, 3) => Instruction::ChangeState {
            disable: bit(word, 4),
            primask: bit(word, 1),
            faultmask: bit(word, 0),
        },
        0b1010000 | 0b1010001 => reverse(Reversal::Rev),
        0b1010010 | 0b1010011 => reverse(Reversal::Rev16),
        0b1010110 | 0b1010111 => reverse(Reversal::Revsh),
        op if op & 0b1110000 == 0b1100000 => {
            let list = bits(word, 0, 8) as u16 | (bits(word, 8, 1) << PC) as u16;
            match list {
                0 => Instruction::Undefined,
                _ => Instruction::LoadMultiple {
                    rn: SP,
                    list,
                    write_back: true,
                    before: false,
                },
            }
        }
        op if op & 0b1111000 == 0b1110000 => Instruction::Breakpoint {
            imm: bits(word, 0, 8) as u8,
        },
        op if op & 0b1111000 == 0b1111000 => if_then_and_hints(word),
        _ => Instruction::Undefined,
    }
}

fn if_then_and_hints(word: u32) -> Instruction {
    let mask = bits(word, 0, 4);
    if mask != 0 {
        return match (Condition::from_bits(bits(word, 4, 4)), mask.count_ones()) {
            (None, _) => Instruction::Undefined,
            (Some(Condition::Al), ones) if ones != 1 => Instruction::Undefined,
            _ => Instruction::IfThen {
                state: bits(word, 0, 8) as u8,
            },
        };
    }
    Instruction::Hint(match bits(word, 4, 4) {
        0b0010 => Hint::Wfe,
        0b0011 => Hint::Wfi,
        0b0100 => Hint::Sev,
        _ => Hint::Nop,
    })
}
