//! The C extension, RV32 (unprivileged specification, chapter 16, tables 16.5 to 16.7). Hints decode to their
//! expansion, which has no effect; reserved encodings and those of the missing F and D extensions are `None`.

use crate::core::riscv::instruction::{AluOp, Comparison, Instruction, Reg, Width};

const RA: Reg = 1;
const SP: Reg = 2;

pub(super) fn decode(pc: u32, half: u16) -> Option<Instruction> {
    let bits = u32::from(half);
    match bits & 3 {
        0 => quadrant0(bits),
        1 => quadrant1(pc, bits),
        _ => quadrant2(bits),
    }
}

fn quadrant0(bits: u32) -> Option<Instruction> {
    use Instruction as I;
    let (rs1, low) = (short(bits >> 7), short(bits >> 2));
    // uimm[5:3|2|6] of C.LW and C.SW.
    let word = bits >> 7 & 0x38 | bits >> 4 & 4 | bits << 1 & 0x40;
    Some(match bits >> 13 {
        0 => {
            // C.ADDI4SPN: nzuimm[5:4|9:6|2|3]; all zeroes is the defined illegal instruction.
            let imm = bits >> 7 & 0x30 | bits >> 1 & 0x3c0 | bits >> 4 & 4 | bits >> 2 & 8;
            if imm == 0 {
                return None;
            }
            add(low, SP, imm)
        }
        2 => I::Load {
            width: Width::Word,
            rd: low,
            rs1,
            imm: word,
        },
        6 => I::Store {
            width: Width::Word,
            rs2: low,
            rs1,
            imm: word,
        },
        _ => return None,
    })
}

fn quadrant1(pc: u32, bits: u32) -> Option<Instruction> {
    use Instruction as I;
    let rd = reg(bits >> 7);
    let imm = signed_imm6(bits);
    Some(match bits >> 13 {
        // C.ADDI, C.NOP
        0 => add(rd, rd, imm),
        // C.JAL
        1 => I::Jump {
            rd: RA,
            target: pc.wrapping_add(jump_offset(bits)),
        },
        // C.LI
        2 => I::Constant { rd, value: imm },
        3 if rd == SP => {
            // C.ADDI16SP: nzimm[9|4|6|8:7|5]
            let offset = (bits >> 3 & 0x200)
                | (bits >> 2 & 0x10)
                | (bits << 1 & 0x40)
                | (bits << 4 & 0x180)
                | (bits << 3 & 0x20);
            if offset == 0 {
                return None;
            }
            add(SP, SP, sign_extend(offset, 10))
        }
        // C.LUI
        3 if imm == 0 => return None,
        3 => I::Constant { rd, value: imm << 12 },
        4 => arithmetic(bits)?,
        // C.J
        5 => I::Jump {
            rd: 0,
            target: pc.wrapping_add(jump_offset(bits)),
        },
        // C.BEQZ, C.BNEZ
        funct3 => {
            // offset[8|4:3] … [7:6|2:1|5]
            let offset =
                (bits >> 4 & 0x100) | (bits >> 7 & 0x18) | (bits << 1 & 0xc0) | (bits >> 2 & 6) | (bits << 3 & 0x20);
            let comparison = if funct3 == 6 {
                Comparison::Equal
            } else {
                Comparison::NotEqual
            };
            I::Branch {
                comparison,
                rs1: short(bits >> 7),
                rs2: 0,
                target: pc.wrapping_add(sign_extend(offset, 9)),
            }
        }
    })
}

/// MISC-ALU.
fn arithmetic(bits: u32) -> Option<Instruction> {
    use Instruction as I;
    let rd = short(bits >> 7);
    let immediate = |op, imm| I::AluImmediate { op, rd, rs1: rd, imm };
    let shamt = bits >> 2 & 31;
    // shamt[5] must be zero on RV32.
    let long = bits & 1 << 12 != 0;
    Some(match bits >> 10 & 3 {
        0 | 1 if long => return None,
        0 => immediate(AluOp::Srl, shamt),
        1 => immediate(AluOp::Sra, shamt),
        2 => immediate(AluOp::And, signed_imm6(bits)),
        _ if long => return None,
        _ => {
            let op = match bits >> 5 & 3 {
                0 => AluOp::Sub,
                1 => AluOp::Xor,
                2 => AluOp::Or,
                _ => AluOp::And,
            };
            I::Alu {
                op,
                rd,
                rs1: rd,
                rs2: short(bits >> 2),
            }
        }
    })
}

fn quadrant2(bits: u32) -> Option<Instruction> {
    use Instruction as I;
    let (rd, rs2) = (reg(bits >> 7), reg(bits >> 2));
    let bit12 = bits & 1 << 12 != 0;
    Some(match bits >> 13 {
        // C.SLLI
        0 if bit12 => return None,
        0 => I::AluImmediate {
            op: AluOp::Sll,
            rd,
            rs1: rd,
            imm: bits >> 2 & 31,
        },
        // C.LWSP: uimm[5] [4:2|7:6]
        2 if rd == 0 => return None,
        2 => I::Load {
            width: Width::Word,
            rd,
            rs1: SP,
            imm: bits >> 7 & 0x20 | bits >> 2 & 0x1c | bits << 4 & 0xc0,
        },
        4 => match (bit12, rd, rs2) {
            (false, 0, 0) => return None,
            // C.JR
            (false, _, 0) => I::JumpRegister { rd: 0, rs1: rd, imm: 0 },
            // C.MV
            (false, ..) => I::Alu {
                op: AluOp::Add,
                rd,
                rs1: 0,
                rs2,
            },
            (true, 0, 0) => I::Breakpoint,
            // C.JALR
            (true, _, 0) => I::JumpRegister {
                rd: RA,
                rs1: rd,
                imm: 0,
            },
            // C.ADD
            (true, ..) => I::Alu {
                op: AluOp::Add,
                rd,
                rs1: rd,
                rs2,
            },
        },
        // C.SWSP: uimm[5:2|7:6]
        6 => I::Store {
            width: Width::Word,
            rs2,
            rs1: SP,
            imm: bits >> 7 & 0x3c | bits >> 1 & 0xc0,
        },
        _ => return None,
    })
}

fn add(rd: Reg, rs1: Reg, imm: u32) -> Instruction {
    Instruction::AluImmediate {
        op: AluOp::Add,
        rd,
        rs1,
        imm,
    }
}

fn reg(bits: u32) -> Reg {
    (bits & 31) as Reg
}

/// The three-bit register fields name x8 to x15.
fn short(bits: u32) -> Reg {
    8 + (bits & 7) as Reg
}

fn sign_extend(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)) as i32 >> (32 - bits)) as u32
}

/// imm[5] in bit 12, imm[4:0] in bits 6:2.
fn signed_imm6(bits: u32) -> u32 {
    sign_extend(bits >> 7 & 0x20 | bits >> 2 & 0x1f, 6)
}

/// offset[11|4|9:8|10|6|7|3:1|5] of C.J and C.JAL.
fn jump_offset(bits: u32) -> u32 {
    let offset = (bits >> 1 & 0x800)
        | (bits >> 7 & 0x10)
        | (bits >> 1 & 0x300)
        | (bits << 2 & 0x400)
        | (bits >> 1 & 0x40)
        | (bits << 1 & 0x80)
        | (bits >> 2 & 0xe)
        | (bits << 3 & 0x20);
    sign_extend(offset, 12)
}
