//! The floating-point instructions (ARMv7-M A7.7, V…).

use crate::core::arm::CortexM;
use crate::core::arm::exceptions::Fault;
use crate::core::arm::fp::soft::{Comparison, Float};
use crate::core::arm::instruction::{Address, PC, Reg, Vfp, VfpBinary, VfpMove, VfpUnary};

const SIGN: u32 = 1 << 31;

impl CortexM {
    pub(super) fn vfp(&mut self, instruction: &Vfp) -> Result<(), Fault> {
        self.use_fp()?;
        match *instruction {
            Vfp::Binary { op, sd, sn, sm } => self.vfp_binary(op, sd, sn, sm),
            Vfp::Unary { op, sd, sm } => self.vfp_unary(op, sd, sm),
            Vfp::Immediate { sd, value } => self.set_single(sd, value),
            Vfp::Compare { signalling, sd, sm } => self.vfp_compare(signalling, sd, sm),
            Vfp::Fixed {
                to_fixed,
                signed,
                bits,
                fraction_bits,
                sd,
            } => self.vfp_fixed(to_fixed, signed, bits, fraction_bits, sd),
            Vfp::Load { start, count, address } => self.vfp_load(start, count, address)?,
            Vfp::Store { start, count, address } => self.vfp_store(start, count, address)?,
            Vfp::Multiple {
                load,
                start,
                count,
                words,
                rn,
                write_back,
                before,
            } => {
                let base = self.regs.get(rn);
                let bytes = 4 * u32::from(words);
                let end = if before {
                    base.wrapping_sub(bytes)
                } else {
                    base.wrapping_add(bytes)
                };
                let at = if before { end } else { base };
                match load {
                    true => self.load_singles(start, count, at)?,
                    false => self.store_singles(start, count, at)?,
                }
                if write_back {
                    self.regs.set(rn, end);
                }
            }
            Vfp::Move { op, rt, to_core } => self.vfp_move(op, rt, to_core),
            Vfp::MovePair {
                start,
                rt,
                rt2,
                to_core,
            } => {
                for (single, core) in [(start, rt), (start + 1, rt2)] {
                    match to_core {
                        true => self.regs.set(core, self.single(single)),
                        false => self.set_single(single, self.regs.get(core)),
                    }
                }
            }
            Vfp::Undefined => return Err(Fault::UndefinedInstruction),
        }
        Ok(())
    }

    fn single(&self, register: u8) -> u32 {
        self.fp.s[usize::from(register & 31)]
    }

    fn set_single(&mut self, register: u8, value: u32) {
        self.fp.s[usize::from(register & 31)] = value;
    }

    /// Does arithmetic under FPSCR.
    fn with_float<T>(&mut self, calculate: impl FnOnce(&mut Float) -> T) -> T {
        let mut float = Float::new(self.fp.fpscr);
        let result = calculate(&mut float);
        self.fp.fpscr = float.fpscr;
        result
    }

    fn vfp_binary(&mut self, op: VfpBinary, sd: u8, sn: u8, sm: u8) {
        use VfpBinary as B;
        let (d, n, m) = (self.single(sd), self.single(sn), self.single(sm));
        let result = self.with_float(|float| match op {
            B::Add => float.add(n, m),
            B::Subtract => float.subtract(n, m),
            B::Multiply => float.multiply(n, m),
            B::NegatedMultiply => float.multiply(n, m) ^ SIGN,
            B::Divide => float.divide(n, m),
            B::MultiplyAdd => {
                let product = float.multiply(n, m);
                float.add(d, product)
            }
            B::MultiplySubtract => {
                let product = float.multiply(n, m);
                float.add(d, product ^ SIGN)
            }
            B::NegatedMultiplyAdd => {
                let product = float.multiply(n, m);
                float.add(d ^ SIGN, product ^ SIGN)
            }
            B::NegatedMultiplySubtract => {
                let product = float.multiply(n, m);
                float.add(d ^ SIGN, product)
            }
            B::FusedAdd => float.multiply_add(d, n, m),
            B::FusedSubtract => float.multiply_add(d, n ^ SIGN, m),
            B::FusedNegatedAdd => float.multiply_add(d ^ SIGN, n ^ SIGN, m),
            B::FusedNegatedSubtract => float.multiply_add(d ^ SIGN, n, m),
        });
        self.set_single(sd, result);
    }

