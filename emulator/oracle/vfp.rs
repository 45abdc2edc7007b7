//! Random floating-point instructions: every class of FPv4-SP, with edge values preferred.

use crate::generate::{Make, any, base, two_free};
use crate::random::Random;

/// A single: infinities, NaNs, zeros, numbers at the ends of the range, numbers near one, integers, anything.
pub(crate) fn value(random: &mut Random) -> u32 {
    let word = u32::from(random.bits(16)) << 16 | u32::from(random.bits(16));
    let sign = word & 1 << 31;
    let fraction = word & 0x007f_ffff;
    match random.below(12) {
        0 => {
            sign | random.pick(&[
                0,
                0x7f80_0000,
                0x7fc0_0000,
                0x7f80_0001,
                0x7fa5_5aa5,
                0x7fff_ffff,
                1,
                0x007f_ffff,
                0x0080_0000,
                0x7f7f_ffff,
                0x3f80_0000,
                0x3f00_0000,
                0x4f00_0000,
                0x4f80_0000,
                0x4f7f_ffff,
                0x477f_f000,
                0x3380_0000,
            ])
        }
        1 => sign | fraction >> random.below(23),
        2 => sign | (1 + random.below(30)) << 23 | fraction,
        3 => sign | (224 + random.below(31)) << 23 | fraction,
        4 => sign | (100 + random.below(24)) << 23 | fraction & 0x7fff_e000,
        5 => u32::from(random.bits(8)),
        6 => word,
        // Around one, so that sums cancel and conversions have bits to round.
        _ => sign | (116 + random.below(42)) << 23 | fraction & (u32::MAX << random.below(23)),
    }
}

/// FPSCR: flags, modes (the usual ones half of the time, because these have their own code), and occasionally exception
/// flags from before.
pub(crate) fn status(random: &mut Random) -> u32 {
    let before = if random.chance(4) { random.bits(8) & 0x9f } else { 0 };
    let modes = if random.chance(2) { 0 } else { random.bits(5) };
    u32::from(random.bits(4)) << 28 | u32::from(modes) << 22 | u32::from(before)
}

fn register(random: &mut Random) -> u16 {
    random.bits(5)
}

/// `1110 1110 op D op Vn | Vd 1010 N x M 0 Vm`; `op1` has the bits of the first halfword, `op2` those of the second.
fn three(random: &mut Random, op1: u16, op2: u16) -> Vec<u16> {
    let (d, n, m) = (register(random), register(random), register(random));
    vec![
        0xee00 | op1 | (d & 1) << 6 | n >> 1,
        0x0a00 | op2 | d >> 1 << 12 | (n & 1) << 7 | (m & 1) << 5 | m >> 1,
    ]
}

/// `1110 1110 1D11 op | Vd 1010 x1M0 Vm`.
fn two(random: &mut Random, op1: u16, op2: u16) -> Vec<u16> {
    let (d, m) = (register(random), register(random));
    vec![
        0xeeb0 | op1 | (d & 1) << 6,
        0x0a40 | op2 | d >> 1 << 12 | (m & 1) << 5 | m >> 1,
    ]
}

/// VCVT between floating-point and fixed-point: the immediate is the width less the fraction's.
fn fixed(random: &mut Random, op1: u16) -> Vec<u16> {
    let d = register(random);
    let wide = random.bits(1);
    let immediate = if wide == 1 { random.bits(5) } else { random.bits(4) };
    vec![
        0xeeb0 | op1 | random.bits(1) | (d & 1) << 6,
        0x0a40 | wide << 7 | d >> 1 << 12 | (immediate & 1) << 5 | immediate >> 1,
    ]
}

/// VCVT from fixed-point. It rounds to nearest regardless of FPSCR, but Unicorn uses FPSCR (`report::ARM_LEFT_OUT`). So
/// RMode is cleared before: VMRS, BIC, VMSR.
pub(crate) fn from_fixed(random: &mut Random) -> Vec<u16> {
    let rt = two_free(random).0;
    let mut code = vec![
        0xeef1,
        0x0a10 | rt << 12,
        0xf420 | rt,
        0x0040 | rt << 8,
        0xeee1,
        0x0a10 | rt << 12,
    ];
    code.extend(fixed(random, 0xa));
    code
}

/// First register, count and both halfwords' fields of a list of singles, or of doubles as pairs.
fn list(random: &mut Random) -> (u16, u16) {
    if random.chance(2) {
        let d = random.bits(5);
        let count = 1 + random.below(u32::from(32 - d).min(32)) as u16;
        return ((d & 1) << 6, d >> 1 << 12 | 0x0a00 | count);
    }
    let d = random.bits(4);
    let count = 1 + random.below(u32::from(16 - d).min(16)) as u16;
    (0, d << 12 | 0x0b00 | (2 * count))
}

