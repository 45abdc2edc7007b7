//! Random programs: straight lines of instructions of every class, with IT blocks and short forward branches, whose
//! loads and stores stay within the data window.
//!
//! Some registers have roles: R7, R8 and SP point into the window and change only by write-back, R6 is a small index;
//! all others are free. Unpredictable encodings are not generated.

use std::collections::BTreeMap;

use crate::classes::CLASSES;
use crate::random::Random;
use crate::{DATA, State, sequences, vfp};

/// Free registers; the first six are low ones.
const FREE: [u16; 11] = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 14];
pub(crate) const INDEX: u16 = 6;
pub(crate) const LOW_BASE: u16 = 7;
pub(crate) const HIGH_BASE: u16 = 8;
const ITEMS: u32 = 48;
const BREAKPOINT: u16 = 0xbeab;
pub(crate) const NOP: u16 = 0xbf00;

/// One instruction, or a group that belongs together (an IT block, a branch with the instructions that it skips).
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

/// How often each class was generated.
#[derive(Default)]
pub(crate) struct Classes(BTreeMap<&'static str, u64>);

impl Classes {
    /// All classes, including those that were never generated.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = CLASSES.iter().chain(&vfp::CLASSES).chain(&sequences::CLASSES);
        let singles = all.map(|(name, _)| *name);
        let names = singles.chain(BRANCHES).chain(["IT"]);
        names.map(|name| (name, self.0.get(name).copied().unwrap_or(0)))
    }
}

impl Program {
    pub(crate) fn random(random: &mut Random, classes: &mut Classes, at: u32) -> Self {
        // Unicorn's XPSR register does not accept GE from outside: the program sets all its flags itself, from R0.
        let mut items = vec![Item {
            class: "MSR APSR",
            code: vec![0xf380, 0x8c00],
        }];
        // A quarter of the programs have as many floating-point instructions as all others together.
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

    /// Fresh register values; the data window keeps the previous program's contents.
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
        let class = match random.chance(4) {
            true => random.pick(&vfp::CLASSES),
            false => random.pick(&CLASSES),
        };
        code.extend(make(class, random, classes).code);
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
    let (class, code) = match random.below(16) {
        6 => ("TBB TBH", table_branch(random, &mut skipped)),
        7 => ("B T1 B T3 backward", countdown(random)),
        way @ 8..=12 => computed(random, way, &skipped),
        13 => ("TBB TBH any base", table_branch_by_register(random, &mut skipped)),
        14 => ("B T2 B T4 BL backward", there_and_back(random)),
        15 => {
            // The amount counts from four bytes on; two of them are the branch.
            skipped.push(NOP);
            let rt = low_free(random);
            let amount = 2 * skipped.len() as u16 - 2;
            ("ADD PC", vec![0x2000 | rt << 8 | amount, 0x4487 | rt << 3])
        }
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
            if skipped.len() < 28 && random.chance(2) {
                // Far enough for the highest bit of the offset.
                skipped.extend([NOP; 34]);
            }
            let bytes = narrow_offset(&skipped);
            let offset = bytes >> 1;
            (
                "CBZ CBNZ",
                vec![0xb100 | random.bits(1) << 11 | (offset >> 5 & 1) << 9 | (offset & 31) << 3 | random.bits(3)],
            )
        }
        16.. => unreachable!("below 16"),
    };
    *classes.0.entry(class).or_default() += 1;
    let code = code.into_iter().chain(skipped).collect();
    Item { class, code }
}

/// Classes that [`branch`] makes.
const BRANCHES: [&str; 16] = [
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
    "TBB TBH any base",
    "B T2 B T4 BL backward",
    "ADD PC",
];
/// An index, the branch, its table, the instructions that it may skip. The table has entries that skip none, one, and
/// two of the last.
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

/// As [`table_branch`], with the table's address in a register, taken from PC.
fn table_branch_by_register(random: &mut Random, skipped: &mut Vec<u16>) -> Vec<u16> {
    let mut code = table_branch(random, skipped);
    let (index, table) = (code[2] & 15, low_free(random));
    let table = if table == index { (table + 1) % 6 } else { table };
    code[1] = 0xe8d0 | table;
    // MOV from PC, 4 ahead of it; ADDS 4 more.
    code.splice(1..1, [0x4678 | table, 0x3004 | table << 8]);
    code
}

/// Forward, back and out: B over ADDS and B, and by each of the forms back to ADDS.
fn there_and_back(random: &mut Random) -> Vec<u16> {
    let back: &[u16] = match random.below(3) {
        0 => &[0xe7fc],
        1 => &[0xf7ff, 0xbffc],
        _ => &[0xf7ff, 0xfffc],
    };
    let mut code = vec![0xe001, 0x3003 | low_free(random) << 8, 0xe000 | (back.len() as u16 - 1)];
    code.extend(back);
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

/// A branch to an address in a register, past `skipped`: BL to the next instruction provides the base address.
fn computed(random: &mut Random, way: u32, skipped: &[u16]) -> (&'static str, Vec<u16>) {
    // The pushed register is a low one.
    let target = if way < 11 { free(random) } else { low_free(random) };
    let push = 0xb400 | 1 << (target & 7);
    let (class, jump) = match way {
        8 => ("BX", vec![0x4700 | target << 3]),
        9 => ("BLX", vec![0x4780 | target << 3]),
        10 => ("MOV PC", vec![0x4687 | target << 3]),
        11 => ("POP PC", vec![push, 0xbd00]),
        _ => match random.below(5) {
            // LDR PC, [SP], #4; LDR PC, [SP]; LDR PC, [SP, Rm, LSL #n] with zero in Rm; LDMIA SP!, {R9, PC}.
            4 => {
                let index = (target + 1) % 6;
                let load = 0xf000 | random.bits(2) << 4 | index;
                ("LDR LDM PC", vec![push, 0x2000 | index << 8, 0xf85d, load])
            }
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
    let index = random.below((CLASSES.len() + sequences::CLASSES.len()) as u32) as usize;
    let class = match CLASSES.get(index) {
        Some(class) => *class,
        None => sequences::CLASSES[index - CLASSES.len()],
    };
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

/// P, U and W with the 8-bit offset: a negative offset, or indexed in either direction with write-back, by a multiple
/// of 4 that moves a base only a little.
pub(crate) fn indexed(random: &mut Random) -> (u16, u16) {
    match random.pick(&[0b1100, 0b1111, 0b1101, 0b1011, 0b1001]) {
        0b1100 => (0b1100, random.bits(8)),
        mode => (mode, random.bits(5) << 2),
    }
}

pub(crate) fn modified_immediate(random: &mut Random) -> (u16, u16) {
    let imm12 = loop {
        let imm12 = random.bits(12);
        // 0x00XY00XY and the like with XY = 0 are unpredictable.
        if imm12 >> 10 != 0 || imm12 >> 8 == 0 || imm12 & 0xff != 0 {
            break imm12;
        }
    };
    (imm12 >> 11 << 10, (imm12 >> 8 & 7) << 12 | imm12 & 0xff)
}

pub(crate) fn shift_fields(random: &mut Random) -> u16 {
    random.bits(3) << 12 | random.bits(2) << 6 | random.bits(2) << 4
}

pub(crate) fn random_below(random: &mut Random, limit: u32) -> u16 {
    random.below(limit) as u16
}
