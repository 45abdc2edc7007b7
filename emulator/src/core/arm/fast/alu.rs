//! Cells of data processing: one handler for each operation, kind of operand, and flag setting.

use super::{Cell, Handler, get, set};
use crate::core::arm::CortexM;
use crate::core::arm::exec::add_with_carry;
use crate::core::arm::instruction::{AluOp, Extension, Reversal, Shift};
use crate::core::dispatch::{Clock, next};

/// Kinds of second operands: a constant (which leaves C, or sets it to its bit 31), a register (`c`), or a register
/// shifted by the constant `imm`.
pub(super) const IMM: u8 = 0;
pub(super) const IMM_CARRY: u8 = 1;
pub(super) const REG: u8 = 2;
const LSL: u8 = 3;
const LSR: u8 = 4;
const ASR: u8 = 5;
const ROR: u8 = 6;

/// The handler of `a = b op operand`; `None` leaves it to the reference.
pub(super) fn alu(op: AluOp, operand: u8, flags: bool) -> Option<Handler> {
    macro_rules! by_flags {
        ($op:expr, $operand:expr) => {
            if flags {
                cell::<$op, $operand, true>
            } else {
                cell::<$op, $operand, false>
            }
        };
    }
    macro_rules! by_operand {
        ($op:expr) => {{
            const OP: u8 = $op as u8;
            Some(match operand {
                IMM => by_flags!(OP, IMM),
                IMM_CARRY => by_flags!(OP, IMM_CARRY),
                REG => by_flags!(OP, REG),
                LSL => by_flags!(OP, LSL),
                LSR => by_flags!(OP, LSR),
                ASR => by_flags!(OP, ASR),
                ROR => by_flags!(OP, ROR),
                _ => return None,
            })
        }};
    }
    match op {
        AluOp::And => by_operand!(AluOp::And),
        AluOp::Bic => by_operand!(AluOp::Bic),
        AluOp::Orr => by_operand!(AluOp::Orr),
        AluOp::Orn => by_operand!(AluOp::Orn),
        AluOp::Eor => by_operand!(AluOp::Eor),
        AluOp::Add => by_operand!(AluOp::Add),
        AluOp::Adc => by_operand!(AluOp::Adc),
        AluOp::Sub => by_operand!(AluOp::Sub),
        AluOp::Sbc => by_operand!(AluOp::Sbc),
        AluOp::Rsb => by_operand!(AluOp::Rsb),
        AluOp::Mov => by_operand!(AluOp::Mov),
        AluOp::Mvn => by_operand!(AluOp::Mvn),
        AluOp::Tst => by_operand!(AluOp::Tst),
        AluOp::Teq => by_operand!(AluOp::Teq),
        AluOp::Cmn => by_operand!(AluOp::Cmn),
        AluOp::Cmp => by_operand!(AluOp::Cmp),
    }
}

/// The kind of a register operand.
pub(super) fn shifted(shift: Shift, amount: u8) -> Option<u8> {
    match (shift, amount) {
        (Shift::Lsl, 0) => Some(REG),
        (Shift::Lsl, _) => Some(LSL),
        (Shift::Lsr, _) => Some(LSR),
        (Shift::Asr, _) => Some(ASR),
        (Shift::Ror, _) => Some(ROR),
        (Shift::Rrx, _) => None,
    }
}

const AND: u8 = AluOp::And as u8;
const BIC: u8 = AluOp::Bic as u8;
const ORR: u8 = AluOp::Orr as u8;
const ORN: u8 = AluOp::Orn as u8;
const EOR: u8 = AluOp::Eor as u8;
const ADD: u8 = AluOp::Add as u8;
const ADC: u8 = AluOp::Adc as u8;
const SUB: u8 = AluOp::Sub as u8;
const SBC: u8 = AluOp::Sbc as u8;
const RSB: u8 = AluOp::Rsb as u8;
const MOV: u8 = AluOp::Mov as u8;
const MVN: u8 = AluOp::Mvn as u8;
const TST: u8 = AluOp::Tst as u8;
const TEQ: u8 = AluOp::Teq as u8;
const CMN: u8 = AluOp::Cmn as u8;
const CMP: u8 = AluOp::Cmp as u8;

