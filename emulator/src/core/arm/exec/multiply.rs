//! Multiplies and divides (A7.7.84 on, "Multiply and divide instructions" A4.4.3).

use crate::core::arm::CortexM;
use crate::core::arm::exceptions::Fault;
use crate::core::arm::instruction::{DspMultiply, LongMultiply, PC, Reg};

impl CortexM {
    pub(super) fn multiply(&mut self, set_flags: bool, rd: Reg, rn: Reg, rm: Reg) {
        let result = self.regs.get(rn).wrapping_mul(self.regs.get(rm));
        if set_flags {
            self.regs.set_nz(result);
        }
        self.regs.set(rd, result);
    }

    pub(super) fn multiply_accumulate(&mut self, subtract: bool, rd: Reg, rn: Reg, rm: Reg, ra: Reg) {
        let product = self.regs.get(rn).wrapping_mul(self.regs.get(rm));
        let addend = self.regs.get(ra);
        let result = if subtract {
            addend.wrapping_sub(product)
        } else {
            addend.wrapping_add(product)
        };
        self.regs.set(rd, result);
    }

    #[inline(always)]
    pub(in crate::core::arm) fn multiply_long(&mut self, op: LongMultiply, rd_lo: Reg, rd_hi: Reg, rn: Reg, rm: Reg) {
        let (n, m) = (self.regs.get(rn), self.regs.get(rm));
        let (low, high) = (self.regs.get(rd_lo), self.regs.get(rd_hi));
        let accumulator = u64::from(high) << 32 | u64::from(low);
        let unsigned = u64::from(n) * u64::from(m);
        let signed = i64::from(n as i32).wrapping_mul(i64::from(m as i32)) as u64;
        let result = match op {
            LongMultiply::Umull => unsigned,
            LongMultiply::Smull => signed,
            LongMultiply::Umlal => accumulator.wrapping_add(unsigned),
            LongMultiply::Smlal => accumulator.wrapping_add(signed),
            LongMultiply::Umaal => unsigned + u64::from(low) + u64::from(high),
            LongMultiply::SmlalHalves { n_top, m_top } => {
                accumulator.wrapping_add((half(n, n_top) * half(m, m_top)) as u64)
            }
            LongMultiply::Smlald { exchange } => {
                let (a, b) = products(n, m, exchange);
                accumulator.wrapping_add((a + b) as u64)
            }
            LongMultiply::Smlsld { exchange } => {
                let (a, b) = products(n, m, exchange);
                accumulator.wrapping_add((a - b) as u64)
            }
        };
        self.regs.set(rd_lo, result as u32);
        self.regs.set(rd_hi, (result >> 32) as u32);
    }

    #[inline(always)]
    pub(in crate::core::arm) fn multiply_dsp(&mut self, op: DspMultiply, rd: Reg, rn: Reg, rm: Reg, ra: Reg) {
        let (n, m) = (self.regs.get(rn), self.regs.get(rm));
        let addend = if ra == PC { 0 } else { self.regs.get(ra) };
        let signed_addend = i64::from(addend as i32);
        // Those that accumulate words set Q when the sum does not fit 32 bits.
        let sum = match op {
            DspMultiply::Halves { n_top, m_top } => half(n, n_top) * half(m, m_top) + signed_addend,
            DspMultiply::WordByHalf { m_top } => ((i64::from(n as i32) * half(m, m_top)) >> 16) + signed_addend,
            DspMultiply::DualAdd { exchange } => {
                let (a, b) = products(n, m, exchange);
                a + b + signed_addend
            }
            DspMultiply::DualSubtract { exchange } => {
                let (a, b) = products(n, m, exchange);
                a - b + signed_addend
            }
            DspMultiply::MostSignificantAdd { round } => {
                let product = i64::from(n as i32) * i64::from(m as i32);
                let sum = (signed_addend << 32)
                    .wrapping_add(product)
                    .wrapping_add(rounding(round));
                return self.regs.set(rd, (sum >> 32) as u32);
            }
            DspMultiply::MostSignificantSubtract { round } => {
                let product = i64::from(n as i32) * i64::from(m as i32);
                let sum = (signed_addend << 32)
                    .wrapping_sub(product)
                    .wrapping_add(rounding(round));
                return self.regs.set(rd, (sum >> 32) as u32);
            }
            DspMultiply::SumOfDifferences => {
                let differences = n
                    .to_le_bytes()
                    .into_iter()
                    .zip(m.to_le_bytes())
                    .map(|(a, b)| u32::from(a.abs_diff(b)));
                return self.regs.set(rd, addend.wrapping_add(differences.sum()));
            }
        };
        if i64::from(sum as i32) != sum {
            self.regs.q = true;
        }
        self.regs.set(rd, sum as u32);
    }

    pub(super) fn divide(&mut self, signed: bool, rd: Reg, rn: Reg, rm: Reg) -> Result<(), Fault> {
        let (n, m) = (self.regs.get(rn), self.regs.get(rm));
        if m == 0 && self.system.scb.traps_division_by_zero() {
            return Err(Fault::DivideByZero);
        }
        let result = match (m, signed) {
            (0, _) => 0,
            (_, true) => (n as i32).wrapping_div(m as i32) as u32,
            (_, false) => n / m,
        };
        self.regs.set(rd, result);
        Ok(())
    }
}

fn half(value: u32, top: bool) -> i64 {
    i64::from((if top { value >> 16 } else { value }) as i16)
}

fn products(n: u32, m: u32, exchange: bool) -> (i64, i64) {
    let m = if exchange { m.rotate_right(16) } else { m };
    (half(n, false) * half(m, false), half(n, true) * half(m, true))
}

fn rounding(round: bool) -> i64 {
    if round { 0x8000_0000 } else { 0 }
}
