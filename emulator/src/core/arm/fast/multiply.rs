//! Cells of multiplies and divides.

use super::{Cell, get, set};
use crate::core::arm::CortexM;
use crate::core::arm::instruction::LongMultiply;
use crate::core::dispatch::{Clock, next, reference};

/// `a = b × c`.
pub(super) unsafe fn multiply<const FLAGS: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation whose operands `translate` made for this handler; it does not leave the block.
    unsafe {
        let op = &(*at).op;
        let result = get(core, op.b).wrapping_mul(get(core, op.c));
        if FLAGS {
            core.regs.set_nz(result);
        }
        set(core, op.a, result);
        next(core, at, clock)
    }
}

/// `a = imm ± b × c`, where `imm` is a register.
pub(super) unsafe fn accumulate<const SUBTRACT: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as above.
    unsafe {
        let op = &(*at).op;
        let product = get(core, op.b).wrapping_mul(get(core, op.c));
        let addend = get(core, op.imm as u8);
        let result = if SUBTRACT {
            addend.wrapping_sub(product)
        } else {
            addend.wrapping_add(product)
        };
        set(core, op.a, result);
        next(core, at, clock)
    }
}

/// The handler of `a` (high) and `imm` (low) from `b × c`; `None` leaves it to the reference.
pub(super) fn long(op: LongMultiply) -> Option<super::Handler> {
    Some(match op {
        LongMultiply::Umull => long_cell::<UMULL>,
        LongMultiply::Smull => long_cell::<SMULL>,
        LongMultiply::Umlal => long_cell::<UMLAL>,
        LongMultiply::Smlal => long_cell::<SMLAL>,
        LongMultiply::Umaal => long_cell::<UMAAL>,
        _ => return None,
    })
}

const UMULL: u8 = 0;
const SMULL: u8 = 1;
const UMLAL: u8 = 2;
const SMLAL: u8 = 3;
const UMAAL: u8 = 4;

unsafe fn long_cell<const OP: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as above.
    unsafe {
        let op = &(*at).op;
        let (n, m) = (get(core, op.b), get(core, op.c));
        let (high, low) = (get(core, op.a), get(core, op.imm as u8));
        let accumulator = u64::from(high) << 32 | u64::from(low);
        let unsigned = u64::from(n) * u64::from(m);
        let signed = i64::from(n as i32).wrapping_mul(i64::from(m as i32)) as u64;
        let result = match OP {
            UMULL => unsigned,
            SMULL => signed,
            UMLAL => accumulator.wrapping_add(unsigned),
            SMLAL => accumulator.wrapping_add(signed),
            _ => unsigned + u64::from(high) + u64::from(low),
        };
        set(core, op.imm as u8, result as u32);
        set(core, op.a, (result >> 32) as u32);
        next(core, at, clock)
    }
}

/// `a = b ÷ c`.
pub(super) unsafe fn divide<const SIGNED: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as above.
    unsafe {
        let op = &(*at).op;
        let (n, m) = (get(core, op.b), get(core, op.c));
        if m == 0 {
            return reference(core, at, clock);
        }
        let result = if SIGNED {
            (n as i32).wrapping_div(m as i32) as u32
        } else {
            n / m
        };
        set(core, op.a, result);
        next(core, at, clock)
    }
}
