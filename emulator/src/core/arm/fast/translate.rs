//! Translates instructions to the cells of a threaded block.

use super::branch::Compare;
use super::{Handler, alu, branch, dsp, memory, multiply, vfp};
use crate::core::arm::code::Slot;
use crate::core::arm::instruction::{
    APSR_MAX, Address, AluOp, Condition, Hint, Instruction, LR, Operand, PC, Reg, SP, Shift, Vfp, Width,
};
use crate::core::arm::{CortexM, cycles};
use crate::core::dispatch::{self, Dispatch, Threaded, go_on, reference};

type NewOp = dispatch::NewOp<CortexM>;
type BlockBuilder<'a> = dispatch::BlockBuilder<'a, CortexM>;

// SAFETY: `make` and `fuse` choose operands as documented at the handlers in `alu`, `branch`, `memory`; a block ends
// with a handler that leaves it, or with `go_on`.
unsafe impl Threaded for CortexM {
    const TAKEN_CYCLES: u32 = cycles::REFILL;
    const REGISTERS: u8 = 16;

    fn branch_target(slot: &Slot) -> u32 {
        match slot.instruction {
            Instruction::Branch { target, .. }
            | Instruction::BranchLink { target }
            | Instruction::CompareBranch { target, .. } => target,
            _ => 0,
        }
    }

    /// The slots start outside any IT block.
    fn emit(builder: &mut BlockBuilder<'_>) {
        let slots = builder.slots;
        let mut index = 0;
        let mut left = false;
        while index < slots.len() {
            let slot = &slots[index];
            if let Some(fused) = slots.get(index + 1).and_then(|second| fuse(slot, second)) {
                builder.push(fused, index, 2);
                index += 2;
                left = true;
                continue;
            }
            index += 1;
            if is_nothing(&slot.instruction) && slot.condition == Condition::Al {
                continue;
            }
            let new_op = make(slot).unwrap_or_else(|| NewOp::new(reference));
            if slot.condition != Condition::Al {
                let skip = if new_op.has_links() { 2 } else { 1 };
                let guard = NewOp::abc(branch::guard(slot.condition), 0, 0, 0, skip);
                builder.push(guard, index - 1, 1);
            }
            left = slot.instruction.ends_block() && new_op.has_links() && slot.condition == Condition::Al;
            builder.push(new_op, index - 1, 1);
        }
        if !left {
            builder.push(NewOp::new(go_on).linked(), slots.len(), 0);
        }
    }

    #[inline(always)]
    fn dispatch(&mut self) -> &mut Dispatch<Self> {
        &mut self.dispatch
    }

    #[inline(always)]
    fn set_elapsed(&mut self, cycles: u64, instructions: u64) {
        (self.cycles, self.instructions) = (cycles, instructions);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.forget_fp_readiness();
    }

    #[inline(always)]
    fn go_to(&mut self, pc: u32) {
        self.regs.r[15] = pc;
        self.regs.it = 0;
    }
}

/// Instructions whose only effect is on the clock, which the header counts.
fn is_nothing(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::IfThen { .. } | Instruction::Hint(Hint::Nop | Hint::Barrier)
    )
}

/// A comparison and the branch behind it.
fn fuse(first: &Slot, second: &Slot) -> Option<NewOp> {
    let Instruction::Branch { condition, .. } = second.instruction else {
        return None;
    };
    let Instruction::Alu {
        op,
        set_flags: true,
        rd,
        rn,
        operand,
    } = first.instruction
    else {
        return None;
    };
    if condition == Condition::Al || first.condition != Condition::Al || second.condition != Condition::Al {
        return None;
    }
    let compare = match op {
        AluOp::Cmp => Compare::Cmp,
        AluOp::Tst => Compare::Tst,
        AluOp::Sub if rd != SP => Compare::Subs,
        _ => return None,
    };
    let (register, c, imm) = match operand {
        Operand::Imm { value, carry: None } => (false, 0, value),
        Operand::Imm { value, .. } if compare != Compare::Tst => (false, 0, value),
        Operand::Reg {
            rm,
            shift: Shift::Lsl,
            amount: 0,
        } if rm != PC => (true, rm, 0),
        _ => return None,
    };
    if rn == PC {
        return None;
    }
    Some(NewOp::abc(branch::compare_and_branch(compare, register, condition), rd, rn, c, imm).linked())
}