/// Does the operation of the cell.
#[inline(always)]
pub(super) unsafe fn apply<const OP: u8, const OPERAND: u8, const FLAGS: bool>(core: &mut CortexM, at: *const Cell) {
    // SAFETY: `at` is an operation whose operands `translate` made for this handler.
    unsafe {
        let op = &(*at).op;
        let imm = op.imm;
        let (y, carry) = match OPERAND {
            IMM => (imm, None),
            IMM_CARRY => (imm, Some(imm >> 31)),
            REG => (get(core, op.c), None),
            LSL => {
                let value = u64::from(get(core, op.c)) << imm;
                (value as u32, Some((value >> 32) as u32 & 1))
            }
            LSR => {
                let value = u64::from(get(core, op.c)) << 1 >> imm;
                ((value >> 1) as u32, Some(value as u32 & 1))
            }
            ASR => {
                let value = i64::from(get(core, op.c) as i32) << 1 >> imm;
                ((value >> 1) as u32, Some(value as u32 & 1))
            }
            _ => {
                let value = get(core, op.c).rotate_right(imm);
                (value, Some(value >> 31))
            }
        };
        let x = match OP {
            MOV | MVN => 0,
            _ => get(core, op.b),
        };
        let carry_in = match OP {
            ADC | SBC => core.regs.c,
            SUB | CMP | RSB => 1,
            _ => 0,
        };
        let (result, arithmetic) = match OP {
            AND | TST => (x & y, None),
            BIC => (x & !y, None),
            ORR => (x | y, None),
            ORN => (x | !y, None),
            EOR | TEQ => (x ^ y, None),
            MOV => (y, None),
            MVN => (!y, None),
            _ => {
                let (left, right) = match OP {
                    ADD | CMN | ADC => (x, y),
                    RSB => (!x, y),
                    _ => (x, !y),
                };
                let (result, carry, overflow) = add_with_carry(left, right, carry_in);
                (result, Some((carry, overflow)))
            }
        };
        if FLAGS {
            core.regs.set_nz(result);
            if let Some((carry, overflow)) = arithmetic {
                core.regs.c = carry;
                core.regs.v = overflow;
            } else if let Some(carry) = carry {
                core.regs.c = carry;
            }
        }
        if !matches!(OP, TST | TEQ | CMN | CMP) {
            set(core, op.a, result);
        }
    }
}

