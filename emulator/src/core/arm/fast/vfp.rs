//! Cells of floating-point instructions. The reference executes the first one of a run, which checks that the extension
//! may be used, and arithmetic that [`host`] leaves to `soft`.
//!
//! Core registers are in `a` and `b`, singles in `c` and in the bytes of `imm` that [`singles`] packs.

use super::{Cell, Handler, get, set};
use crate::core::arm::CortexM;
use crate::core::arm::fp::soft::Comparison;
use crate::core::arm::fp::{Readiness, host};
use crate::core::arm::instruction::{PC, Reg, Vfp, VfpBinary, VfpMove, VfpUnary};
use crate::core::dispatch::{self, Clock, next, reference};

use super::memory::{BEFORE, WRITE_BACK, address};

type NewOp = dispatch::NewOp<CortexM>;

const SIGN: u32 = 1 << 31;

/// The cell of an instruction without memory access; `None` if the reference runs it.
pub(super) fn make(instruction: &Vfp) -> Option<NewOp> {
    Some(match *instruction {
        Vfp::Binary { op, sd, sn, sm } => NewOp::abc(binary(op), 0, 0, sd, singles(sn, sm)),
        Vfp::Unary { op, sd, sm } => NewOp::abc(unary(op)?, 0, 0, sd, singles(sm, 0)),
        Vfp::Immediate { sd, value } => NewOp::abc(immediate, 0, 0, sd, value),
        // Signalling comparisons differ for NaNs only.
        Vfp::Compare { sd, sm: Some(sm), .. } => NewOp::abc(compare::<false>, 0, 0, sd, singles(sm, 0)),
        Vfp::Compare { sd, sm: None, .. } => NewOp::abc(compare::<true>, 0, 0, sd, 0),
        Vfp::Fixed {
            to_fixed,
            signed,
            bits,
            fraction_bits,
            sd,
        } => NewOp::abc(fixed(to_fixed, signed, bits), 0, 0, sd, singles(sd, fraction_bits)),
        Vfp::Move { op, rt, to_core } => match (op, to_core) {
            (VfpMove::Single(single), true) => NewOp::abc(move_to_core, rt, 0, single, 0),
            (VfpMove::Single(single), false) => NewOp::abc(move_from_core, rt, 0, single, 0),
            (VfpMove::Status, true) if rt == PC => NewOp::new(move_flags),
            (VfpMove::Status, true) => NewOp::abc(move_status, rt, 0, 0, 0),
            (VfpMove::Status, false) => return None,
        },
        Vfp::MovePair {
            start,
            rt,
            rt2,
            to_core,
        } => {
            let handler: Handler = match to_core {
                true => move_pair::<true>,
                false => move_pair::<false>,
            };
            NewOp::abc(handler, rt, rt2, start, 0)
        }
        Vfp::Load { .. } | Vfp::Store { .. } | Vfp::Multiple { .. } | Vfp::Undefined => return None,
    })
}

/// Two operands as `imm`.
fn singles(first: u8, second: u8) -> u32 {
    u32::from(first) | u32::from(second) << 8
}

/// The operand in the lowest byte.
#[inline(always)]
fn single(core: &CortexM, register: u32) -> u32 {
    core.fp.s[register as usize & 31]
}

#[inline(always)]
fn set_single(core: &mut CortexM, register: u8, value: u32) {
    core.fp.s[usize::from(register & 31)] = value;
}

#[inline(always)]
fn is_usable(core: &CortexM) -> bool {
    core.fp_readiness >= Readiness::Transfers
}

#[inline(always)]
fn calculates(core: &CortexM) -> bool {
    core.fp_readiness == Readiness::Arithmetic
}

macro_rules! binary_handlers {
    ($given:expr, $($op:ident),*) => {
        match $given {
            $(VfpBinary::$op => binary_cell::<{ VfpBinary::$op as u8 }>,)*
        }
    };
}

/// `c = first op second`, for some operations with `c` as an operand.
fn binary(op: VfpBinary) -> Handler {
    binary_handlers!(
        op,
        Add,
        Subtract,
        Multiply,
        NegatedMultiply,
        Divide,
        MultiplyAdd,
        MultiplySubtract,
        NegatedMultiplyAdd,
        NegatedMultiplySubtract,
        FusedAdd,
        FusedSubtract,
        FusedNegatedAdd,
        FusedNegatedSubtract
    )
}