/// The cell of one instruction; `None` if the reference runs it.
fn make(slot: &Slot) -> Option<NewOp> {
    use Instruction as I;
    match slot.instruction {
        I::Alu {
            op,
            set_flags,
            rd,
            rn,
            operand,
        } => make_alu(op, set_flags, rd, rn, operand),
        I::ShiftByRegister {
            shift,
            set_flags,
            rd,
            rn,
            rm,
        } => {
            let handler = alu::shift_by_register(shift, set_flags)?;
            Some(NewOp::abc(handler, rd, plain(rn)?, plain(rm)?, 0))
        }
        I::MovTop { rd, imm16 } => Some(NewOp::abc(alu::move_top, plain(rd)?, 0, 0, u32::from(imm16) << 16)),
        I::BitFieldExtract {
            signed,
            rd,
            rn,
            lsb,
            width,
        } => {
            let handler: Handler = if signed {
                alu::extract::<true>
            } else {
                alu::extract::<false>
            };
            let shifts = u32::from(32 - lsb - width) | u32::from(32 - width) << 8;
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, 0, shifts))
        }
        I::BitFieldInsert { rd, rn, lsb, width } => {
            let mask = (u32::MAX >> (32 - width)) << lsb;
            match rn {
                PC => Some(NewOp::abc(alu::insert::<true>, plain(rd)?, 0, 0, mask)),
                _ => Some(NewOp::abc(alu::insert::<false>, plain(rd)?, plain(rn)?, lsb, mask)),
            }
        }
        I::Extend {
            extension,
            rd,
            rn,
            rm,
            rotate,
        } => {
            let handler = alu::extend(extension, rn != PC)?;
            Some(NewOp::abc(
                handler,
                plain(rd)?,
                if rn == PC { 0 } else { rn },
                plain(rm)?,
                u32::from(rotate),
            ))
        }
        I::Reverse { reversal, rd, rm } => Some(NewOp::abc(alu::reverse(reversal), plain(rd)?, 0, plain(rm)?, 0)),
        I::Multiply { set_flags, rd, rn, rm } => {
            let handler: Handler = if set_flags {
                multiply::multiply::<true>
            } else {
                multiply::multiply::<false>
            };
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, plain(rm)?, 0))
        }
        I::MultiplyAccumulate {
            subtract,
            rd,
            rn,
            rm,
            ra,
        } => {
            let handler: Handler = if subtract {
                multiply::accumulate::<true>
            } else {
                multiply::accumulate::<false>
            };
            Some(NewOp::abc(
                handler,
                plain(rd)?,
                plain(rn)?,
                plain(rm)?,
                u32::from(plain(ra)?),
            ))
        }
        I::MultiplyLong {
            op,
            rd_lo,
            rd_hi,
            rn,
            rm,
        } => Some(NewOp::abc(
            multiply::long(op).or_else(|| dsp::long(op))?,
            plain(rd_hi)?,
            plain(rn)?,
            plain(rm)?,
            u32::from(plain(rd_lo)?),
        )),
        I::MultiplyDsp { op, rd, rn, rm, ra } => {
            let ra = if ra == PC { PC } else { plain(ra)? };
            let handler = dsp::multiply(op)?;
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, plain(rm)?, u32::from(ra)))
        }
        I::Parallel { lanes, op, rd, rn, rm } => {
            let handler = dsp::parallel(lanes, op)?;
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, plain(rm)?, 0))
        }
        I::Saturating { op, rd, rm, rn } => {
            let handler = dsp::saturating(op)?;
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, plain(rm)?, 0))
        }
        I::Saturate {
            signed,
            rd,
            rn,
            bits,
            shift,
            amount,
        } => {
            let handler = dsp::saturate(signed, shift)?;
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, amount, u32::from(bits)))
        }
        I::Pack {
            top_first,
            rd,
            rn,
            rm,
            shift,
            amount,
        } => {
            let handler = dsp::pack(top_first, shift)?;
            Some(NewOp::abc(
                handler,
                plain(rd)?,
                plain(rn)?,
                plain(rm)?,
                u32::from(amount),
            ))
        }
        I::Select { rd, rn, rm } => Some(NewOp::abc(dsp::select, plain(rd)?, plain(rn)?, plain(rm)?, 0)),
        I::Divide { signed, rd, rn, rm } => {
            let handler: Handler = if signed {
                multiply::divide::<true>
            } else {
                multiply::divide::<false>
            };
            Some(NewOp::abc(handler, plain(rd)?, plain(rn)?, plain(rm)?, 0))
        }
        I::Load {
            width, rt: PC, address, ..
        } => match address {
            _ if width != Width::Word => None,
            Address::Offset { rn, imm } => {
                Some(NewOp::abc(branch::load_and_jump::<false>, 0, plain(rn)?, 0, imm as u32))
            }
            Address::Register { rn, rm, shift } => Some(NewOp::abc(
                branch::load_and_jump::<true>,
                0,
                plain(rn)?,
                plain(rm)?,
                u32::from(shift),
            )),
            _ => None,
        },
        I::Load {
            width,
            rt,
            address,
            unprivileged: false,
        } => {
            let (mode, b, c, imm) = mode(address)?;
            Some(NewOp::abc(memory::load(width, mode), plain(rt)?, b, c, imm))
        }
        I::Store {
            width,
            rt,
            address,
            unprivileged: false,
        } => {
            let (mode, b, c, imm) = mode(address)?;
            Some(NewOp::abc(memory::store(width, mode), plain_or_sp(rt)?, b, c, imm))
        }
        I::LoadDual { rt, rt2, address } => {
            let (mode, b, _, imm) = mode(address)?;
            let handler: Handler = match mode {
                memory::OFFSET => memory::load_dual::<{ memory::OFFSET }>,
                memory::PRE => memory::load_dual::<{ memory::PRE }>,
                memory::POST => memory::load_dual::<{ memory::POST }>,
                _ => return None,
            };
            Some(NewOp::abc(handler, plain(rt)?, b, plain(rt2)?, imm))
        }
        I::StoreDual { rt, rt2, address } => {
            let (mode, b, _, imm) = mode(address)?;
            let handler: Handler = match mode {
                memory::OFFSET => memory::store_dual::<{ memory::OFFSET }>,
                memory::PRE => memory::store_dual::<{ memory::PRE }>,
                memory::POST => memory::store_dual::<{ memory::POST }>,
                _ => return None,
            };
            Some(NewOp::abc(handler, plain(rt)?, b, plain(rt2)?, imm))
        }
        I::LoadMultiple {
            rn,
            list,
            write_back,
            before,
        } => {
            let jumps = list >> PC & 1 != 0;
            let handler: Handler = if jumps {
                memory::load_multiple_and_jump
            } else {
                memory::load_multiple
            };
            make_multiple(handler, rn, list, write_back, before)
        }
        I::StoreMultiple {
            rn,
            list,
            write_back,
            before,
        } => make_multiple(memory::store_multiple, rn, list, write_back, before),
        I::Branch {
            condition: Condition::Al,
            ..
        } => Some(NewOp::new(branch::branch(Condition::Al)).linked()),
        I::Branch { condition, .. } => Some(NewOp::new(branch::branch(condition)).linked()),
        I::BranchLink { .. } => Some(NewOp::abc(branch::call, 0, 0, 0, slot.pc.wrapping_add(4) | 1).linked()),
        I::BranchExchange { rm } => Some(NewOp::abc(branch::jump::<false>, plain_or_sp(rm)?, 0, 0, 0)),
        I::BranchLinkExchange { rm } => {
            // BLX LR reads LR before it writes it, which `jump` does as well.
            Some(NewOp::abc(
                branch::jump::<true>,
                plain_or_sp(rm)?,
                0,
                0,
                slot.pc.wrapping_add(2) | 1,
            ))
        }
        I::CompareBranch { nonzero, rn, .. } => {
            let handler: Handler = if nonzero {
                branch::zero_branch::<true>
            } else {
                branch::zero_branch::<false>
            };
            Some(NewOp::abc(handler, rn, 0, 0, 0).linked())
        }
        I::TableBranch { half, rn: PC, rm } => {
            let handler: Handler = if half {
                branch::table::<true>
            } else {
                branch::table::<false>
            };
            Some(NewOp::abc(handler, plain(rm)?, 0, 0, slot.pc.wrapping_add(4)))
        }
        // APSR alone: other special registers depend on privilege, or change which instruction runs next.
        I::MoveFromSpecial { rd, sysm: 0 } => Some(NewOp::abc(alu::read_apsr, plain(rd)?, 0, 0, 0)),
        I::MoveToSpecial {
            rn,
            sysm: 0..=APSR_MAX,
            mask: 2,
        } => Some(NewOp::abc(alu::write_apsr, 0, plain(rn)?, 0, 0)),
        I::Vfp(Vfp::Load { start, count, address }) => {
            let (mode, b, _, imm) = mode(address)?;
            Some(NewOp::abc(vfp::load(count == 2, mode), 0, b, start, imm))
        }
        I::Vfp(Vfp::Store { start, count, address }) => {
            let (mode, b, _, imm) = mode(address)?;
            Some(NewOp::abc(vfp::store(count == 2, mode), 0, b, start, imm))
        }
        I::Vfp(Vfp::Multiple {
            load,
            start,
            count,
            words,
            rn,
            write_back,
            before,
        }) => {
            let rn = plain_or_sp(rn)?;
            Some(vfp::multiple(load, start, count, words, rn, write_back, before))
        }
        I::Vfp(vfp) => vfp::make(&vfp),
        _ => None,
    }
}

