//! Data processing: arithmetic, logic, shifts, bit fields, extensions (A7.4, A7.7).

use super::Flow;
use crate::core::arm::CortexM;
use crate::core::arm::instruction::{AluOp, Extension, Operand, PC, Reg, Reversal, Shift};

/// AddWithCarry (A2.2.1): result, carry, overflow (in bit 31).
#[inline(always)]
pub(in crate::core::arm) fn add_with_carry(x: u32, y: u32, carry: u32) -> (u32, u32, u32) {
    let wide = u64::from(x) + u64::from(y) + u64::from(carry);
    let result = wide as u32;
    (result, (wide >> 32) as u32, (x ^ result) & (y ^ result))
}

/// Shift_C (A7.4.3) for any amount.
#[inline(always)]
pub(in crate::core::arm) fn shift_with_carry(value: u32, shift: Shift, amount: u32, carry: u32) -> (u32, u32) {
    if amount == 0 {
        return (value, carry);
    }
    match shift {
        Shift::Lsl => match amount {
            1..=31 => (value << amount, value >> (32 - amount) & 1),
            32 => (0, value & 1),
            _ => (0, 0),
        },
        Shift::Lsr => match amount {
            1..=31 => (value >> amount, value >> (amount - 1) & 1),
            32 => (0, value >> 31),
            _ => (0, 0),
        },
        Shift::Asr => match amount {
            1..=31 => (((value as i32) >> amount) as u32, value >> (amount - 1) & 1),
            _ => (((value as i32) >> 31) as u32, value >> 31),
        },
        Shift::Ror => {
            let result = value.rotate_right(amount & 31);
            (result, result >> 31)
        }
        Shift::Rrx => (carry << 31 | value >> 1, value & 1),
    }
}

impl CortexM {
    #[inline(always)]
    fn operand(&self, operand: Operand) -> (u32, u32) {
        match operand {
            Operand::Imm { value, carry } => (value, carry.map_or(self.regs.c, u32::from)),
            Operand::Reg { rm, shift, amount } => {
                shift_with_carry(self.regs.get(rm), shift, u32::from(amount), self.regs.c)
            }
        }
    }

    pub(super) fn alu(&mut self, op: AluOp, set_flags: bool, rd: Reg, rn: Reg, operand: Operand) -> Flow {
        let (y, shifter_carry) = self.operand(operand);
        let x = self.regs.get(rn);
        let logical = |result| (result, shifter_carry, None);
        let arithmetic = |(result, carry, overflow)| (result, carry, Some(overflow));
        let (result, carry, overflow) = match op {
            AluOp::And | AluOp::Tst => logical(x & y),
            AluOp::Bic => logical(x & !y),
            AluOp::Orr => logical(x | y),
            AluOp::Orn => logical(x | !y),
            AluOp::Eor | AluOp::Teq => logical(x ^ y),
            AluOp::Mov => logical(y),
            AluOp::Mvn => logical(!y),
            AluOp::Add | AluOp::Cmn => arithmetic(add_with_carry(x, y, 0)),
            AluOp::Adc => arithmetic(add_with_carry(x, y, self.regs.c)),
            AluOp::Sub | AluOp::Cmp => arithmetic(add_with_carry(x, !y, 1)),
            AluOp::Sbc => arithmetic(add_with_carry(x, !y, self.regs.c)),
            AluOp::Rsb => arithmetic(add_with_carry(!x, y, 1)),
        };
        if set_flags {
            self.regs.set_nz(result);
            self.regs.c = carry;
            if let Some(overflow) = overflow {
                self.regs.v = overflow;
            }
        }
        if !op.only_sets_flags() {
            if rd == PC {
                // ALUWritePC: only ADD and MOV (register) get here; no interworking.
                return Flow::Jump(result & !1);
            }
            self.regs.set(rd, result);
        }
        Flow::Next
    }

    pub(super) fn shift_by_register(&mut self, shift: Shift, set_flags: bool, rd: Reg, rn: Reg, rm: Reg) {
        let amount = self.regs.get(rm) & 0xff;
        let (result, carry) = shift_with_carry(self.regs.get(rn), shift, amount, self.regs.c);
        if set_flags {
            self.regs.set_nz(result);
            self.regs.c = carry;
        }
        self.regs.set(rd, result);
    }

    pub(super) fn bit_field_insert(&mut self, rd: Reg, rn: Reg, lsb: u8, width: u8) {
        let mask = ones(width) << lsb;
        let source = if rn == PC { 0 } else { self.regs.get(rn) << lsb };
        let result = self.regs.get(rd) & !mask | source & mask;
        self.regs.set(rd, result);
    }

    pub(super) fn bit_field_extract(&mut self, signed: bool, rd: Reg, rn: Reg, lsb: u8, width: u8) {
        let value = self.regs.get(rn);
        let result = match signed {
            true => ((value << (32 - lsb - width)) as i32 >> (32 - width)) as u32,
            false => value >> lsb & ones(width),
        };
        self.regs.set(rd, result);
    }

    pub(super) fn extend(&mut self, extension: Extension, rd: Reg, rn: Reg, rm: Reg, rotate: u8) {
        let value = self.regs.get(rm).rotate_right(u32::from(rotate));
        let addend = if rn == PC { 0 } else { self.regs.get(rn) };
        let lanes = |low: u32, high: u32| {
            let low = addend.wrapping_add(low) & 0xffff;
            let high = (addend >> 16).wrapping_add(high) & 0xffff;
            high << 16 | low
        };
        let result = match extension {
            Extension::SignedByte => addend.wrapping_add(value as i8 as u32),
            Extension::SignedHalf => addend.wrapping_add(value as i16 as u32),
            Extension::UnsignedByte => addend.wrapping_add(value & 0xff),
            Extension::UnsignedHalf => addend.wrapping_add(value & 0xffff),
            Extension::SignedByte16 => lanes(value as i8 as u32, (value >> 16) as i8 as u32),
            Extension::UnsignedByte16 => lanes(value & 0xff, value >> 16 & 0xff),
        };
        self.regs.set(rd, result);
    }

    pub(super) fn reverse(&mut self, reversal: Reversal, rd: Reg, rm: Reg) {
        let value = self.regs.get(rm);
        let result = match reversal {
            Reversal::Rev => value.swap_bytes(),
            Reversal::Rev16 => value.swap_bytes().rotate_right(16),
            Reversal::Revsh => (value as u16).swap_bytes() as i16 as u32,
            Reversal::Rbit => value.reverse_bits(),
            Reversal::Clz => value.leading_zeros(),
        };
        self.regs.set(rd, result);
    }
}

fn ones(width: u8) -> u32 {
    u32::MAX >> (32 - width)
}