    fn vfp_unary(&mut self, op: VfpUnary, sd: u8, sm: u8) {
        use VfpUnary as U;
        let (d, m) = (self.single(sd), self.single(sm));
        let result = self.with_float(|float| match op {
            U::Move => m,
            U::Absolute => m & !SIGN,
            U::Negate => m ^ SIGN,
            U::SquareRoot => float.square_root(m),
            U::HalfToSingle { top } => float.half_to_single(if top { m >> 16 } else { m & 0xffff }),
            U::SingleToHalf { top } => {
                let half = float.single_to_half(m);
                match top {
                    true => d & 0xffff | half << 16,
                    false => d & 0xffff_0000 | half,
                }
            }
            U::FromInteger { signed } => {
                let value = if signed { i64::from(m as i32) } else { i64::from(m) };
                float.single_of(value, 0, false)
            }
            U::ToInteger { signed, toward_zero } => float.fixed_of(m, 32, 0, signed, toward_zero),
        });
        self.set_single(sd, result);
    }

    /// VCMP, VCMPE: into FPSCR's flags.
    fn vfp_compare(&mut self, signalling: bool, sd: u8, sm: Option<u8>) {
        let (d, m) = (self.single(sd), sm.map_or(0, |sm| self.single(sm)));
        let nzcv = match self.with_float(|float| float.compare(d, m, signalling)) {
            Comparison::Less => 0b1000,
            Comparison::Equal => 0b0110,
            Comparison::Greater => 0b0010,
            Comparison::Unordered => 0b0011,
        };
        self.fp.fpscr = self.fp.fpscr & 0x0fff_ffff | nzcv << 28;
    }

    fn vfp_fixed(&mut self, to_fixed: bool, signed: bool, bits: u8, fraction_bits: u8, sd: u8) {
        let d = self.single(sd);
        let (bits, fraction_bits) = (u32::from(bits), u32::from(fraction_bits));
        let result = self.with_float(|float| {
            if to_fixed {
                return float.fixed_of(d, bits, fraction_bits, signed, true);
            }
            let value = match (bits, signed) {
                (16, true) => i64::from(d as i16),
                (16, false) => i64::from(d as u16),
                (_, true) => i64::from(d as i32),
                (_, false) => i64::from(d),
            };
            float.single_of(value, fraction_bits, true)
        });
        self.set_single(sd, result);
    }

    fn vfp_load(&mut self, start: u8, count: u8, address: Address) -> Result<(), Fault> {
        let (at, _) = self.resolve(address);
        self.load_singles(start, count, at)
    }

    fn vfp_store(&mut self, start: u8, count: u8, address: Address) -> Result<(), Fault> {
        let (at, _) = self.resolve(address);
        self.store_singles(start, count, at)
    }

    /// Registers are written only when all accesses succeeded.
    fn load_singles(&mut self, start: u8, count: u8, at: u32) -> Result<(), Fault> {
        let mut values = [0; 32];
        for (index, value) in values[..usize::from(count)].iter_mut().enumerate() {
            *value = self.load_aligned_word(at.wrapping_add(4 * index as u32))?;
        }
        let start = usize::from(start);
        self.fp.s[start..start + usize::from(count)].copy_from_slice(&values[..usize::from(count)]);
        Ok(())
    }

    fn store_singles(&mut self, start: u8, count: u8, at: u32) -> Result<(), Fault> {
        for index in 0..count {
            self.store_aligned_word(at.wrapping_add(4 * u32::from(index)), self.single(start + index))?;
        }
        Ok(())
    }

    fn vfp_move(&mut self, op: VfpMove, rt: Reg, to_core: bool) {
        match (op, to_core) {
            (VfpMove::Single(single), true) => self.regs.set(rt, self.single(single)),
            (VfpMove::Single(single), false) => self.set_single(single, self.regs.get(rt)),
            // VMRS APSR_nzcv, FPSCR.
            (VfpMove::Status, true) if rt == PC => self.regs.set_apsr_nzcv(self.fp.fpscr),
            (VfpMove::Status, true) => self.regs.set(rt, self.fp.fpscr),
            (VfpMove::Status, false) => {
                self.fp.set_fpscr(self.regs.get(rt));
                self.forget_fp_readiness();
            }
        }
    }
}
