//! Random programs that always reach their end: straight lines, forward branches, loads and stores around base
//! registers that point into the data window. Encodings are built here from the listings (unpriv, chapters 16 and 24),
//! not by the decoder under test.

use std::collections::BTreeMap;

use super::{DATA, State};
use crate::random::Random;

/// How often each class was generated.
#[derive(Default)]
pub(super) struct Classes(BTreeMap<&'static str, u64>);

impl Classes {
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        // Classes that were never generated count too.
        let all = names().map(|name| (name, self.0.get(name).copied().unwrap_or(0)));
        all.collect::<BTreeMap<_, _>>().into_iter()
    }

    fn count(&mut self, class: &'static str) {
        *self.0.entry(class).or_default() += 1;
    }
}

/// An instruction, or several that belong together, as halfwords.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) class: &'static str,
    pub(super) code: Vec<u16>,
}

pub(super) struct Program {
    pub(super) at: u32,
    pub(super) items: Vec<Item>,
}

/// Registers that point into the data window and are never written: sp for C.LWSP, s0 and s1 for C.LW.
const BASES: [u32; 3] = [2, 8, 9];
/// A semihosting call: `slli x0, x0, 31; ebreak; srai x0, x0, 7`.
const TAIL: [u32; 3] = [0x01f0_1013, 0x0010_0073, 0x4070_5013];

impl Program {
    pub(super) fn random(random: &mut Random, classes: &mut Classes, at: u32) -> Self {
        let count = 10 + random.below(60);
        let items = (0..count).map(|_| item(random, classes)).collect();
        Self { at, items }
    }

