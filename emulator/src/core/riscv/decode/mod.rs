//! Decodes encodings to instructions: the 32-bit formats here (unprivileged specification, chapter 24 "RV32/64G
//! Instruction Set Listings"), the 16-bit ones in `compressed`.

mod compressed;

use super::instruction::{AluOp, AmoOp, Comparison, CsrOp, CsrSource, Instruction, Reg, Width};

/// The decoded instruction, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) instruction: Instruction,
    /// 2 or 4.
    pub(super) bytes: u8,
}

/// Whether the encoding that begins with `first` has more than these 16 bits (1.5 "Base Instruction-Length Encoding").
pub(super) fn is_wide(first: u16) -> bool {
    first & 3 == 3
}

/// Decodes the instruction at `pc` that begins with `first`; `second` matters only if it is wide.
pub(super) fn decode(pc: u32, first: u16, second: u16) -> Decoded {
    if !is_wide(first) {
        let instruction = compressed::decode(pc, first).unwrap_or(Instruction::Illegal { bits: u32::from(first) });
        return Decoded { instruction, bytes: 2 };
    }
    let bits = u32::from(first) | u32::from(second) << 16;
    let instruction = decode_wide(pc, bits).unwrap_or(Instruction::Illegal { bits });
    Decoded { instruction, bytes: 4 }
}

fn decode_wide(pc: u32, bits: u32) -> Option<Instruction> {
    use Instruction as I;
    let (rd, rs1, rs2) = (reg(bits >> 7), reg(bits >> 15), reg(bits >> 20));
    let funct3 = bits >> 12 & 7;
    let funct7 = bits >> 25;
    // Immediates of the formats (2.3 "Immediate Encoding Variants").
    let i_imm = (bits as i32 >> 20) as u32;
    let u_imm = bits & 0xffff_f000;
    Some(match bits & 0x7f {
        0x37 => I::Constant { rd, value: u_imm },
        0x17 => I::Constant {
            rd,
            value: pc.wrapping_add(u_imm),
        },
        0x6f => I::Jump {
            rd,
            target: pc.wrapping_add(j_imm(bits)),
        },
        0x67 if funct3 == 0 => I::JumpRegister { rd, rs1, imm: i_imm },
        0x63 => I::Branch {
            comparison: comparison(funct3)?,
            rs1,
            rs2,
            target: pc.wrapping_add(b_imm(bits)),
        },
        0x03 => I::Load {
            width: load_width(funct3)?,
            rd,
            rs1,
            imm: i_imm,
        },
        0x23 => I::Store {
            width: store_width(funct3)?,
            rs2,
            rs1,
            imm: (bits as i32 >> 25 << 5) as u32 | bits >> 7 & 31,
        },
        0x13 => {
            let (op, imm) = match (funct3, funct7) {
                (0, _) => (AluOp::Add, i_imm),
                (2, _) => (AluOp::Slt, i_imm),
                (3, _) => (AluOp::Sltu, i_imm),
                (4, _) => (AluOp::Xor, i_imm),
                (6, _) => (AluOp::Or, i_imm),
                (7, _) => (AluOp::And, i_imm),
                (1, 0) => (AluOp::Sll, u32::from(rs2)),
                (5, 0) => (AluOp::Srl, u32::from(rs2)),
                (5, 0x20) => (AluOp::Sra, u32::from(rs2)),
                _ => return None,
            };
            I::AluImmediate { op, rd, rs1, imm }
        }
        0x33 => I::Alu {
            op: alu_op(funct3, funct7)?,
            rd,
            rs1,
            rs2,
        },
        0x0f => match funct3 {
            0 => I::Fence,
            1 => I::FenceI,
            _ => return None,
        },
        0x2f if funct3 == 2 => atomic(funct7 >> 2, rd, rs1, rs2)?,
        0x73 => system(bits, rd, rs1, funct3)?,
        _ => return None,
    })
}

fn reg(bits: u32) -> Reg {
    (bits & 31) as Reg
}

fn j_imm(bits: u32) -> u32 {
    (bits as i32 >> 31 << 20) as u32 | bits & 0xf_f000 | bits >> 9 & 0x800 | bits >> 20 & 0x7fe
}