pub(crate) const CLASSES: [(&str, Make); 40] = [
    ("VMLA", |r| three(r, 0x00, 0x00)),
    ("VMLS", |r| three(r, 0x00, 0x40)),
    ("VNMLS", |r| three(r, 0x10, 0x00)),
    ("VNMLA", |r| three(r, 0x10, 0x40)),
    ("VMUL", |r| three(r, 0x20, 0x00)),
    ("VNMUL", |r| three(r, 0x20, 0x40)),
    ("VADD", |r| three(r, 0x30, 0x00)),
    ("VSUB", |r| three(r, 0x30, 0x40)),
    ("VDIV", |r| three(r, 0x80, 0x00)),
    ("VFNMS", |r| three(r, 0x90, 0x00)),
    ("VFNMA", |r| three(r, 0x90, 0x40)),
    ("VFMA", |r| three(r, 0xa0, 0x00)),
    ("VFMS", |r| three(r, 0xa0, 0x40)),
    ("VMOV imm", |r| {
        let d = register(r);
        vec![0xeeb0 | (d & 1) << 6 | r.bits(4), 0x0a00 | d >> 1 << 12 | r.bits(4)]
    }),
    ("VMOV reg", |r| two(r, 0x0, 0x00)),
    ("VABS", |r| two(r, 0x0, 0x80)),
    ("VNEG", |r| two(r, 0x1, 0x00)),
    ("VSQRT", |r| two(r, 0x1, 0x80)),
    ("VCVTB VCVTT to single", |r| {
        let top = r.bits(1) << 7;
        two(r, 0x2, top)
    }),
    ("VCVTB VCVTT to half", |r| {
        let top = r.bits(1) << 7;
        two(r, 0x3, top)
    }),
    ("VCMP", |r| two(r, 0x4, 0x00)),
    ("VCMPE", |r| two(r, 0x4, 0x80)),
    ("VCMP VCMPE zero", |r| {
        let d = register(r);
        vec![0xeeb5 | (d & 1) << 6, 0x0a40 | r.bits(1) << 7 | d >> 1 << 12]
    }),
    ("VCVT from U32", |r| two(r, 0x8, 0x00)),
    ("VCVT from S32", |r| two(r, 0x8, 0x80)),
    ("VCVTR to U32", |r| two(r, 0xc, 0x00)),
    ("VCVT to U32", |r| two(r, 0xc, 0x80)),
    ("VCVTR to S32", |r| two(r, 0xd, 0x00)),
    ("VCVT to S32", |r| two(r, 0xd, 0x80)),
    ("VCVT to fixed", |r| fixed(r, 0xe)),
    ("VMOV core single", |r| {
        let n = register(r);
        let (to_core, rt) = if r.chance(2) { (1, two_free(r).0) } else { (0, any(r)) };
        vec![0xee00 | to_core << 4 | n >> 1, 0x0a10 | rt << 12 | (n & 1) << 7]
    }),
    ("VMOV core lane", |r| {
        let d = r.bits(4);
        let (to_core, rt) = if r.chance(2) { (1, two_free(r).0) } else { (0, any(r)) };
        vec![0xee00 | r.bits(1) << 5 | to_core << 4 | d, 0x0b10 | rt << 12]
    }),
    ("VMOV two core two singles", |r| {
        let m = r.below(31) as u16;
        let (rt, rt2) = two_free(r);
        vec![0xec40 | r.bits(1) << 4 | rt2, 0x0a10 | rt << 12 | (m & 1) << 5 | m >> 1]
    }),
    ("VMOV two core double", |r| {
        let (rt, rt2) = two_free(r);
        vec![0xec40 | r.bits(1) << 4 | rt2, 0x0b10 | rt << 12 | r.bits(4)]
    }),
    ("VLDR VSTR single", |r| {
        let d = register(r);
        vec![
            0xed00 | r.bits(1) << 7 | (d & 1) << 6 | r.bits(1) << 4 | base(r),
            0x0a00 | d >> 1 << 12 | r.bits(8),
        ]
    }),
    ("VLDR VSTR double", |r| {
        vec![
            0xed00 | r.bits(1) << 7 | r.bits(1) << 4 | base(r),
            0x0b00 | r.bits(4) << 12 | r.bits(8),
        ]
    }),
    ("VLDR literal", |r| {
        if r.chance(2) {
            return vec![0xed1f | r.bits(1) << 7, 0x0b00 | r.bits(4) << 12 | r.bits(5)];
        }
        let d = register(r);
        vec![
            0xed1f | r.bits(1) << 7 | (d & 1) << 6,
            0x0a00 | d >> 1 << 12 | r.bits(5),
        ]
    }),
    ("VLDM VSTM VPUSH VPOP", |r| {
        let (high, low) = list(r);
        // P U W: upward, upward with write-back, downward with write-back.
        let mode = r.pick(&[0x080, 0x0a0, 0x120]);
        vec![0xec00 | mode | r.bits(1) << 4 | high | base(r), low]
    }),
    ("VMRS", |r| {
        let rt = if r.chance(2) { 15 } else { two_free(r).0 };
        vec![0xeef1, 0x0a10 | rt << 12]
    }),
    ("VMSR", |r| vec![0xeee1, 0x0a10 | any(r) << 12]),
];