    pub(super) fn prefix(&self, count: usize) -> Self {
        Self {
            at: self.at,
            items: self.items[..count].to_vec(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let tail: Vec<u16> = TAIL.iter().flat_map(|word| wide(*word)).collect();
        let halves = self.items.iter().flat_map(|item| &item.code).chain(&tail);
        halves.flat_map(|half| half.to_le_bytes()).collect()
    }

    pub(super) fn address_of(&self, index: usize) -> u32 {
        let before = self.items[..index].iter().map(|item| 2 * item.code.len() as u32);
        self.at + before.sum::<u32>()
    }

    /// The address of the EBREAK that ends it.
    pub(super) fn end(&self) -> u32 {
        self.address_of(self.items.len()) + 4
    }

    /// Fresh register values; the data window keeps the previous program's contents.
    pub(super) fn start_state(&self, random: &mut Random, state: &mut State) {
        for value in &mut state.x {
            *value = random.value();
        }
        state.x[0] = 0;
        for base in BASES {
            state.x[base as usize] = DATA + 0x1000 + 4 * random.below(0x400);
        }
    }
}

fn wide(word: u32) -> [u16; 2] {
    [word as u16, (word >> 16) as u16]
}

fn item(random: &mut Random, classes: &mut Classes) -> Item {
    if random.chance(10) {
        return branch(random, classes);
    }
    let (class, make) = random.pick(&CLASSES);
    classes.count(class);
    let code = match make {
        Make::R(bits) => wide(bits | rd(random) << 7 | any(random) << 15 | any(random) << 20).to_vec(),
        Make::I(bits) => wide(bits | rd(random) << 7 | any(random) << 15 | imm12(random) << 20).to_vec(),
        Make::Shift(bits) => wide(bits | rd(random) << 7 | any(random) << 15 | random.below(32) << 20).to_vec(),
        Make::U(bits) => wide(bits | rd(random) << 7 | (random.next() as u32) & 0xffff_f000).to_vec(),
        Make::Load(bits) => wide(bits | rd(random) << 7 | base(random) << 15 | imm12(random) << 20).to_vec(),
        Make::Store(bits) => {
            let imm = imm12(random);
            wide(bits | (imm & 31) << 7 | base(random) << 15 | any(random) << 20 | imm >> 5 << 25).to_vec()
        }
        Make::Amo(bits) => atomic(random, bits),
        Make::Reserve => reserve(random),
        Make::Csr(bits) => {
            // mscratch and mtval store every written value. (Unicorn keeps bit 0 of mepc, which priv 3.1.14 does not
            // allow.)
            let csr = random.pick(&[0x340, 0x343]);
            let set = wide(0x1073 | any(random) << 15 | csr << 20);
            let access = wide(bits | rd(random) << 7 | any(random) << 15 | csr << 20);
            let read = wide(0x2073 | rd(random) << 7 | csr << 20);
            [set, access, read].concat()
        }
        // The other fields are reserved for finer fences (unpriv 2.7, 6) and are ignored.
        Make::Fence(bits) => wide(bits | (random.next() as u32) & 0xffff_8f80).to_vec(),
        Make::MoveStack => {
            // 16 and -16, 32 and -32 and so on; C.MV a0, sp between them shows the value of sp.
            let pairs = [
                (0x6141, 0x717d),
                (0x6105, 0x713d),
                (0x6121, 0x7139),
                (0x6109, 0x7119),
                (0x6111, 0x7111),
                (0x617d, 0x7141),
            ];
            let (there, back) = random.pick(&pairs);
            vec![there, 0x850a, back]
        }
        Make::Constant => {
            let rd = random.pick(&FREE) << 7;
            let lui = wide(0x37 | rd | (random.next() as u32) & 0xffff_f000);
            [lui, wide(0x13 | rd | rd << 8 | imm12(random) << 20)].concat()
        }
        Make::ShiftPair(bits) => {
            let rd = random.pick(&FREE) << 7;
            let left = wide(0x1013 | rd | any(random) << 15 | random.below(32) << 20);
            [left, wide(bits | rd | rd << 8 | random.below(32) << 20)].concat()
        }
        Make::Short(make) => vec![make(random)],
    };
    Item { class, code }
}

/// Address into a register, then the AMO.
fn atomic(random: &mut Random, bits: u32) -> Vec<u16> {
    let pointer = rd(random);
    let offset = 4 * random.below(0x1ff);
    let order = random.below(4) << 25;
    let amo = bits | rd(random) << 7 | pointer << 15 | any(random) << 20 | order;
    if pointer == 0 {
        // x0 points nowhere: the base itself then, which is aligned.
        return wide(amo & !(31 << 15) | base(random) << 15).to_vec();
    }
    let address = 0x13 | pointer << 7 | base(random) << 15 | offset << 20;
    [wide(address), wide(amo)].concat()
}

/// LR.W, something harmless, and SC.W to the same place or another.
fn reserve(random: &mut Random) -> Vec<u16> {
    let from = base(random);
    let to = if random.chance(3) { base(random) } else { from };
    let order = |random: &mut Random| random.below(4) << 25;
    let load = wide(0x1000_202f | rd(random) << 7 | from << 15 | order(random));
    let between = wide(0x13 | rd(random) << 7 | any(random) << 15 | imm12(random) << 20);
    let mut conditional = || {
        let fields = rd(random) << 7 | to << 15 | any(random) << 20 | order(random);
        wide(0x1800_202f | fields)
    };
    // A second one finds no reservation.
    [load, between, conditional(), conditional()].concat()
}

/// A forward branch over a few instructions.
fn branch(random: &mut Random, classes: &mut Classes) -> Item {
    if random.chance(6) {
        let (class, code) = match random.chance(2) {
            true => (BACKWARD[0], countdown(random)),
            false => (BACKWARD[1], there_and_back(random)),
        };
        classes.count(class);
        return Item { class, code };
    }
    let mut skipped = Vec::new();
    for _ in 0..random.below(4) {
        let (class, make) = random.pick(&STRAIGHT);
        classes.count(class);
        skipped.extend(match make {
            Make::Short(make) => vec![make(random)],
            Make::R(bits) => wide(bits | rd(random) << 7 | any(random) << 15 | any(random) << 20).to_vec(),
            _ => wide(0x13).to_vec(),
        });
    }
    let over = 2 * skipped.len() as u32;
    let (class, code) = match random.below(13) {
        kind @ 0..6 => {
            let (class, funct3) = BRANCHES[kind as usize];
            // Equal operands occasionally, so that both directions are taken.
            let rs1 = any(random);
            let rs2 = if random.chance(3) { rs1 } else { any(random) };
            let offset = over + 4;
            let fields = funct3 << 12 | rs1 << 15 | rs2 << 20;
            (class, wide(0x63 | fields | branch_offset(offset)).to_vec())
        }
        6 => ("JAL", wide(0x6f | rd(random) << 7 | jal_offset(over + 4)).to_vec()),
        7 => {
            // AUIPC, ADDI, JALR: up, and up or down from there. The lowest bit is cleared.
            let pointer = random.pick(&FREE);
            let address = wide(0x17 | pointer << 7);
            let moved = random.below(0x780);
            let add = wide(0x13 | pointer << 7 | pointer << 15 | moved << 20);
            let imm = (over + 12 + (moved & 1)).wrapping_sub(moved) & 0xfff;
            let rd = if random.chance(4) { pointer } else { rd(random) };
            let jump = wide(0x67 | rd << 7 | pointer << 15 | imm << 20);
            ("JALR", [address, add, jump].concat())
        }
        8 => ("C.J", vec![0xa001 | short_jump(over + 2)]),
        9 => ("C.JAL", vec![0x2001 | short_jump(over + 2)]),
        10 => ("C.BEQZ", vec![0xc001 | short_branch(random, over + 2)]),
        11 => ("C.BNEZ", vec![0xe001 | short_branch(random, over + 2)]),
        _ => {
            // AUIPC, ADDI, C.JR or C.JALR
            let pointer = random.pick(&FREE);
            let address = wide(0x17 | pointer << 7);
            let add = wide(0x13 | pointer << 7 | pointer << 15 | (over + 10) << 20);
            let (class, bits) = random.pick(&[("C.JR", 0x8002), ("C.JALR", 0x9002)]);
            (
                class,
                [&address[..], &add[..], &[bits | (pointer as u16) << 7]].concat(),
            )
        }
    };
    classes.count(class);
    let code = code.into_iter().chain(skipped).collect();
    Item { class, code }
}

/// A loop that counts a register down by one of the suitable branches.
fn countdown(random: &mut Random) -> Vec<u16> {
    let counter = 10 + random.below(6);
    let other = random.pick(&[5, 6, 7, 28, 31]);
    let start = wide(0x13 | counter << 7 | (1 + random.below(4)) << 20);
    let body = wide(0x13 | other << 7 | other << 15 | imm12(random) << 20);
    let down = wide(0x13 | counter << 7 | counter << 15 | 0xfff << 20);
    let back = branch_offset(8u32.wrapping_neg());
    let branch = match random.below(5) {
        // BNE, BLT and BLTU after zero, BGE until below zero, C.BNEZ.
        0 => wide(0x1063 | counter << 15 | back).to_vec(),
        1 => wide(0x4063 | counter << 20 | back).to_vec(),
        2 => wide(0x6063 | counter << 20 | back).to_vec(),
        3 => wide(0x5063 | counter << 15 | back).to_vec(),
        _ => vec![0xe001 | short_branch_offset(8u32.wrapping_neg()) | (counter as u16 - 8) << 7],
    };
    [&start[..], &body, &down, &branch].concat()
}

/// Forward, back and out: JAL over ADDI and JAL, and by each of the forms back to ADDI.
fn there_and_back(random: &mut Random) -> Vec<u16> {
    let other = random.pick(&[5, 6, 7, 28, 31]);
    let back = 8u32.wrapping_neg();
    let last = match random.below(5) {
        0 => wide(0x6f | rd(random) << 7 | jal_offset(back)).to_vec(),
        1 => vec![0xa001 | short_jump(back)],
        2 => vec![0x2001 | short_jump(back)],
        // BEQ and BGEU of a register with itself.
        3 => wide(0x63 | other << 15 | other << 20 | branch_offset(back)).to_vec(),
        _ => wide(0x7063 | other << 15 | other << 20 | branch_offset(back)).to_vec(),
    };
    let out = 4 + 2 * last.len() as u32;
    let ahead = wide(0x6f | rd(random) << 7 | jal_offset(12));
    let body = wide(0x13 | other << 7 | other << 15 | imm12(random) << 20);
    let leave = wide(0x6f | rd(random) << 7 | jal_offset(out));
    [&ahead[..], &body, &leave, &last].concat()
}

/// offset[12|10:5] and offset[4:1|11].
fn branch_offset(offset: u32) -> u32 {
    (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
}

/// offset[20|10:1|11|19:12].
fn jal_offset(offset: u32) -> u32 {
    (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3ff) << 21 | (offset >> 11 & 1) << 20 | (offset >> 12 & 0xff) << 12
}

/// offset[11|4|9:8|10|6|7|3:1|5] in bits 12 to 2.
fn short_jump(offset: u32) -> u16 {
    let bit = |from: u32, to: u32| (offset >> from & 1) << to;
    let high = bit(11, 12) | bit(4, 11) | (offset >> 8 & 3) << 9 | bit(10, 8);
    (high | bit(6, 7) | bit(7, 6) | (offset >> 1 & 7) << 3 | bit(5, 2)) as u16
}

/// A register of x8 to x15 and the offset.
fn short_branch(random: &mut Random, offset: u32) -> u16 {
    short_branch_offset(offset) | (random.below(8) << 7) as u16
}

/// offset[8|4:3], rs1', offset[7:6|2:1|5].
fn short_branch_offset(offset: u32) -> u16 {
    let high = (offset >> 8 & 1) << 12 | (offset >> 3 & 3) << 10;
    (high | (offset >> 6 & 3) << 5 | (offset >> 1 & 3) << 3 | (offset >> 5 & 1) << 2) as u16
}

/// Registers a program may write.
const FREE: [u32; 28] = [
    1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
];

/// A destination: x0 now and then.
fn rd(random: &mut Random) -> u32 {
    if random.chance(16) { 0 } else { random.pick(&FREE) }
}

/// A destination for instructions that encode x8 to x15 in three bits: never s0 and s1.
fn short_rd(random: &mut Random) -> u16 {
    2 + random.below(6) as u16
}

fn any(random: &mut Random) -> u32 {
    random.below(32)
}

fn base(random: &mut Random) -> u32 {
    random.pick(&BASES)
}

/// An immediate that is aligned more often than not.
fn imm12(random: &mut Random) -> u32 {
    let imm = random.below(0x1000);
    if random.chance(3) { imm } else { imm & !3 }
}

/// How an item of a class is made.
#[derive(Clone, Copy)]
enum Make {
    R(u32),
    I(u32),
    Shift(u32),
    U(u32),
    Load(u32),
    Store(u32),
    Amo(u32),
    Reserve,
    Csr(u32),
    Fence(u32),
    MoveStack,
    Constant,
    ShiftPair(u32),
    Short(fn(&mut Random) -> u16),
}

const BRANCHES: [(&str, u32); 6] = [("BEQ", 0), ("BNE", 1), ("BLT", 4), ("BGE", 5), ("BLTU", 6), ("BGEU", 7)];
/// Branches that go back: in a loop, and out of line.
const BACKWARD: [&str; 2] = ["BNE BLT BLTU BGE C.BNEZ backward", "JAL C.J C.JAL BEQ BGEU backward"];
const OTHER_JUMPS: [&str; 8] = ["JAL", "JALR", "C.J", "C.JAL", "C.BEQZ", "C.BNEZ", "C.JR", "C.JALR"];

fn names() -> impl Iterator<Item = &'static str> {
    let straight = CLASSES.iter().map(|(name, _)| *name);
    straight
        .chain(BRANCHES.iter().map(|(name, _)| *name))
        .chain(OTHER_JUMPS)
        .chain(BACKWARD)
}

/// Classes that a branch may skip: one instruction that reads and writes registers only.
const STRAIGHT: [(&str, Make); 4] = [
    ("ADD", Make::R(0x33)),
    ("MULH", Make::R(0x0200_1033)),
    ("C.ADDI", Make::Short(|random| 0x0001 | ci(random))),
    ("C.LI", Make::Short(|random| 0x4001 | ci_or_hint(random))),
];

/// rd and imm[5|4:0] of CI.
fn ci(random: &mut Random) -> u16 {
    immediate(random) | (random.pick(&FREE) as u16) << 7
}

/// The same, but x0 as rd makes it a hint.
fn ci_or_hint(random: &mut Random) -> u16 {
    immediate(random) | (rd(random) as u16) << 7
}

fn immediate(random: &mut Random) -> u16 {
    random.bits(1) << 12 | random.bits(5) << 2
}

/// rd' and imm[5|4:0] of the CB arithmetic.
fn cb(random: &mut Random) -> u16 {
    short_rd(random) << 7 | random.bits(1) << 12 | random.bits(5) << 2
}

/// rd' and shamt[4:0].
fn cb_shift(random: &mut Random) -> u16 {
    short_rd(random) << 7 | random.bits(5) << 2
}

/// rd' and rs2' of CA.
fn ca(random: &mut Random) -> u16 {
    short_rd(random) << 7 | random.bits(3) << 2
}

/// rd and rs2 of CR; with x0 as rd it is a hint.
fn cr(random: &mut Random) -> u16 {
    (rd(random) as u16) << 7 | (1 + random.below(31) as u16) << 2
}

/// The offset of C.LW and C.SW, and s0 or s1 as the base.
fn cl(random: &mut Random) -> u16 {
    random.bits(3) << 10 | random.bits(1) << 7 | random.bits(2) << 5
}

const CLASSES: [(&str, Make); 78] = [
    ("LUI", Make::U(0x37)),
    ("AUIPC", Make::U(0x17)),
    ("ADDI", Make::I(0x13)),
    ("SLTI", Make::I(0x2013)),
    ("SLTIU", Make::I(0x3013)),
    ("XORI", Make::I(0x4013)),
    ("ORI", Make::I(0x6013)),
    ("ANDI", Make::I(0x7013)),
    ("SLLI", Make::Shift(0x1013)),
    ("SRLI", Make::Shift(0x5013)),
    ("SRAI", Make::Shift(0x4000_5013)),
    ("ADD", Make::R(0x33)),
    ("SUB", Make::R(0x4000_0033)),
    ("SLL", Make::R(0x1033)),
    ("SLT", Make::R(0x2033)),
    ("SLTU", Make::R(0x3033)),
    ("XOR", Make::R(0x4033)),
    ("SRL", Make::R(0x5033)),
    ("SRA", Make::R(0x4000_5033)),
    ("OR", Make::R(0x6033)),
    ("AND", Make::R(0x7033)),
    ("MUL", Make::R(0x0200_0033)),
    ("MULH", Make::R(0x0200_1033)),
    ("MULHSU", Make::R(0x0200_2033)),
    ("MULHU", Make::R(0x0200_3033)),
    ("DIV", Make::R(0x0200_4033)),
    ("DIVU", Make::R(0x0200_5033)),
    ("REM", Make::R(0x0200_6033)),
    ("REMU", Make::R(0x0200_7033)),
    ("LB", Make::Load(0x03)),
    ("LH", Make::Load(0x1003)),
    ("LW", Make::Load(0x2003)),
    ("LBU", Make::Load(0x4003)),
    ("LHU", Make::Load(0x5003)),
    ("SB", Make::Store(0x23)),
    ("SH", Make::Store(0x1023)),
    ("SW", Make::Store(0x2023)),
    ("LR.W SC.W", Make::Reserve),
    ("AMOSWAP.W", Make::Amo(0x0800_202f)),
    ("AMOADD.W", Make::Amo(0x0000_202f)),
    ("AMOXOR.W", Make::Amo(0x2000_202f)),
    ("AMOAND.W", Make::Amo(0x6000_202f)),
    ("AMOOR.W", Make::Amo(0x4000_202f)),
    ("AMOMIN.W", Make::Amo(0x8000_202f)),
    ("AMOMAX.W", Make::Amo(0xa000_202f)),
    ("AMOMINU.W", Make::Amo(0xc000_202f)),
    ("AMOMAXU.W", Make::Amo(0xe000_202f)),
    ("FENCE", Make::Fence(0x0f)),
    ("FENCE.I", Make::Fence(0x100f)),
    ("CSRRW", Make::Csr(0x1073)),
    ("CSRRS", Make::Csr(0x2073)),
    ("CSRRC", Make::Csr(0x3073)),
    ("CSRRWI", Make::Csr(0x5073)),
    ("CSRRSI", Make::Csr(0x6073)),
    ("CSRRCI", Make::Csr(0x7073)),
    // Hints: SLTI and friends with rd x0 come up by `rd`; these are C's own.
    (
        "C.NOP",
        Make::Short(|random| 0x0001 | random.bits(1) << 12 | random.bits(5) << 2),
    ),
    // nzuimm of all zeroes is the illegal instruction.
    (
        "C.ADDI4SPN",
        Make::Short(|random| (1 + random.below(255) as u16) << 5 | short_rd(random) << 2),
    ),
    (
        "C.LW",
        Make::Short(|random| 0x4000 | cl(random) | short_rd(random) << 2),
    ),
    ("C.SW", Make::Short(|random| 0xc000 | cl(random) | random.bits(3) << 2)),
    ("C.ADDI", Make::Short(|random| 0x0001 | ci(random))),
    ("C.LI", Make::Short(|random| 0x4001 | ci_or_hint(random))),
    // imm of zero is reserved.
    ("C.LUI", Make::Short(|random| 0x6005 | ci_or_hint(random))),
    ("C.SRLI", Make::Short(|random| 0x8001 | cb_shift(random))),
    ("C.SRAI", Make::Short(|random| 0x8401 | cb_shift(random))),
    ("C.ANDI", Make::Short(|random| 0x8801 | cb(random))),
    ("C.SUB", Make::Short(|random| 0x8c01 | ca(random))),
    ("C.XOR", Make::Short(|random| 0x8c21 | ca(random))),
    ("C.OR", Make::Short(|random| 0x8c41 | ca(random))),
    ("C.AND", Make::Short(|random| 0x8c61 | ca(random))),
    ("C.SLLI", Make::Short(|random| 0x0002 | ci_or_hint(random) & !(1 << 12))),
    ("C.LWSP", Make::Short(|random| 0x4002 | ci(random))),
    (
        "C.SWSP",
        Make::Short(|random| 0xc002 | random.bits(6) << 7 | random.bits(5) << 2),
    ),
    ("C.MV", Make::Short(|random| 0x8002 | cr(random))),
    ("C.ADD", Make::Short(|random| 0x9002 | cr(random))),
    // C.ADDI16SP moves a base: the program moves it back.
    ("C.ADDI16SP", Make::MoveStack),
    // Pairs that the fast dispatch merges into one cell.
    ("LUI ADDI", Make::Constant),
    ("SLLI SRLI", Make::ShiftPair(0x5013)),
    ("SLLI SRAI", Make::ShiftPair(0x4000_5013)),
];