fn b_imm(bits: u32) -> u32 {
    (bits as i32 >> 31 << 12) as u32 | bits << 4 & 0x800 | bits >> 20 & 0x7e0 | bits >> 7 & 0x1e
}

fn comparison(funct3: u32) -> Option<Comparison> {
    Some(match funct3 {
        0 => Comparison::Equal,
        1 => Comparison::NotEqual,
        4 => Comparison::Less,
        5 => Comparison::GreaterOrEqual,
        6 => Comparison::LessUnsigned,
        7 => Comparison::GreaterOrEqualUnsigned,
        _ => return None,
    })
}

fn load_width(funct3: u32) -> Option<Width> {
    Some(match funct3 {
        0 => Width::Byte,
        1 => Width::Half,
        2 => Width::Word,
        4 => Width::ByteUnsigned,
        5 => Width::HalfUnsigned,
        _ => return None,
    })
}

fn store_width(funct3: u32) -> Option<Width> {
    load_width(funct3).filter(|_| funct3 < 3)
}

fn alu_op(funct3: u32, funct7: u32) -> Option<AluOp> {
    Some(match (funct7, funct3) {
        (0x00, 0) => AluOp::Add,
        (0x20, 0) => AluOp::Sub,
        (0x00, 1) => AluOp::Sll,
        (0x00, 2) => AluOp::Slt,
        (0x00, 3) => AluOp::Sltu,
        (0x00, 4) => AluOp::Xor,
        (0x00, 5) => AluOp::Srl,
        (0x20, 5) => AluOp::Sra,
        (0x00, 6) => AluOp::Or,
        (0x00, 7) => AluOp::And,
        (0x01, 0) => AluOp::Mul,
        (0x01, 1) => AluOp::Mulh,
        (0x01, 2) => AluOp::Mulhsu,
        (0x01, 3) => AluOp::Mulhu,
        (0x01, 4) => AluOp::Div,
        (0x01, 5) => AluOp::Divu,
        (0x01, 6) => AluOp::Rem,
        (0x01, 7) => AluOp::Remu,
        _ => return None,
    })
}

/// The A extension; `aq` and `rl` order nothing on one hart (8.2, 8.4).
fn atomic(funct5: u32, rd: Reg, rs1: Reg, rs2: Reg) -> Option<Instruction> {
    use Instruction as I;
    let op = match funct5 {
        0x02 => return (rs2 == 0).then_some(I::LoadReserved { rd, rs1 }),
        0x03 => return Some(I::StoreConditional { rd, rs1, rs2 }),
        0x00 => AmoOp::Add,
        0x01 => AmoOp::Swap,
        0x04 => AmoOp::Xor,
        0x08 => AmoOp::Or,
        0x0c => AmoOp::And,
        0x10 => AmoOp::Min,
        0x14 => AmoOp::Max,
        0x18 => AmoOp::MinUnsigned,
        0x1c => AmoOp::MaxUnsigned,
        _ => return None,
    };
    Some(I::Amo { op, rd, rs1, rs2 })
}

/// SYSTEM: Zicsr (9.1), ECALL and EBREAK (2.8), MRET and WFI (privileged specification 3.3).
fn system(bits: u32, rd: Reg, rs1: Reg, funct3: u32) -> Option<Instruction> {
    use Instruction as I;
    let op = match funct3 & 3 {
        1 => CsrOp::Write,
        2 => CsrOp::Set,
        3 => CsrOp::Clear,
        _ => {
            return Some(match bits {
                0x0000_0073 => I::EnvironmentCall,
                0x0010_0073 => I::Breakpoint,
                0x3020_0073 => I::MachineReturn,
                0x1050_0073 => I::WaitForInterrupt,
                _ => return None,
            });
        }
    };
    let source = if funct3 >= 4 {
        CsrSource::Immediate(rs1)
    } else {
        CsrSource::Register(rs1)
    };
    Some(I::Csr {
        op,
        rd,
        csr: (bits >> 20) as u16,
        source,
    })
}