fn make_alu(op: AluOp, set_flags: bool, rd: Reg, rn: Reg, operand: Operand) -> Option<NewOp> {
    if let (AluOp::Mov, false, Operand::Imm { value, .. }) = (op, set_flags, operand) {
        return Some(NewOp::abc(branch::constant, plain(rd)?, 0, 0, value));
    }
    let (kind, c, imm) = match operand {
        Operand::Imm { value, carry: None } => (alu::IMM, 0, value),
        Operand::Imm { value, carry: Some(_) } => (alu::IMM_CARRY, 0, value),
        Operand::Reg { rm, shift, amount } => (alu::shifted(shift, amount)?, plain_or_sp(rm)?, u32::from(amount)),
    };
    let rn = if matches!(op, AluOp::Mov | AluOp::Mvn) {
        0
    } else {
        plain_or_sp(rn)?
    };
    let rd = match rd {
        // SP stays a multiple of 4 only if a multiple of 4 is added to it.
        SP if rn == SP && matches!(op, AluOp::Add | AluOp::Sub) && kind == alu::IMM && imm % 4 == 0 => SP,
        _ if op.only_sets_flags() => 0,
        _ => plain(rd)?,
    };
    Some(NewOp::abc(alu::alu(op, kind, set_flags)?, rd, rn, c, imm))
}

