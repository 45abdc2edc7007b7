//! A5.3.5–A5.3.10: 32-bit loads and stores, exclusives, table branches.

use super::{aligned_pc, bit, bits, reg};
use crate::core::arm::instruction::{Address, Hint, Instruction, PC, SP, Width};

/// A5.3.5: LDM, STM, LDMDB, STMDB, PUSH.W, POP.W.
///
/// The architecture leaves the 32-bit forms with one register unpredictable (A7.7.41). Cortex-M4 chips load that register:
/// the public library `p256-cm4` relies on it and is tested on chips. For STM with one register there is no such evidence.
pub(super) fn multiple(first: u32, second: u32) -> Instruction {
    let rn = reg(first, 0);
    let (load, write_back) = (bit(first, 4), bit(first, 5));
    let before = match bits(first, 7, 2) {
        0b01 => false,
        0b10 => true,
        _ => return Instruction::Undefined,
    };
    let list = second as u16;
    let forbidden = 1 << SP | if load { 0 } else { 1 << PC };
    let pc_and_lr = list >> 14 == 0b11;
    let fewest = if load { 1 } else { 2 };
    if rn == PC || list.count_ones() < fewest || list & forbidden != 0 || pc_and_lr || write_back && list >> rn & 1 != 0
    {
        return Instruction::Undefined;
    }
    match load {
        true => Instruction::LoadMultiple {
            rn,
            list,
            write_back,
            before,
        },
        false => Instruction::StoreMultiple {
            rn,
            list,
            write_back,
            before,
        },
    }
}

/// A5.3.6: LDRD, STRD, exclusives, TBB, TBH.
pub(super) fn dual_exclusive_table(pc: u32, first: u32, second: u32) -> Instruction {
    let (op1, op2, op3) = (bits(first, 7, 2), bits(first, 4, 2), bits(second, 4, 4));
    let (rn, rt) = (reg(first, 0), reg(second, 12));
    let (high, low) = (reg(second, 8), reg(second, 0));
    let imm = bits(second, 0, 8) << 2;
    match (op1, op2, op3) {
        (0b00, 0b00, _) if rn != PC && is_plain(&[high, rt]) => Instruction::StoreExclusive {
            width: Width::Word,
            rd: high,
            rt,
            rn,
            imm: imm as u16,
        },
        (0b00, 0b01, _) if rn != PC && high == 0b1111 && is_plain(&[rt]) => Instruction::LoadExclusive {
            width: Width::Word,
            rt,
            rn,
            imm: imm as u16,
        },
        (0b01, 0b00, 0b0100 | 0b0101) if rn != PC && high == 0b1111 && is_plain(&[low, rt]) => {
            let width = if op3 == 0b0100 { Width::Byte } else { Width::Half };
            Instruction::StoreExclusive {
                width,
                rd: low,
                rt,
                rn,
                imm: 0,
            }
        }
        (0b01, 0b01, 0b0100 | 0b0101) if rn != PC && second & 0xf0f == 0xf0f && is_plain(&[rt]) => {
            let width = if op3 == 0b0100 { Width::Byte } else { Width::Half };
            Instruction::LoadExclusive { width, rt, rn, imm: 0 }
        }
        (0b01, 0b01, 0b0000 | 0b0001) if rn != SP && is_plain(&[low]) && second & 0xff00 == 0xf000 => {
            Instruction::TableBranch {
                half: op3 == 0b0001,
                rn,
                rm: low,
            }
        }
        (0b00 | 0b01, 0b10 | 0b11, _) | (0b10 | 0b11, ..) => dual(pc, first, second, imm),
        _ => Instruction::Undefined,
    }
}

fn dual(pc: u32, first: u32, second: u32, imm: u32) -> Instruction {
    let (rn, rt, rt2) = (reg(first, 0), reg(second, 12), reg(second, 8));
    let (index, up, write_back, load) = (bit(first, 8), bit(first, 7), bit(first, 5), bit(first, 4));
    let imm = if up { imm as i32 } else { -(imm as i32) };
    if !is_plain(&[rt, rt2]) || load && rt == rt2 || write_back && (rn == rt || rn == rt2 || rn == PC) {
        return Instruction::Undefined;
    }
    let address = match (index, write_back) {
        (true, false) if rn == PC && load => Address::Literal(aligned_pc(pc).wrapping_add_signed(imm)),
        (true, false) if rn != PC => Address::Offset { rn, imm },
        (true, true) => Address::PreIndexed { rn, imm },
        (false, true) => Address::PostIndexed { rn, imm },
        _ => return Instruction::Undefined,
    };
    match load {
        true => Instruction::LoadDual { rt, rt2, address },
        false => Instruction::StoreDual { rt, rt2, address },
    }
}