unsafe fn cell<const OP: u8, const OPERAND: u8, const FLAGS: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`; the cell does not leave the block.
    unsafe {
        apply::<OP, OPERAND, FLAGS>(core, at);
        next(core, at, clock)
    }
}

/// `a = b shifted by the register c`.
pub(super) fn shift_by_register(shift: Shift, flags: bool) -> Option<Handler> {
    Some(match (shift, flags) {
        (Shift::Lsl, false) => shift_cell::<LSL, false>,
        (Shift::Lsl, true) => shift_cell::<LSL, true>,
        (Shift::Lsr, false) => shift_cell::<LSR, false>,
        (Shift::Lsr, true) => shift_cell::<LSR, true>,
        (Shift::Asr, false) => shift_cell::<ASR, false>,
        (Shift::Asr, true) => shift_cell::<ASR, true>,
        (Shift::Ror, false) => shift_cell::<ROR, false>,
        (Shift::Ror, true) => shift_cell::<ROR, true>,
        (Shift::Rrx, _) => return None,
    })
}

unsafe fn shift_cell<const SHIFT: u8, const FLAGS: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let op = &(*at).op;
        let value = get(core, op.b);
        let amount = get(core, op.c) & 0xff;
        // 33 shifts out everything, carry included, as any greater amount does.
        let capped = amount.min(33);
        let (result, carry) = match SHIFT {
            LSL => {
                let wide = u64::from(value) << capped;
                (wide as u32, (wide >> 32) as u32 & 1)
            }
            LSR => {
                let wide = u64::from(value) << 1 >> capped;
                ((wide >> 1) as u32, wide as u32 & 1)
            }
            ASR => {
                let wide = i64::from(value as i32) << 1 >> capped.min(32);
                ((wide >> 1) as u32, wide as u32 & 1)
            }
            _ => {
                let result = value.rotate_right(amount & 31);
                (result, result >> 31)
            }
        };
        if FLAGS {
            core.regs.set_nz(result);
            if amount != 0 {
                core.regs.c = carry;
            }
        }
        set(core, op.a, result);
        next(core, at, clock)
    }
}

/// `a = extended c`, plus `b` when that is a register.
pub(super) fn extend(extension: Extension, add: bool) -> Option<Handler> {
    Some(match (extension, add) {
        (Extension::SignedByte, false) => unary::<SXTB>,
        (Extension::SignedHalf, false) => unary::<SXTH>,
        (Extension::UnsignedByte, false) => unary::<UXTB>,
        (Extension::UnsignedHalf, false) => unary::<UXTH>,
        (Extension::UnsignedByte, true) => extend_add::<UXTB>,
        (Extension::UnsignedHalf, true) => extend_add::<UXTH>,
        (Extension::SignedByte, true) => extend_add::<SXTB>,
        (Extension::SignedHalf, true) => extend_add::<SXTH>,
        _ => return None,
    })
}

pub(super) fn reverse(reversal: Reversal) -> Handler {
    match reversal {
        Reversal::Rev => unary::<REV>,
        Reversal::Rev16 => unary::<REV16>,
        Reversal::Revsh => unary::<REVSH>,
        Reversal::Rbit => unary::<RBIT>,
        Reversal::Clz => unary::<CLZ>,
    }
}

const SXTB: u8 = 0;
const SXTH: u8 = 1;
const UXTB: u8 = 2;
const UXTH: u8 = 3;
const REV: u8 = 4;
const REV16: u8 = 5;
const REVSH: u8 = 6;
const RBIT: u8 = 7;
const CLZ: u8 = 8;

#[inline(always)]
fn one<const OP: u8>(value: u32) -> u32 {
    match OP {
        SXTB => value as i8 as u32,
        SXTH => value as i16 as u32,
        UXTB => value & 0xff,
        UXTH => value & 0xffff,
        REV => value.swap_bytes(),
        REV16 => value.swap_bytes().rotate_right(16),
        REVSH => (value as u16).swap_bytes() as i16 as u32,
        RBIT => value.reverse_bits(),
        _ => value.leading_zeros(),
    }
}

unsafe fn unary<const OP: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let op = &(*at).op;
        let value = one::<OP>(get(core, op.c).rotate_right(op.imm));
        set(core, op.a, value);
        next(core, at, clock)
    }
}

unsafe fn extend_add<const OP: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let op = &(*at).op;
        let value = one::<OP>(get(core, op.c).rotate_right(op.imm)).wrapping_add(get(core, op.b));
        set(core, op.a, value);
        next(core, at, clock)
    }
}

/// `a = b` shifted left, then right, by the low two bytes of `imm`: UBFX, SBFX.
pub(super) unsafe fn extract<const SIGNED: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`; both shifts are below 32.
    unsafe {
        let op = &(*at).op;
        let (left, right) = (op.imm & 31, op.imm >> 8 & 31);
        let value = get(core, op.b) << left;
        set(
            core,
            op.a,
            if SIGNED {
                ((value as i32) >> right) as u32
            } else {
                value >> right
            },
        );
        next(core, at, clock)
    }
}

/// `a` with the bits of the mask `imm` from `b` shifted left by `c`: BFI, and BFC with `b` as zero.
pub(super) unsafe fn insert<const CLEAR: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`; `c` is a shift below 32 here.
    unsafe {
        let op = &(*at).op;
        let source = if CLEAR { 0 } else { get(core, op.b) << (op.c & 31) };
        let value = get(core, op.a) & !op.imm | source & op.imm;
        set(core, op.a, value);
        next(core, at, clock)
    }
}

/// MOVT: the upper half of `a` is `imm`'s.
pub(super) unsafe fn move_top(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let op = &(*at).op;
        let value = get(core, op.a) & 0xffff | op.imm;
        set(core, op.a, value);
        next(core, at, clock)
    }
}

/// `a` = APSR.
pub(super) unsafe fn read_apsr(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let value = core.regs.apsr();
        set(core, (*at).op.a, value);
        next(core, at, clock)
    }
}

/// APSR_nzcvq = `b`.
pub(super) unsafe fn write_apsr(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `apply`.
    unsafe {
        let value = get(core, (*at).op.b);
        core.regs.set_apsr_nzcvq(value);
        next(core, at, clock)
    }
}
