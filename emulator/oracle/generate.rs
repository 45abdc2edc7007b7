//! Random programs: straight lines of instructions of every class, with IT blocks and short forward branches, whose loads
//! and stores stay within the data window.
//!
//! Registers have parts to play: R7, R8 and SP point into the window and are written only by write-back, R6 is a small
//! index; all others are free. Unpredictable encodings are not made.

use std::collections::BTreeMap;

use crate::random::Random;
use crate::{DATA, State, vfp};

/// Free registers; the first six are low ones.
const FREE: [u16; 11] = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 14];
pub(crate) const INDEX: u16 = 6;
const LOW_BASE: u16 = 7;
const HIGH_BASE: u16 = 8;
const ITEMS: u32 = 48;
const BREAKPOINT: u16 = 0xbeab;
const NOP: u16 = 0xbf00;

/// One instruction, or a group that belongs together (an IT block, a branch with what it skips).
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) class: &'static str,
    pub(crate) code: Vec<u16>,
}

/// A program that ends in a semihosting breakpoint.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) at: u32,
    pub(crate) items: Vec<Item>,
}

/// How often each class came up.
#[derive(Default)]
pub(crate) struct Classes(BTreeMap<&'static str, u64>);

impl Classes {
    /// All classes there are, also those that never came up.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let singles = CLASSES.iter().chain(&vfp::CLASSES).map(|(name, _)| *name);
        let names = singles.chain(BRANCHES).chain(["IT"]);
        names.map(|name| (name, self.0.get(name).copied().unwrap_or(0)))
    }
}

impl Program {
    pub(crate) fn random(random: &mut Random, classes: &mut Classes, at: u32) -> Self {
        // Unicorn's XPSR register does not take GE from outside: the program sets all its flags itself, from R0.
        let mut items = vec![Item {
            class: "MSR APSR",
            code: vec![0xf380, 0x8c00],
        }];
        // A quarter of the programs has as much floating point as everything else.
        let floating = random.chance(4);
        for _ in 0..ITEMS {
            let item = match random.below(16) {
                0 | 1 => it_block(random, classes),
                2 => branch(random, classes),
                3..=9 if floating => vfp_single(random, classes),
                _ => single(random, classes),
            };
            items.push(item);
        }
        Self { at, items }
    }