unsafe fn binary_cell<const OP: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `make` made for this handler; it does not leave the block.
    unsafe {
        let op = &(*at).op;
        if !calculates(core) {
            return reference(core, at, clock);
        }
        let (d, n, m) = (
            single(core, u32::from(op.c)),
            single(core, op.imm),
            single(core, op.imm >> 8),
        );
        let Some(result) = arithmetic::<OP>(&mut core.fp.fpscr, d, n, m) else {
            return reference(core, at, clock);
        };
        set_single(core, op.c, result);
        next(core, at, clock)
    }
}

#[inline(always)]
fn arithmetic<const OP: u8>(fpscr: &mut u32, d: u32, n: u32, m: u32) -> Option<u32> {
    const fn is<const OP: u8>(op: VfpBinary) -> bool {
        OP == op as u8
    }
    use VfpBinary as B;
    if is::<OP>(B::Add) {
        return host::add(fpscr, n, m);
    }
    if is::<OP>(B::Subtract) {
        return host::subtract(fpscr, n, m);
    }
    if is::<OP>(B::Divide) {
        return host::divide(fpscr, n, m);
    }
    if is::<OP>(B::Multiply) {
        return host::multiply(fpscr, n, m);
    }
    if is::<OP>(B::NegatedMultiply) {
        return host::multiply(fpscr, n, m).map(|product| product ^ SIGN);
    }
    let negates_addend = is::<OP>(B::NegatedMultiplyAdd)
        || is::<OP>(B::NegatedMultiplySubtract)
        || is::<OP>(B::FusedNegatedAdd)
        || is::<OP>(B::FusedNegatedSubtract);
    let negates_product = is::<OP>(B::MultiplySubtract)
        || is::<OP>(B::NegatedMultiplyAdd)
        || is::<OP>(B::FusedSubtract)
        || is::<OP>(B::FusedNegatedAdd);
    let addend = if negates_addend { d ^ SIGN } else { d };
    if is::<OP>(B::FusedAdd)
        || is::<OP>(B::FusedSubtract)
        || is::<OP>(B::FusedNegatedAdd)
        || is::<OP>(B::FusedNegatedSubtract)
    {
        let n = if negates_product { n ^ SIGN } else { n };
        return host::multiply_add(fpscr, addend, n, m);
    }
    // Rounded twice. Nothing may change unless both steps succeed.
    let mut flags = *fpscr;
    let product = host::multiply(&mut flags, n, m)?;
    let product = if negates_product { product ^ SIGN } else { product };
    let sum = host::add(&mut flags, addend, product)?;
    *fpscr = flags;
    Some(sum)
}

/// `c = op first`.
fn unary(op: VfpUnary) -> Option<Handler> {
    Some(match op {
        VfpUnary::Move => bitwise::<{ u32::MAX }, 0>,
        VfpUnary::Absolute => bitwise::<{ !SIGN }, 0>,
        VfpUnary::Negate => bitwise::<{ u32::MAX }, SIGN>,
        VfpUnary::SquareRoot => square_root,
        VfpUnary::FromInteger { signed } => fixed(false, signed, 32),
        VfpUnary::ToInteger {
            signed,
            toward_zero: true,
        } => fixed(true, signed, 32),
        VfpUnary::ToInteger { .. } | VfpUnary::HalfToSingle { .. } | VfpUnary::SingleToHalf { .. } => return None,
    })
}

unsafe fn bitwise<const AND: u32, const XOR: u32>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let value = single(core, op.imm) & AND ^ XOR;
        set_single(core, op.c, value);
        next(core, at, clock)
    }
}

unsafe fn square_root(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !calculates(core) {
            return reference(core, at, clock);
        }
        let value = single(core, op.imm);
        let Some(result) = host::square_root(&mut core.fp.fpscr, value) else {
            return reference(core, at, clock);
        };
        set_single(core, op.c, result);
        next(core, at, clock)
    }
}

/// VCVT of the first operand into `c`; the second operand is the number of fraction bits.
fn fixed(to_fixed: bool, signed: bool, bits: u8) -> Handler {
    match (to_fixed, signed, bits) {
        (true, true, 16) => to_fixed_cell::<true, 16>,
        (true, false, 16) => to_fixed_cell::<false, 16>,
        (true, true, _) => to_fixed_cell::<true, 32>,
        (true, false, _) => to_fixed_cell::<false, 32>,
        (false, true, 16) => from_fixed_cell::<true, 16>,
        (false, false, 16) => from_fixed_cell::<false, 16>,
        (false, true, _) => from_fixed_cell::<true, 32>,
        (false, false, _) => from_fixed_cell::<false, 32>,
    }
}

