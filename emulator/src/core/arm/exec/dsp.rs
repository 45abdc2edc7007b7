//! The DSP extension's packing, parallel and saturating arithmetic (A4.4.4–A4.4.7).

use super::alu::shift_with_carry;
use crate::core::arm::CortexM;
use crate::core::arm::instruction::{Lanes, ParallelOp, Reg, SaturatingOp, Shift};

impl CortexM {
    #[inline(always)]
    pub(in crate::core::arm) fn saturate(
        &mut self,
        signed: bool,
        rd: Reg,
        rn: Reg,
        bits: u8,
        shift: Shift,
        amount: u8,
    ) {
        let (value, _) = shift_with_carry(self.regs.get(rn), shift, u32::from(amount), 0);
        let result = self.saturated(i64::from(value as i32), signed, bits);
        self.regs.set(rd, result);
    }

    pub(super) fn saturate16(&mut self, signed: bool, rd: Reg, rn: Reg, bits: u8) {
        let value = self.regs.get(rn);
        let low = self.saturated(i64::from(value as i16), signed, bits) & 0xffff;
        let high = self.saturated(i64::from((value >> 16) as i16), signed, bits) & 0xffff;
        self.regs.set(rd, high << 16 | low);
    }

    /// SignedSatQ, UnsignedSatQ: sets Q if the value was saturated.
    fn saturated(&mut self, value: i64, signed: bool, bits: u8) -> u32 {
        let (low, high) = match signed {
            true => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
            false => (0, (1i64 << bits) - 1),
        };
        let result = value.clamp(low, high);
        if result != value {
            self.regs.q = true;
        }
        result as u32
    }

    #[inline(always)]
    pub(in crate::core::arm) fn saturating(&mut self, op: SaturatingOp, rd: Reg, rm: Reg, rn: Reg) {
        let (m, n) = (i64::from(self.regs.get(rm) as i32), i64::from(self.regs.get(rn) as i32));
        let doubled = |core: &mut Self| i64::from(core.saturated(2 * n, true, 32) as i32);
        let value = match op {
            SaturatingOp::Qadd => m + n,
            SaturatingOp::Qsub => m - n,
            SaturatingOp::Qdadd => m + doubled(self),
            SaturatingOp::Qdsub => m - doubled(self),
        };
        let result = self.saturated(value, true, 32);
        self.regs.set(rd, result);
    }

    #[inline(always)]
    pub(in crate::core::arm) fn pack(&mut self, top_first: bool, rd: Reg, rn: Reg, rm: Reg, shift: Shift, amount: u8) {
        let n = self.regs.get(rn);
        let (m, _) = shift_with_carry(self.regs.get(rm), shift, u32::from(amount), 0);
        let result = match top_first {
            true => n & 0xffff_0000 | m & 0xffff,
            false => m & 0xffff_0000 | n & 0xffff,
        };
        self.regs.set(rd, result);
    }

    #[inline(always)]
    pub(in crate::core::arm) fn select(&mut self, rd: Reg, rn: Reg, rm: Reg) {
        let (n, m) = (self.regs.get(rn), self.regs.get(rm));
        let mask = (0..4)
            .filter(|lane| self.regs.ge >> lane & 1 != 0)
            .fold(0, |mask, lane| mask | 0xff << (8 * lane));
        self.regs.set(rd, n & mask | m & !mask);
    }

    #[inline(always)]
    pub(in crate::core::arm) fn parallel(&mut self, lanes: Lanes, op: ParallelOp, rd: Reg, rn: Reg, rm: Reg) {
        let (n, m) = (self.regs.get(rn), self.regs.get(rm));
        let signed = matches!(lanes, Lanes::Signed | Lanes::SignedSaturating | Lanes::SignedHalving);
        let half = |value: u32, lane: u32| {
            let half = (value >> (16 * lane)) as u16;
            if signed {
                i32::from(half as i16)
            } else {
                i32::from(half)
            }
        };
        let byte = |value: u32, lane: u32| {
            let byte = (value >> (8 * lane)) as u8;
            if signed { i32::from(byte as i8) } else { i32::from(byte) }
        };
        // Each lane's exact result, and whether it is a sum (which matters to unsigned GE).
        let halves = |op: ParallelOp| match op {
            ParallelOp::Add16 => [(half(n, 0) + half(m, 0), true), (half(n, 1) + half(m, 1), true)],
            ParallelOp::Sub16 => [(half(n, 0) - half(m, 0), false), (half(n, 1) - half(m, 1), false)],
            ParallelOp::Asx => [(half(n, 0) - half(m, 1), false), (half(n, 1) + half(m, 0), true)],
            _ => [(half(n, 0) + half(m, 1), true), (half(n, 1) - half(m, 0), false)],
        };
        let (width, exact): (u32, Vec4) = match op {
            ParallelOp::Add8 => (8, [0, 1, 2, 3].map(|lane| (byte(n, lane) + byte(m, lane), true))),
            ParallelOp::Sub8 => (8, [0, 1, 2, 3].map(|lane| (byte(n, lane) - byte(m, lane), false))),
            _ => {
                let [low, high] = halves(op);
                (16, [low, high, (0, true), (0, true)])
            }
        };
        let mask = (1u32 << width) - 1;
        let mut result = 0;
        let mut ge = 0u8;
        for (lane, &(value, addition)) in exact.iter().enumerate().take(32 / width as usize) {
            let half_range = 1i32 << (width - 1);
            let lane_value = match lanes {
                Lanes::Signed | Lanes::Unsigned => value,
                Lanes::SignedHalving | Lanes::UnsignedHalving => value >> 1,
                Lanes::SignedSaturating => value.clamp(-half_range, half_range - 1),
                Lanes::UnsignedSaturating => value.clamp(0, 2 * half_range - 1),
            };
            result |= (lane_value as u32 & mask) << (lane as u32 * width);
            let greater = match lanes {
                Lanes::Unsigned if addition => value >= 2 * half_range,
                _ => value >= 0,
            };
            if greater {
                ge |= if width == 16 { 3 << (2 * lane) } else { 1 << lane };
            }
        }
        if matches!(lanes, Lanes::Signed | Lanes::Unsigned) {
            self.regs.ge = ge;
        }
        self.regs.set(rd, result);
    }
}

type Vec4 = [(i32, bool); 4];
