//! Instructions that only make sense in sequence and are executed together or not at all: they move SP or a mask and
//! restore it, or prepare their own inputs.

use crate::generate::{HIGH_BASE, LOW_BASE, Make, any, base, free, low_free, two_free};
use crate::random::Random;
use crate::vfp;

const ISB: [u16; 2] = [0xf3bf, 0x8f6f];

pub(crate) const CLASSES: [(&str, Make); 19] = [
    ("LDREX STREX", |r| {
        let (value, status) = two_free(r);
        let base = base(r);
        let imm = r.bits(5);
        vec![
            0xe850 | base,
            value << 12 | 0xf00 | imm,
            0xe840 | base,
            value << 12 | status << 8 | imm,
        ]
    }),
    ("LDREXB LDREXH STREXB STREXH", |r| {
        let (value, status) = two_free(r);
        let (base, size) = (base(r), 0x40 | r.bits(1) << 4);
        vec![
            0xe8d0 | base,
            value << 12 | 0xf0f | size,
            0xe8c0 | base,
            value << 12 | 0xf00 | size | status,
        ]
    }),
    ("CLREX STREX", |r| {
        let (value, status) = two_free(r);
        vec![0xf3bf, 0x8f2f, 0xe840 | base(r), value << 12 | status << 8 | r.bits(5)]
    }),
    ("LDM T1 base in list", |r| {
        // R5 is pointed into the stack first, and loaded itself.
        vec![0xa800 | 5 << 8 | r.bits(6), 0xc800 | 5 << 8 | r.bits(8) & 0x3f | 0x21]
    }),
    ("STM T1 base in list", |r| {
        // The lowest register: it is stored unchanged.
        vec![0xa800 | 5 << 8 | r.bits(6), 0xc000 | 5 << 8 | r.bits(2) << 6 | 0x20]
    }),
    ("LDM STM T2 base in list", |r| {
        let direction = r.pick(&[0xe880, 0xe900]) | r.bits(1) << 4;
        let list = 0x0021 | r.bits(5) | r.bits(4) << 9 | r.bits(1) << 14;
        vec![0xf20d, 5 << 8 | r.bits(6) << 2, direction | 5, list]
    }),
    ("LDR STR of SP", |r| {
        let (base, offset) = (r.pick(&[LOW_BASE, HIGH_BASE]), r.bits(8) << 2);
        vec![
            0xf8c0 | base,
            0xd000 | offset,
            0xb000 | r.bits(5),
            see_sp(r),
            0xf8d0 | base,
            0xd000 | offset,
        ]
    }),
    ("ADD SP reg T2", |r| {
        let (rt, words) = (low_free(r), r.bits(5));
        vec![
            0x2000 | rt << 8 | words << 2,
            0x4485 | rt << 3,
            see_sp(r),
            0xb080 | words,
        ]
    }),
    ("MOV to SP T1 T3", |r| {
        let (rt, words) = (free(r), r.bits(5));
        let mut code = vec![0xf20d, rt << 8 | words << 2];
        match r.chance(2) {
            true => code.push(0x4685 | rt << 3),
            false => code.extend([0xea4f, 0x0d00 | rt]),
        }
        code.extend([see_sp(r), 0xb080 | words]);
        code
    }),
    ("ADD SUB SP imm to SP", |r| {
        let low = 0x0d00 | r.bits(5) << 2;
        let up = r.pick(&[0xf10d, 0xf11d, 0xf20d]);
        let down = r.pick(&[0xf1ad, 0xf1bd, 0xf2ad]);
        let (first, second) = if r.chance(2) { (up, down) } else { (down, up) };
        vec![first, low, see_sp(r), second, low]
    }),
    ("ADD SUB SP shifted reg to SP", |r| {
        let (rt, shift) = (low_free(r), r.bits(2));
        let low = 0x0d00 | shift << 6 | rt;
        let (up, down) = (0xeb0d | r.bits(1) << 4, 0xebad | r.bits(1) << 4);
        vec![
            0x2000 | rt << 8 | r.bits(5) << 2,
            up,
            low,
            see_sp_into(rt, r),
            down,
            low,
        ]
    }),
    ("SMLAD any", |r| {
        // An odd half is not 0x8000 (`report::ARM_LEFT_OUT`).
        let rm = free(r);
        vec![
            0xf040 | any(r),
            rm << 8 | 1,
            0xfb20 | any(r),
            any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | rm,
        ]
    }),
    ("VCVT from fixed", vfp::from_fixed),
    // Alone, but never in an IT block (`report::ARM_LEFT_OUT`).
    ("ISB", |r| vec![0xf3bf, 0x8f60 | r.bits(4)]),
    ("CPS", |r| {
        let masks = 1 + r.below(3) as u16;
        let mut code = vec![0xb670 | masks];
        code.extend(mrs(free(r), 16));
        code.extend(mrs(free(r), 19));
        code.extend([0xb660 | masks]);
        code.extend(mrs(free(r), 16));
        code.extend(mrs(free(r), 19));
        code.push(0xb663);
        code
    }),
    ("MSR MRS PRIMASK FAULTMASK", |r| {
        let register = r.pick(&[16, 19]);
        let mut code = msr(register, any(r)).to_vec();
        code.extend(mrs(free(r), register));
        code.push(0xb663);
        code
    }),
    ("MSR MRS BASEPRI BASEPRI_MAX", |r| {
        let rt = free(r);
        // The three bits that both sides have.
        let mut code = mov(rt, r.bits(3) << 5).to_vec();
        code.extend(msr(17, rt));
        code.extend(mov(rt, r.bits(3) << 5));
        code.extend(msr(18, rt));
        code.extend(mrs(free(r), 17 + r.bits(1)));
        code.extend(mov(rt, 0));
        code.extend(msr(17, rt));
        code
    }),
    ("MSR MRS MSP", |r| {
        let (rt, words) = (free(r), r.bits(5));
        let mut code = vec![0xf20d, rt << 8 | words << 2];
        code.extend(msr(8, rt));
        code.push(see_sp(r));
        code.extend(mrs(free(r), 8));
        code.push(0xb080 | words);
        code
    }),
    ("MSR MRS PSP CONTROL", |r| {
        // Uses the process stack temporarily; FPCA stays set, and SFPA for Unicorn (`report::ARM_LEFT_OUT`).
        let rt = free(r);
        let mut code = msr(9, r.pick(&[LOW_BASE, HIGH_BASE])).to_vec();
        code.extend(mrs(free(r), 9));
        code.extend(mov(rt, 0xe));
        code.extend(msr(20, rt));
        code.extend(ISB);
        let seen = free(r);
        code.extend(mrs(seen, 20));
        code.extend([0xf000 | seen, seen << 8 | 7]);
        code.extend([0xb400 | r.bits(8) | 1, see_sp(r)]);
        code.extend(mrs(free(r), 8));
        code.extend(mov(rt, 0xc));
        code.extend(msr(20, rt));
        code.extend(ISB);
        code.extend(mrs(free(r), 9));
        code
    }),
];

/// MOV of SP to a register.
fn see_sp(random: &mut Random) -> u16 {
    let rd = free(random);
    0x4668 | (rd >> 3) << 7 | rd & 7
}

/// As [`see_sp`], but `spared` keeps its value.
fn see_sp_into(spared: u16, random: &mut Random) -> u16 {
    loop {
        let rd = free(random);
        if rd != spared {
            return 0x4668 | (rd >> 3) << 7 | rd & 7;
        }
    }
}

/// MOV.W of an 8-bit immediate.
fn mov(rd: u16, imm8: u16) -> [u16; 2] {
    [0xf04f, rd << 8 | imm8]
}

fn mrs(rd: u16, sysm: u16) -> [u16; 2] {
    [0xf3ef, 0x8000 | rd << 8 | sysm]
}

fn msr(sysm: u16, rn: u16) -> [u16; 2] {
    [0xf380 | rn, 0x8800 | sysm]
}