    pub(crate) fn prefix(&self, count: usize) -> Self {
        Self {
            at: self.at,
            items: self.items[..count].to_vec(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let tail = [BREAKPOINT, NOP];
        let halves = self.items.iter().flat_map(|item| &item.code).chain(&tail);
        halves.flat_map(|half| half.to_le_bytes()).collect()
    }

    pub(crate) fn address_of(&self, index: usize) -> u32 {
        self.at
            + 2 * self.items[..index]
                .iter()
                .map(|item| item.code.len() as u32)
                .sum::<u32>()
    }

    /// The address of the breakpoint that ends it.
    pub(crate) fn end(&self) -> u32 {
        self.address_of(self.items.len())
    }

    /// Fresh register values; the data window stays as the last program left it.
    pub(crate) fn start_state(&self, random: &mut Random, state: &mut State) {
        for value in &mut state.r {
            *value = random.value();
        }
        state.r[usize::from(INDEX)] = random.below(256);
        state.r[usize::from(LOW_BASE)] = DATA + 0x6000 + 4 * random.below(64);
        state.r[usize::from(HIGH_BASE)] = DATA + 0x9000 + 4 * random.below(64);
        state.r[13] = DATA + 0xd000 + 4 * random.below(64);
        state.apsr = 0;
        for value in &mut state.s {
            *value = vfp::value(random);
        }
        state.fpscr = vfp::status(random);
    }
}

fn it_block(random: &mut Random, classes: &mut Classes) -> Item {
    let condition = random.bits(4) % 15;
    let length = 1 + random.below(4) as u16;
    // The mask: for each further instruction whether it follows the condition or its opposite, then a one.
    let mut mask = 1 << (4 - length);
    for index in 1..length {
        let opposite = condition != 14 && random.chance(2);
        mask |= ((condition & 1) ^ u16::from(opposite)) << (4 - index);
    }
    let mut code = vec![0xbf00 | condition << 4 | mask];
    for _ in 0..length {
        // A pair of which IT skips the first half asks the exclusive monitor for what is not specified.
        let item = std::iter::repeat_with(|| match random.chance(4) {
            true => vfp_single(random, classes),
            false => single(random, classes),
        })
        .find(|item| !SEQUENCES.contains(&item.class));
        code.extend(item.into_iter().flat_map(|item| item.code));
    }
    *classes.0.entry("IT").or_default() += 1;
    Item { class: "IT", code }
}

/// A forward branch over a few instructions.
fn branch(random: &mut Random, classes: &mut Classes) -> Item {
    let mut skipped = Vec::new();
    for _ in 0..random.below(4) {
        skipped.extend(single(random, classes).code);
    }
    let wide_over = 2 * skipped.len() as u16;
    let (class, code) = match random.below(13) {
        6 => ("TBB TBH", table_branch(random, &mut skipped)),
        7 => ("B T1 B T3 backward", countdown(random)),
        way @ 8.. => computed(random, way, &skipped),
        0 => {
            skipped.push(NOP);
            let bytes = narrow_offset(&skipped);
            ("B T1", vec![0xd000 | (random.bits(4) % 14) << 8 | bytes >> 1 & 0xff])
        }
        1 => {
            skipped.push(NOP);
            let bytes = narrow_offset(&skipped);
            ("B T2", vec![0xe000 | bytes >> 1 & 0x7ff])
        }
        2 => {
            let condition = random.bits(4) % 14;
            ("B T3", vec![0xf000 | condition << 6, 0x8000 | wide_over >> 1])
        }
        3 => ("B T4", vec![0xf000, 0xb800 | wide_over >> 1]),
        4 => ("BL", vec![0xf000, 0xf800 | wide_over >> 1]),
        5 => {
            skipped.push(NOP);
            let bytes = narrow_offset(&skipped);
            let offset = bytes >> 1;
            (
                "CBZ CBNZ",
                vec![0xb100 | random.bits(1) << 11 | (offset >> 5 & 1) << 9 | (offset & 31) << 3 | random.bits(3)],
            )
        }
    };
    *classes.0.entry(class).or_default() += 1;
    let code = code.into_iter().chain(skipped).collect();
    Item { class, code }
}

/// Classes that [`branch`] makes.
const BRANCHES: [&str; 13] = [
    "B T1",
    "B T2",
    "B T3",
    "B T4",
    "BL",
    "CBZ CBNZ",
    "TBB TBH",
    "B T1 B T3 backward",
    "BX",
    "BLX",
    "MOV PC",
    "POP PC",
    "LDR LDM PC",
];
/// Classes of several instructions that must all be executed, or none.
const SEQUENCES: [&str; 5] = [
    "VCVT from fixed",
    "LDREX STREX",
    "LDREXB LDREXH STREXB STREXH",
    "CLREX STREX",
    "LDM T1 base in list",
];

/// An index, the branch, its table, what it may skip. The table has entries for none, one, and two of the last.
fn table_branch(random: &mut Random, skipped: &mut Vec<u16>) -> Vec<u16> {
    let (half, index) = (random.chance(2), low_free(random));
    *skipped = vec![NOP, 0x3001 | index << 8];
    let table = match half {
        true => vec![4, 5, 6, 4],
        false => vec![0x0302, 0x0204],
    };
    let mut code = vec![
        0x2000 | index << 8 | random.bits(2),
        0xe8df,
        0xf000 | u16::from(half) << 4 | index,
    ];
    code.extend(table);
    code
}

/// A loop that counts a register down: ADDS, SUBS, and BNE back to the first, in one width or the other.
fn countdown(random: &mut Random) -> Vec<u16> {
    let (counter, other) = (0, 1 + random.bits(2));
    let body = vec![
        0x2001 | counter << 8 | random.bits(3),
        0x3003 | other << 8,
        0x3801 | counter << 8,
    ];
    let back = match random.chance(2) {
        true => vec![0xd1fc],
        false => vec![0xf47f, 0xaffc],
    };
    body.into_iter().chain(back).collect()
}

/// A branch to an address in a register, past `skipped`: BL to the next instruction gives the place to count from.
fn computed(random: &mut Random, way: u32, skipped: &[u16]) -> (&'static str, Vec<u16>) {
    let target = low_free(random);
    let push = 0xb400 | 1 << target;
    let (class, jump) = match way {
        8 => ("BX", vec![0x4700 | target << 3]),
        9 => ("BLX", vec![0x4780 | target << 3]),
        10 => ("MOV PC", vec![0x4687 | target << 3]),
        11 => ("POP PC", vec![push, 0xbd00]),
        _ => match random.bits(2) {
            // LDR PC, [SP], #4; LDR PC, [SP] and the SP moved first; LDMIA SP!, {R9, PC}.
            0 | 1 => ("LDR LDM PC", vec![push, 0xf85d, 0xfb04]),
            2 => ("LDR LDM PC", vec![push, 0xf8dd, 0xf000]),
            _ => ("LDR LDM PC", vec![push, 0xb401, 0xe8bd, 0x8200]),
        },
    };
    let ahead = 4 + 2 * (jump.len() + skipped.len()) as u16;
    let mut code = vec![0xf000, 0xf800, 0xf20e, target << 8 | ahead];
    code.extend(jump);
    (class, code)
}

/// Offset of a 16-bit branch over `skipped` (at least one halfword): the branch is 2 bytes, the offset counts from 4.
fn narrow_offset(skipped: &[u16]) -> u16 {
    2 * skipped.len() as u16 - 2
}

pub(crate) type Make = fn(&mut Random) -> Vec<u16>;

fn single(random: &mut Random, classes: &mut Classes) -> Item {
    let class = random.pick(&CLASSES);
    make(class, random, classes)
}

fn vfp_single(random: &mut Random, classes: &mut Classes) -> Item {
    let class = random.pick(&vfp::CLASSES);
    make(class, random, classes)
}

fn make((class, make): (&'static str, Make), random: &mut Random, classes: &mut Classes) -> Item {
    *classes.0.entry(class).or_default() += 1;
    Item {
        class,
        code: make(random),
    }
}

/// A source: anything but SP and PC.
pub(crate) fn any(random: &mut Random) -> u16 {
    random.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14])
}

pub(crate) fn free(random: &mut Random) -> u16 {
    random.pick(&FREE)
}

pub(crate) fn low_free(random: &mut Random) -> u16 {
    random.pick(&FREE[..6])
}

pub(crate) fn low_any(random: &mut Random) -> u16 {
    random.bits(3)
}

/// A base register of wide loads and stores.
pub(crate) fn base(random: &mut Random) -> u16 {
    random.pick(&[LOW_BASE, HIGH_BASE, 13])
}

/// Free registers, distinct.
pub(crate) fn two_free(random: &mut Random) -> (u16, u16) {
    loop {
        let (first, second) = (free(random), free(random));
        if first != second {
            return (first, second);
        }
    }
}

/// A multiple of 4 that drifts a base only a little, as an 8-bit field of bytes.
fn small_drift(random: &mut Random) -> u16 {
    random.bits(5) << 2
}

fn modified_immediate(random: &mut Random) -> (u16, u16) {
    let imm12 = loop {
        let imm12 = random.bits(12);
        // 0x00XY00XY and the like with XY = 0 are unpredictable.
        if imm12 >> 10 != 0 || imm12 >> 8 == 0 || imm12 & 0xff != 0 {
            break imm12;
        }
    };
    (imm12 >> 11 << 10, (imm12 >> 8 & 7) << 12 | imm12 & 0xff)
}

fn shift_fields(random: &mut Random) -> u16 {
    random.bits(3) << 12 | random.bits(2) << 6 | random.bits(2) << 4
}

const CLASSES: [(&str, Make); 96] = [
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
        vec![0xfb20 | any(r), any(r) << 12 | free(r) << 8 | r.bits(1) << 4 | any(r)]
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
        let drift = small_drift(r);
        let mode = r.pick(&[0b1100, 0b1111, 0b1101, 0b1011, 0b1001]);
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
        let drift = small_drift(r);
        let mode = r.pick(&[0b1100, 0b1111, 0b1101, 0b1011, 0b1001]);
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
        let list = 0x0005 | r.bits(6) | r.bits(4) << 9 & 0x1e00;
        let direction = r.pick(&[0xe880, 0xe900]);
        vec![direction | r.bits(1) << 5 | r.bits(1) << 4 | base(r), list]
    }),
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
    ("MOV from SP T1", |r| {
        let rd = free(r);
        vec![0x4600 | (rd >> 3) << 7 | 13 << 3 | rd & 7]
    }),
    ("ADD reg SP T1", |r| {
        let rd = low_free(r);
        vec![0x4468 | rd]
    }),
    ("ADD reg PC T2", |r| {
        let rd = free(r);
        vec![0x4400 | (rd >> 3) << 7 | 15 << 3 | rd & 7]
    }),
    ("CMP reg SP T2", |r| {
        let rm = any(r);
        vec![0x4500 | 1 << 7 | rm << 3 | 5]
    }),
    ("LDM T1 base in list", |r| {
        // R5 is pointed into the stack first, and loaded itself.
        vec![0xa800 | 5 << 8 | r.bits(6), 0xc800 | 5 << 8 | r.bits(8) & 0x3f | 0x21]
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
        vec![r.pick(&[0xf11d, 0xf1bd]) | high, low | 0x0f00]
    }),
    ("MRS APSR", |r| vec![0xf3ef, 0x8000 | free(r) << 8]),
    ("MSR APSR", |r| {
        vec![0xf380 | any(r), 0x8000 | r.pick(&[0x400, 0x800, 0xc00])]
    }),
    ("barriers and hints", |r| match random_below(r, 8) {
        // Hints without a meaning (YIELD ends a run of Unicorn).
        5 => vec![0xbf00 | r.pick(&[5, 8, 15]) << 4],
        6 => vec![0xf3af, 0x8000 | r.pick(&[5, 8, 15])],
        7 => vec![0xf3af, 0x80f0 | r.bits(4)],
        0 => vec![0xf3bf, 0x8f4f],
        1 => vec![0xf3bf, 0x8f5f],
        2 => vec![0xf3bf, 0x8f2f],
        3 => vec![0xf3af, 0x8000],
        _ => vec![NOP],
    }),
];

fn random_below(random: &mut Random, limit: u32) -> u16 {
    random.below(limit) as u16
}