/// A5.3.10.
pub(super) fn store_single(first: u32, second: u32) -> Instruction {
    let width = match bits(first, 5, 2) {
        0b00 => Width::Byte,
        0b01 => Width::Half,
        0b10 => Width::Word,
        _ => return Instruction::Undefined,
    };
    let (rt, rn) = (reg(second, 12), reg(first, 0));
    if rt == PC || rn == PC || rt == SP && width != Width::Word {
        return Instruction::Undefined;
    }
    match addressing(first, second, rt) {
        Some((address, unprivileged)) => Instruction::Store {
            width,
            rt,
            address,
            unprivileged,
        },
        None => Instruction::Undefined,
    }
}

/// A5.3.9: LDRB, LDRSB, PLD, PLI.
pub(super) fn load_byte(pc: u32, first: u32, second: u32) -> Instruction {
    let width = if bit(first, 8) { Width::SignedByte } else { Width::Byte };
    load(pc, first, second, width)
}

/// A5.3.8: LDRH, LDRSH.
pub(super) fn load_half(pc: u32, first: u32, second: u32) -> Instruction {
    let width = if bit(first, 8) { Width::SignedHalf } else { Width::Half };
    load(pc, first, second, width)
}

/// A5.3.7: LDR.
pub(super) fn load_word(pc: u32, first: u32, second: u32) -> Instruction {
    match bit(first, 8) {
        true => Instruction::Undefined,
        false => load(pc, first, second, Width::Word),
    }
}

fn load(pc: u32, first: u32, second: u32, width: Width) -> Instruction {
    let (rt, rn) = (reg(second, 12), reg(first, 0));
    if rt == SP && width != Width::Word {
        return Instruction::Undefined;
    }
    let (address, unprivileged) = if rn == PC {
        let imm = bits(second, 0, 12) as i32;
        let imm = if bit(first, 7) { imm } else { -imm };
        (Address::Literal(aligned_pc(pc).wrapping_add_signed(imm)), false)
    } else {
        match addressing(first, second, rt) {
            Some(found) => found,
            None => return Instruction::Undefined,
        }
    };
    let hint = matches!(
        address,
        Address::Offset { .. } | Address::Register { .. } | Address::Literal(_)
    );
    match (rt, width) {
        (PC, Width::Word) if !unprivileged => Instruction::Load {
            width,
            rt,
            address,
            unprivileged,
        },
        // PLD and PLI (and the halfword forms, which are unallocated hints) do nothing.
        (PC, Width::Byte | Width::SignedByte | Width::Half | Width::SignedHalf) if hint && !unprivileged => {
            Instruction::Hint(Hint::Nop)
        }
        (PC, _) => Instruction::Undefined,
        _ => Instruction::Load {
            width,
            rt,
            address,
            unprivileged,
        },
    }
}

/// The addressing modes that single loads and stores share, and whether the access is unprivileged.
fn addressing(first: u32, second: u32, rt: u8) -> Option<(Address, bool)> {
    let rn = reg(first, 0);
    if bit(first, 7) {
        return Some((
            Address::Offset {
                rn,
                imm: bits(second, 0, 12) as i32,
            },
            false,
        ));
    }
    if !bit(second, 11) {
        let rm = reg(second, 0);
        if bits(second, 6, 5) != 0 || !is_plain(&[rm]) {
            return None;
        }
        return Some((
            Address::Register {
                rn,
                rm,
                shift: bits(second, 4, 2) as u8,
            },
            false,
        ));
    }
    let imm = bits(second, 0, 8) as i32;
    let signed = if bit(second, 9) { imm } else { -imm };
    match bits(second, 8, 3) {
        0b100 => Some((Address::Offset { rn, imm: -imm }, false)),
        0b110 => Some((Address::Offset { rn, imm }, true)),
        0b101 | 0b111 if rn != rt => Some((Address::PreIndexed { rn, imm: signed }, false)),
        0b001 | 0b011 if rn != rt => Some((Address::PostIndexed { rn, imm: signed }, false)),
        _ => None,
    }
}

/// Neither SP nor PC.
fn is_plain(registers: &[u8]) -> bool {
    registers.iter().all(|&register| register != SP && register != PC)
}
