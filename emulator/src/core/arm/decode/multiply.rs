//! A5.3.16, A5.3.17: multiplies and divides.

use super::{bit, bits, reg};
use crate::core::arm::instruction::{DspMultiply, Instruction, LongMultiply, PC, SP};

/// A5.3.16.
pub(super) fn multiply(first: u32, second: u32) -> Instruction {
    let (op1, op2) = (bits(first, 4, 3), bits(second, 4, 2));
    let (rd, rn, rm, ra) = (reg(second, 8), reg(first, 0), reg(second, 0), reg(second, 12));
    if bits(second, 6, 2) != 0 || [rd, rn, rm].iter().any(|&r| r == SP || r == PC) || ra == SP {
        return Instruction::Undefined;
    }
    let dsp = |op| Instruction::MultiplyDsp { op, rd, rn, rm, ra };
    let (high, low) = (op2 & 2 != 0, op2 & 1 != 0);
    match (op1, op2) {
        (0b000, 0b00) if ra == PC => Instruction::Multiply {
            set_flags: false,
            rd,
            rn,
            rm,
        },
        (0b000, 0b00) => Instruction::MultiplyAccumulate {
            subtract: false,
            rd,
            rn,
            rm,
            ra,
        },
        (0b000, 0b01) if ra != PC => Instruction::MultiplyAccumulate {
            subtract: true,
            rd,
            rn,
            rm,
            ra,
        },
        (0b001, _) => dsp(DspMultiply::Halves {
            n_top: high,
            m_top: low,
        }),
        (0b010, 0b00 | 0b01) => dsp(DspMultiply::DualAdd { exchange: low }),
        (0b011, 0b00 | 0b01) => dsp(DspMultiply::WordByHalf { m_top: low }),
        (0b100, 0b00 | 0b01) => dsp(DspMultiply::DualSubtract { exchange: low }),
        (0b101, 0b00 | 0b01) => dsp(DspMultiply::MostSignificantAdd { round: low }),
        (0b110, 0b00 | 0b01) if ra != PC => dsp(DspMultiply::MostSignificantSubtract { round: low }),
        (0b111, 0b00) => dsp(DspMultiply::SumOfDifferences),
        _ => Instruction::Undefined,
    }
}

/// A5.3.17.
pub(super) fn long(first: u32, second: u32) -> Instruction {
    let (op1, op2) = (bits(first, 4, 3), bits(second, 4, 4));
    let (rd_lo, rd_hi, rn, rm) = (reg(second, 12), reg(second, 8), reg(first, 0), reg(second, 0));
    let divide = |signed| match rd_lo {
        0b1111 => Instruction::Divide {
            signed,
            rd: rd_hi,
            rn,
            rm,
        },
        _ => Instruction::Undefined,
    };
    if [rd_hi, rn, rm].iter().any(|&r| r == SP || r == PC) {
        return Instruction::Undefined;
    }
    let op = match (op1, op2) {
        (0b001, 0b1111) => return divide(true),
        (0b011, 0b1111) => return divide(false),
        (0b000, 0b0000) => LongMultiply::Smull,
        (0b010, 0b0000) => LongMultiply::Umull,
        (0b100, 0b0000) => LongMultiply::Smlal,
        (0b100, 0b1000..=0b1011) => LongMultiply::SmlalHalves {
            n_top: bit(second, 5),
            m_top: bit(second, 4),
        },
        (0b100, 0b1100 | 0b1101) => LongMultiply::Smlald {
            exchange: bit(second, 4),
        },
        (0b101, 0b1100 | 0b1101) => LongMultiply::Smlsld {
            exchange: bit(second, 4),
        },
        (0b110, 0b0000) => LongMultiply::Umlal,
        (0b110, 0b0110) => LongMultiply::Umaal,
        _ => return Instruction::Undefined,
    };
    if rd_lo == SP || rd_lo == PC || rd_lo == rd_hi {
        return Instruction::Undefined;
    }
    Instruction::MultiplyLong {
        op,
        rd_lo,
        rd_hi,
        rn,
        rm,
    }
}