fn make_multiple(handler: Handler, rn: Reg, list: u16, write_back: bool, before: bool) -> Option<NewOp> {
    // The reference handles a base in the list, and SP in it.
    if list >> rn & 1 != 0 || list >> SP & 1 != 0 || list == 0 {
        return None;
    }
    let before = if before { memory::BEFORE } else { 0 };
    let write_back = if write_back { memory::WRITE_BACK } else { 0 };
    Some(NewOp::abc(
        handler,
        0,
        plain_or_sp(rn)?,
        list.count_ones() as u8,
        u32::from(list) | before | write_back,
    ))
}

/// Mode, base, index and constant of an address.
fn mode(address: Address) -> Option<(u8, Reg, Reg, u32)> {
    Some(match address {
        Address::Offset { rn, imm } => (memory::OFFSET, plain_or_sp(rn)?, 0, imm as u32),
        Address::PreIndexed { rn, imm } if rn != SP || imm % 4 == 0 => (memory::PRE, plain_or_sp(rn)?, 0, imm as u32),
        Address::PostIndexed { rn, imm } if rn != SP || imm % 4 == 0 => (memory::POST, plain_or_sp(rn)?, 0, imm as u32),
        Address::Register { rn, rm, shift } => (memory::REGISTER, plain_or_sp(rn)?, plain_or_sp(rm)?, u32::from(shift)),
        Address::Literal(at) => (memory::LITERAL, 0, 0, at),
        _ => return None,
    })
}

/// R0–R12 and LR.
fn plain(reg: Reg) -> Option<Reg> {
    (reg <= 12 || reg == LR).then_some(reg)
}

/// As [`plain`], or SP, to be read.
fn plain_or_sp(reg: Reg) -> Option<Reg> {
    (reg <= LR).then_some(reg)
}