unsafe fn to_fixed_cell<const SIGNED: bool, const BITS: u32>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !calculates(core) {
            return reference(core, at, clock);
        }
        let (value, fraction_bits) = (single(core, op.imm), op.imm >> 8);
        let Some(result) = host::fixed_of(&mut core.fp.fpscr, value, BITS, fraction_bits, SIGNED) else {
            return reference(core, at, clock);
        };
        set_single(core, op.c, result);
        next(core, at, clock)
    }
}

unsafe fn from_fixed_cell<const SIGNED: bool, const BITS: u32>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !calculates(core) {
            return reference(core, at, clock);
        }
        let (word, fraction_bits) = (single(core, op.imm), op.imm >> 8);
        let value = match (SIGNED, BITS) {
            (true, 16) => i64::from(word as i16),
            (false, 16) => i64::from(word as u16),
            (true, _) => i64::from(word as i32),
            (false, _) => i64::from(word),
        };
        let result = host::single_of(&mut core.fp.fpscr, value, fraction_bits);
        set_single(core, op.c, result);
        next(core, at, clock)
    }
}

/// VMOV of a constant.
unsafe fn immediate(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        set_single(core, op.c, op.imm);
        next(core, at, clock)
    }
}

/// VCMP of `c` with the first operand, or with zero.
unsafe fn compare<const ZERO: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !calculates(core) {
            return reference(core, at, clock);
        }
        let d = single(core, u32::from(op.c));
        let m = if ZERO { 0 } else { single(core, op.imm) };
        let nzcv = match host::compare(d, m) {
            Some(Comparison::Less) => 0b1000,
            Some(Comparison::Equal) => 0b0110,
            Some(Comparison::Greater) => 0b0010,
            Some(Comparison::Unordered) | None => return reference(core, at, clock),
        };
        core.fp.fpscr = core.fp.fpscr & 0x0fff_ffff | nzcv << 28;
        next(core, at, clock)
    }
}

