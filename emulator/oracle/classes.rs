//! Single Thumb-2 instructions by class of encoding, for the generator to draw from.

use crate::generate::{
    HIGH_BASE, INDEX, LOW_BASE, Make, NOP, any, base, free, indexed, low_any, low_free, modified_immediate,
    random_below, shift_fields, two_free,
};

pub(crate) const CLASSES: [(&str, Make); 95] = [
    ("LSL LSR ASR imm T1", |r| {
        vec![(random_below(r, 3) << 11) | r.bits(5) << 6 | low_any(r) << 3 | low_free(r)]
    }),
    ("ADD SUB reg T1", |r| {
        vec![0x1800 | r.bits(1) << 9 | low_any(r) << 6 | low_any(r) << 3 | low_free(r)]
    }),
    ("ADD SUB imm3 T1", |r| {
        vec![0x1c00 | r.bits(1) << 9 | r.bits(3) << 6 | low_any(r) << 3 | low_free(r)]
    }),
    ("MOV imm8 T1", |r| vec![0x2000 | low_free(r) << 8 | r.bits(8)]),
    ("CMP imm8 T1", |r| vec![0x2800 | low_any(r) << 8 | r.bits(8)]),
    ("ADD SUB imm8 T2", |r| {
        vec![0x3000 | r.bits(1) << 11 | low_free(r) << 8 | r.bits(8)]
    }),
    ("data processing T1", |r| {
        let op = random_below(r, 16);
        let rd = if matches!(op, 8 | 10 | 11) {
            low_any(r)
        } else {
            low_free(r)
        };
        vec![0x4000 | op << 6 | low_any(r) << 3 | rd]
    }),
    ("ADD reg T2", |r| {
        let (rd, rm) = (free(r), any(r));
        vec![0x4400 | (rd >> 3) << 7 | rm << 3 | rd & 7]
    }),
    ("CMP reg T2", |r| {
        let (rn, rm) = (r.pick(&[8, 9, 10, 11, 12, 14]), any(r));
        vec![0x4500 | 1 << 7 | rm << 3 | rn & 7]
    }),
    ("MOV reg T1", |r| {
        let (rd, rm) = (free(r), any(r));
        vec![0x4600 | (rd >> 3) << 7 | rm << 3 | rd & 7]
    }),
    ("LDR literal T1", |r| vec![0x4800 | low_free(r) << 8 | r.bits(4)]),
    ("load store reg T1", |r| {
        vec![0x5000 | r.bits(3) << 9 | INDEX << 6 | LOW_BASE << 3 | low_free(r)]
    }),
    ("LDR STR imm T1", |r| {
        vec![0x6000 | r.bits(1) << 11 | r.bits(5) << 6 | LOW_BASE << 3 | low_free(r)]
    }),
    ("LDRB STRB imm T1", |r| {
        vec![0x7000 | r.bits(1) << 11 | r.bits(5) << 6 | LOW_BASE << 3 | low_free(r)]
    }),
    ("LDRH STRH imm T1", |r| {
        vec![0x8000 | r.bits(1) << 11 | r.bits(5) << 6 | LOW_BASE << 3 | low_free(r)]
    }),
    ("LDR STR SP T2", |r| {
        vec![0x9000 | r.bits(1) << 11 | low_free(r) << 8 | r.bits(8)]
    }),
    ("ADR T1", |r| vec![0xa000 | low_free(r) << 8 | r.bits(8)]),
    ("ADD SP imm T1", |r| vec![0xa800 | low_free(r) << 8 | r.bits(8)]),
    ("ADD SUB SP T2", |r| vec![0xb000 | r.bits(1) << 7 | r.bits(4)]),
    ("SXT UXT T1", |r| {
        vec![0xb200 | r.bits(2) << 6 | low_any(r) << 3 | low_free(r)]
    }),
    ("REV T1", |r| {
        vec![0xba00 | r.pick(&[0, 1, 3]) << 6 | low_any(r) << 3 | low_free(r)]
    }),
    ("PUSH T1", |r| vec![0xb400 | r.bits(1) << 8 | r.bits(8) | 1]),
    ("POP T1", |r| vec![0xbc00 | r.bits(6) | 1]),
    ("STM T1", |r| vec![0xc000 | LOW_BASE << 8 | r.bits(6) | 2]),
    ("LDM T1", |r| vec![0xc800 | LOW_BASE << 8 | r.bits(6) | 2]),
    ("data processing modified imm", |r| {
        let (high, low) = modified_immediate(r);
        let op = r.pick(&[
            0b0000, 0b0001, 0b0010, 0b0011, 0b0100, 0b1000, 0b1010, 0b1011, 0b1101, 0b1110,
        ]);
        vec![0xf000 | high | op << 5 | r.bits(1) << 4 | any(r), low | free(r) << 8]
    }),
    ("MOV MVN modified imm", |r| {
        let (high, low) = modified_immediate(r);
        vec![0xf04f | high | r.bits(1) << 5 | r.bits(1) << 4, low | free(r) << 8]
    }),
    ("TST TEQ CMN CMP modified imm", |r| {
        let (high, low) = modified_immediate(r);
        vec![
            0xf010 | high | r.pick(&[0b0000, 0b0100, 0b1000, 0b1101]) << 5 | any(r),
            low | 0x0f00,
        ]
    }),
    ("data processing shifted reg", |r| {
        let op = r.pick(&[
            0b0000, 0b0001, 0b0010, 0b0011, 0b0100, 0b1000, 0b1010, 0b1011, 0b1101, 0b1110,
        ]);
        vec![
            0xea00 | op << 5 | r.bits(1) << 4 | any(r),
            shift_fields(r) | free(r) << 8 | any(r),
        ]
    }),
    ("MOV MVN shifted reg", |r| {
        vec![
            0xea4f | r.bits(1) << 5 | r.bits(1) << 4,
            shift_fields(r) | free(r) << 8 | any(r),
        ]
    }),
    ("TST TEQ CMN CMP shifted reg", |r| {
        vec![
            0xea10 | r.pick(&[0b0000, 0b0100, 0b1000, 0b1101]) << 5 | any(r),
            shift_fields(r) | 0x0f00 | any(r),
        ]
    }),
    ("PKHBT PKHTB", |r| {
        vec![
            0xeac0 | any(r),
            r.bits(3) << 12 | r.bits(2) << 6 | r.bits(1) << 5 | free(r) << 8 | any(r),
        ]
    }),
    ("ADDW SUBW", |r| {
        vec![
            r.pick(&[0xf200, 0xf2a0]) | r.bits(1) << 10 | any(r),
            r.bits(3) << 12 | free(r) << 8 | r.bits(8),
        ]
    }),
    ("ADR T2 T3", |r| {
        vec![r.pick(&[0xf20f, 0xf2af]), free(r) << 8 | r.bits(8)]
    }),
    ("MOVW", |r| {
        vec![
            0xf240 | r.bits(1) << 10 | r.bits(4),
            r.bits(3) << 12 | free(r) << 8 | r.bits(8),
        ]
    }),
    ("MOVT", |r| {
        vec![
            0xf2c0 | r.bits(1) << 10 | r.bits(4),
            r.bits(3) << 12 | free(r) << 8 | r.bits(8),
        ]
    }),
    ("SSAT USAT", |r| {
        let shift_right = r.bits(1);
        let imm5 = r.bits(5).max(shift_right);
        let imm5 = (imm5 >> 2) << 12 | (imm5 & 3) << 6;
        vec![
            0xf300 | r.bits(1) << 7 | shift_right << 5 | any(r),
            imm5 | free(r) << 8 | r.bits(5),
        ]
    }),
    ("SSAT16 USAT16", |r| {
        vec![0xf320 | r.bits(1) << 7 | any(r), free(r) << 8 | r.bits(4)]
    }),
    ("SBFX UBFX", |r| {
        let lsb = r.bits(5);
        let width = random_below(r, 32 - u32::from(lsb));
        vec![
            0xf340 | r.bits(1) << 7 | any(r),
            (lsb >> 2) << 12 | (lsb & 3) << 6 | free(r) << 8 | width,
        ]
    }),
    ("BFI BFC", |r| {
        let lsb = r.bits(5);
        let msb = lsb + random_below(r, 32 - u32::from(lsb));
        let rn = if r.chance(3) { 15 } else { any(r) };
        vec![0xf360 | rn, (lsb >> 2) << 12 | (lsb & 3) << 6 | free(r) << 8 | msb]
    }),
    ("shift by reg", |r| {
        vec![0xfa00 | r.bits(3) << 4 | any(r), 0xf000 | free(r) << 8 | any(r)]
    }),
    ("SXT UXT T2", |r| {
        let op = random_below(r, 6);
        vec![0xfa0f | op << 4, 0xf080 | r.bits(2) << 4 | free(r) << 8 | any(r)]
    }),
    ("SXTA UXTA", |r| {
        let op = random_below(r, 6);
        vec![
            0xfa00 | op << 4 | any(r),
            0xf080 | r.bits(2) << 4 | free(r) << 8 | any(r),
        ]
    }),
    ("parallel S Q SH", |r| {
        let op = r.pick(&[0, 1, 2, 4, 5, 6]);
        vec![
            0xfa80 | op << 4 | any(r),
            0xf000 | random_below(r, 3) << 4 | free(r) << 8 | any(r),
        ]
    }),
    ("parallel U UQ UH", |r| {
        let op = r.pick(&[0, 1, 2, 4, 5, 6]);
        vec![
            0xfa80 | op << 4 | any(r),
            0xf040 | random_below(r, 3) << 4 | free(r) << 8 | any(r),
        ]
    }),
    ("QADD QDADD QSUB QDSUB", |r| {
        vec![0xfa80 | any(r), 0xf080 | r.bits(2) << 4 | free(r) << 8 | any(r)]
    }),
    ("REV RBIT T2", |r| {
        let rm = any(r);
        vec![0xfa90 | rm, 0xf080 | r.bits(2) << 4 | free(r) << 8 | rm]
    }),
    ("SEL", |r| vec![0xfaa0 | any(r), 0xf080 | free(r) << 8 | any(r)]),
    ("CLZ", |r| {
        let rm = any(r);
        vec![0xfab0 | rm, 0xf080 | free(r) << 8 | rm]
    }),
    ("MUL", |r| vec![0xfb00 | any(r), 0xf000 | free(r) << 8 | any(r)]),
    ("MLA MLS", |r| {
        vec![0xfb00 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMUL halves", |r| {
        vec![0xfb10 | any(r), 0xf000 | free(r) << 8 | r.bits(2) << 4 | any(r)]
    }),
    ("SMLA halves", |r| {
        vec![0xfb10 | any(r), any(r) << 12 | free(r) << 8 | r.bits(2) << 4 | any(r)]
    }),
    ("SMUAD", |r| {
        vec![0xfb20 | any(r), 0xf000 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMLAD", |r| {
        // Not two times 0x8000 squared (`report::ARM_LEFT_OUT`); `sequences` has any other Rm.
        let rm = r.pick(&[INDEX, LOW_BASE, HIGH_BASE]);
        vec![0xfb20 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | rm]
    }),
    ("SMULW", |r| {
        vec![0xfb30 | any(r), 0xf000 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMLAW", |r| {
        vec![0xfb30 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMUSD", |r| {
        vec![0xfb40 | any(r), 0xf000 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMLSD", |r| {
        vec![0xfb40 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMMUL", |r| {
        vec![0xfb50 | any(r), 0xf000 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMMLA", |r| {
        vec![0xfb50 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("SMMLS", |r| {
        vec![0xfb60 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
    }),
    ("USAD8 USADA8", |r| {
        let ra = if r.chance(2) { 15 } else { any(r) };
        vec![0xfb70 | any(r), ra << 12 | free(r) << 8 | any(r)]
    }),
    ("SMULL UMULL", |r| {
        let (low, high) = two_free(r);
        vec![0xfb80 | r.bits(1) << 5 | any(r), low << 12 | high << 8 | any(r)]
    }),
    ("SMLAL UMLAL", |r| {
        let (low, high) = two_free(r);
        vec![0xfbc0 | r.bits(1) << 5 | any(r), low << 12 | high << 8 | any(r)]
    }),
    ("UMAAL", |r| {
        let (low, high) = two_free(r);
        vec![0xfbe0 | any(r), low << 12 | high << 8 | 0x60 | any(r)]
    }),
    ("SMLAL halves", |r| {
        let (low, high) = two_free(r);
        vec![0xfbc0 | any(r), low << 12 | high << 8 | 0x80 | r.bits(2) << 4 | any(r)]
    }),
    ("SMLALD SMLSLD", |r| {
        let (low, high) = two_free(r);
        vec![
            0xfbc0 | r.bits(1) << 4 | any(r),
            low << 12 | high << 8 | 0xc0 | r.bits(1) << 4 | any(r),
        ]
    }),
    ("SDIV UDIV", |r| {
        vec![0xfb90 | r.bits(1) << 5 | any(r), 0xf0f0 | free(r) << 8 | any(r)]
    }),
    ("store imm12", |r| {
        vec![0xf880 | random_below(r, 3) << 5 | base(r), any(r) << 12 | r.bits(12)]
    }),
    ("store imm8", |r| {
        // P U W: negative offset, or indexed either way with write-back.
        let (mode, drift) = indexed(r);
        vec![
            0xf800 | random_below(r, 3) << 5 | base(r),
            free(r) << 12 | mode << 8 | drift,
        ]
    }),
    ("store reg", |r| {
        vec![
            0xf800 | random_below(r, 3) << 5 | base(r),
            free(r) << 12 | r.bits(2) << 4 | INDEX,
        ]
    }),
    ("load imm12", |r| {
        let op = r.pick(&[0xf890, 0xf8b0, 0xf8d0, 0xf990, 0xf9b0]);
        vec![op | base(r), free(r) << 12 | r.bits(12)]
    }),
    ("load imm8", |r| {
        let op = r.pick(&[0xf810, 0xf830, 0xf850, 0xf910, 0xf930]);
        let (mode, drift) = indexed(r);
        vec![op | base(r), free(r) << 12 | mode << 8 | drift]
    }),
    ("load reg", |r| {
        let op = r.pick(&[0xf810, 0xf830, 0xf850, 0xf910, 0xf930]);
        vec![op | base(r), free(r) << 12 | r.bits(2) << 4 | INDEX]
    }),
    ("load store unprivileged", |r| {
        let op = r.pick(&[0xf800, 0xf820, 0xf840, 0xf810, 0xf830, 0xf850, 0xf910, 0xf930]);
        vec![op | base(r), free(r) << 12 | 0xe00 | r.bits(8)]
    }),
    ("load literal T2", |r| {
        let op = r.pick(&[0xf81f, 0xf83f, 0xf85f, 0xf91f, 0xf93f]);
        vec![op | r.bits(1) << 7, free(r) << 12 | r.bits(7)]
    }),
    ("PLD PLI", |r| {
        let op = r.pick(&[0xf810, 0xf910]);
        match r.bits(2) {
            0 => vec![op | 0x80 | base(r), 0xf000 | r.bits(12)],
            1 => vec![op | base(r), 0xfc00 | r.bits(8)],
            2 => vec![op | base(r), 0xf000 | r.bits(2) << 4 | any(r)],
            _ => vec![op | 0x0f | r.bits(1) << 7, 0xf000 | r.bits(12)],
        }
    }),
    ("LDRD STRD", |r| {
        let (first, second) = two_free(r);
        // P, U, W: offset, pre-indexed, post-indexed; down and up.
        let mode = r.pick(&[0b1000, 0b1100, 0b1001, 0b1101, 0b0001, 0b0101]);
        vec![
            0xe840 | mode << 5 | r.bits(1) << 4 | base(r),
            first << 12 | second << 8 | r.bits(5),
        ]
    }),
    ("LDRD literal", |r| {
        let (first, second) = two_free(r);
        vec![0xe95f | r.bits(1) << 7, first << 12 | second << 8 | r.bits(5)]
    }),
    ("LDM STM T2", |r| {
        let list = 0x0005 | r.bits(6) | r.bits(4) << 9 | r.bits(1) << 14;
        let direction = r.pick(&[0xe880, 0xe900]);
        vec![direction | r.bits(1) << 5 | r.bits(1) << 4 | base(r), list]
    }),
    ("MOV from SP T1 T3", |r| {
        let rd = free(r);
        match r.chance(2) {
            true => vec![0x4600 | (rd >> 3) << 7 | 13 << 3 | rd & 7],
            false => vec![0xea4f, rd << 8 | 13],
        }
    }),
    ("MOV from PC T1", |r| {
        let rd = free(r);
        vec![0x4600 | (rd >> 3) << 7 | 15 << 3 | rd & 7]
    }),
    ("ADD reg SP T1", |r| {
        let rd = free(r);
        vec![0x4468 | (rd >> 3) << 7 | rd & 7]
    }),
    ("ADD reg PC T2", |r| {
        let rd = free(r);
        vec![0x4400 | (rd >> 3) << 7 | 15 << 3 | rd & 7]
    }),
    ("CMP reg SP T2", |r| {
        // SP is compared with a register, or a register with SP.
        let other = any(r);
        match r.chance(2) {
            true => vec![0x4585 | other << 3],
            false => vec![0x4568 | (other >> 3) << 7 | other & 7],
        }
    }),
    ("ADD SUB SP modified imm", |r| {
        let (high, low) = modified_immediate(r);
        vec![r.pick(&[0xf10d, 0xf1ad]) | high | r.bits(1) << 4, low | free(r) << 8]
    }),
    ("ADDW SUBW SP", |r| {
        vec![
            r.pick(&[0xf20d, 0xf2ad]) | r.bits(1) << 10,
            r.bits(3) << 12 | free(r) << 8 | r.bits(8),
        ]
    }),
    ("ADD SUB SP shifted reg", |r| {
        vec![
            r.pick(&[0xeb0d, 0xebad]) | r.bits(1) << 4,
            shift_fields(r) | free(r) << 8 | any(r),
        ]
    }),
    ("CMP CMN SP", |r| {
        let (high, low) = modified_immediate(r);
        match r.chance(2) {
            true => vec![r.pick(&[0xf11d, 0xf1bd]) | high, low | 0x0f00],
            false => vec![r.pick(&[0xeb1d, 0xebbd]), shift_fields(r) | 0x0f00 | any(r)],
        }
    }),
    ("MRS APSR", |r| vec![0xf3ef, 0x8000 | free(r) << 8]),
    // Also the unions with IPSR, which is zero here, and with EPSR, which reads as zero.
    ("MRS xPSR", |r| {
        vec![0xf3ef, 0x8000 | free(r) << 8 | r.pick(&[1, 2, 3, 5, 6, 7])]
    }),
    ("MSR APSR", |r| {
        vec![0xf380 | any(r), 0x8000 | r.pick(&[0x400, 0x800, 0xc00])]
    }),
    // Bits that are not flags stay unchanged.
    ("MSR xPSR", |r| {
        let mask = r.pick(&[0x400, 0x800, 0xc00]);
        vec![0xf380 | any(r), 0x8000 | mask | r.pick(&[1, 2, 3, 5, 6, 7])]
    }),
    ("barriers and hints", |r| match random_below(r, 8) {
        // SEV, whose event nothing waits for, and hints without effect (YIELD, WFE and WFI end a run of Unicorn).
        5 => vec![0xbf00 | r.pick(&[4, 5, 8, 15]) << 4],
        6 => vec![0xf3af, 0x8000 | r.pick(&[4, 5, 8, 15])],
        7 => vec![0xf3af, 0x80f0 | r.bits(4)],
        // DSB and DMB with any option, CLREX; `sequences` has ISB.
        0 => vec![0xf3bf, 0x8f40 | r.bits(4)],
        1 => vec![0xf3bf, 0x8f50 | r.bits(4)],
        2 => vec![0xf3bf, 0x8f2f],
        3 => vec![0xf3af, 0x8000],
        _ => vec![NOP],
    }),
];