unsafe fn move_to_core(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`; the decoder lets neither SP nor PC through.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let value = single(core, u32::from(op.c));
        set(core, op.a, value);
        next(core, at, clock)
    }
}

unsafe fn move_from_core(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `move_to_core`.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let value = get(core, op.a);
        set_single(core, op.c, value);
        next(core, at, clock)
    }
}

/// VMOV of `a` and `b`, and the singles from `c` on.
unsafe fn move_pair<const TO_CORE: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `move_to_core`.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        for (register, single_register) in [(op.a, op.c), (op.b, op.c + 1)] {
            if TO_CORE {
                let value = single(core, u32::from(single_register));
                set(core, register, value);
            } else {
                let value = get(core, register);
                set_single(core, single_register, value);
            }
        }
        next(core, at, clock)
    }
}

/// VMRS APSR_nzcv, FPSCR.
unsafe fn move_flags(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let fpscr = core.fp.fpscr;
        core.regs.set_apsr_nzcv(fpscr);
        next(core, at, clock)
    }
}

/// VMRS `a`, FPSCR.
unsafe fn move_status(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `move_to_core`.
    unsafe {
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let fpscr = core.fp.fpscr;
        set(core, (*at).op.a, fpscr);
        next(core, at, clock)
    }
}

macro_rules! by_mode {
    ($cell:ident, $two:expr, $mode:expr) => {
        match ($two, $mode) {
            (false, super::memory::OFFSET) => $cell::<false, { super::memory::OFFSET }>,
            (false, super::memory::PRE) => $cell::<false, { super::memory::PRE }>,
            (false, super::memory::POST) => $cell::<false, { super::memory::POST }>,
            (false, _) => $cell::<false, { super::memory::LITERAL }>,
            (true, super::memory::OFFSET) => $cell::<true, { super::memory::OFFSET }>,
            (true, super::memory::PRE) => $cell::<true, { super::memory::PRE }>,
            (true, super::memory::POST) => $cell::<true, { super::memory::POST }>,
            (true, _) => $cell::<true, { super::memory::LITERAL }>,
        }
    };
}

/// VLDR of `c`, or of a pair from `c` on.
pub(super) fn load(two: bool, mode: u8) -> Handler {
    by_mode!(load_cell, two, mode)
}

/// VSTR of `c`, or of a pair from `c` on.
pub(super) fn store(two: bool, mode: u8) -> Handler {
    by_mode!(store_cell, two, mode)
}

unsafe fn load_cell<const TWO: bool, const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        let (address, base) = address::<MODE>(core, at);
        let memory = core.fabric.memory();
        let first = memory.load_fast(address);
        let second = if TWO {
            memory.load_fast(address.wrapping_add(4))
        } else {
            first
        };
        let (Some(first), Some(second), true) = (first, second, is_usable(core)) else {
            return reference(core, at, clock);
        };
        set_single(core, op.c, u32::from_le_bytes(first));
        if TWO {
            set_single(core, op.c + 1, u32::from_le_bytes(second));
        }
        if matches!(MODE, super::memory::PRE | super::memory::POST) {
            set(core, op.b, base);
        }
        next(core, at, clock)
    }
}

/// Storing the first word twice, when the second cannot be stored here, does no harm: the page of the first is plain
/// memory.
unsafe fn store_cell<const TWO: bool, const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        if !is_usable(core) {
            return reference(core, at, clock);
        }
        let (address, base) = address::<MODE>(core, at);
        let (first, second) = (single(core, u32::from(op.c)), single(core, u32::from(op.c) + 1));
        let memory = core.fabric.memory_mut();
        if !memory.store_fast(address, first.to_le_bytes())
            || TWO && !memory.store_fast(address.wrapping_add(4), second.to_le_bytes())
        {
            return reference(core, at, clock);
        }
        if matches!(MODE, super::memory::PRE | super::memory::POST) {
            set(core, op.b, base);
        }
        next(core, at, clock)
    }
}

/// VLDM, VSTM, VPUSH, VPOP: `c` is the first single, `imm` the number of words accessed, then that by which the base `b`
/// moves, and the bits of multiple accesses.
pub(super) fn multiple(load: bool, start: u8, count: u8, words: u8, rn: Reg, write_back: bool, before: bool) -> NewOp {
    use super::memory::{POST, PRE};
    if count <= 2 && words == count && write_back {
        let bytes = 4 * u32::from(count);
        let (mode, imm) = match before {
            true => (PRE, bytes.wrapping_neg()),
            false => (POST, bytes),
        };
        let handler = match load {
            true => self::load(count == 2, mode),
            false => store(count == 2, mode),
        };
        return NewOp::abc(handler, 0, rn, start, imm);
    }
    let handler: Handler = match load {
        true => load_multiple,
        false => store_multiple,
    };
    let before = if before { BEFORE } else { 0 };
    let write_back = if write_back { WRITE_BACK } else { 0 };
    NewOp::abc(handler, 0, rn, start, singles(count, words) | before | write_back)
}

/// The number of bytes, the address of the first word, and the base's new value.
#[inline(always)]
unsafe fn span(core: &CortexM, at: *const Cell) -> (u32, u32, u32) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        let base = get(core, op.b);
        let moved = 4 * (op.imm >> 8 & 0xff);
        let bytes = 4 * (op.imm & 0xff);
        match op.imm & BEFORE {
            0 => (bytes, base, base.wrapping_add(moved)),
            _ => (bytes, base.wrapping_sub(moved), base.wrapping_sub(moved)),
        }
    }
}

unsafe fn load_multiple(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        let (bytes, start, end) = span(core, at);
        let usable = is_usable(core);
        let CortexM { fabric, fp, .. } = core;
        let (Some(span), true) = (fabric.memory().span_fast(start, bytes), usable) else {
            return reference(core, at, clock);
        };
        let (words, _) = span.as_chunks::<4>();
        for (register, word) in fp.s.iter_mut().skip(usize::from(op.c)).zip(words) {
            *register = u32::from_le_bytes(*word);
        }
        if op.imm & WRITE_BACK != 0 {
            set(core, op.b, end);
        }
        next(core, at, clock)
    }
}

unsafe fn store_multiple(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `binary_cell`.
    unsafe {
        let op = &(*at).op;
        let (bytes, start, end) = span(core, at);
        let usable = is_usable(core);
        let CortexM { fabric, fp, .. } = core;
        let (Some(span), true) = (fabric.memory_mut().span_fast_mut(start, bytes), usable) else {
            return reference(core, at, clock);
        };
        let (words, _) = span.as_chunks_mut::<4>();
        for (register, word) in fp.s.iter().skip(usize::from(op.c)).zip(words) {
            *word = register.to_le_bytes();
        }
        if op.imm & WRITE_BACK != 0 {
            set(core, op.b, end);
        }
        next(core, at, clock)
    }
}
