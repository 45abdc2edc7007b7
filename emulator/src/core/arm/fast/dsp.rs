//! Cells of the DSP extension: each calls the reference's own function with constants for what the encoding fixes. None of
//! these instructions can trap.

use super::{Cell, Handler};
use crate::core::arm::CortexM;
use crate::core::arm::instruction::{DspMultiply, Lanes, LongMultiply, ParallelOp, Reg, SaturatingOp, Shift};
use crate::core::dispatch::{Clock, next};

/// Expands to the handler of a given value: `$cell::<INDEX>`, where `$all[INDEX]` is that value.
macro_rules! by_index {
    ($all:ident, $given:expr, $cell:ident, $($index:literal)*) => {
        match $all.iter().position(|one| *one == $given)? {
            $($index => $cell::<$index>,)*
            _ => return None,
        }
    };
}

const MULTIPLIES: [DspMultiply; 15] = {
    use DspMultiply as D;
    const fn halves(n_top: bool, m_top: bool) -> D {
        D::Halves { n_top, m_top }
    }
    [
        halves(false, false),
        halves(false, true),
        halves(true, false),
        halves(true, true),
        D::WordByHalf { m_top: false },
        D::WordByHalf { m_top: true },
        D::DualAdd { exchange: false },
        D::DualAdd { exchange: true },
        D::DualSubtract { exchange: false },
        D::DualSubtract { exchange: true },
        D::MostSignificantAdd { round: false },
        D::MostSignificantAdd { round: true },
        D::MostSignificantSubtract { round: false },
        D::MostSignificantSubtract { round: true },
        D::SumOfDifferences,
    ]
};

/// `a` from `b`, `c`, and the register in `imm`, which is 15 without an accumulator.
pub(super) fn multiply(op: DspMultiply) -> Option<Handler> {
    Some(by_index!(MULTIPLIES, op, multiply_cell, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14))
}

unsafe fn multiply_cell<const INDEX: usize>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation whose operands `translate` made for this handler; it does not leave the block.
    unsafe {
        let op = &(*at).op;
        core.multiply_dsp(const { MULTIPLIES[INDEX] }, op.a, op.b, op.c, op.imm as Reg);
        next(core, at, clock)
    }
}

const LONG: [LongMultiply; 8] = {
    use LongMultiply as L;
    const fn halves(n_top: bool, m_top: bool) -> L {
        L::SmlalHalves { n_top, m_top }
    }
    [
        halves(false, false),
        halves(false, true),
        halves(true, false),
        halves(true, true),
        L::Smlald { exchange: false },
        L::Smlald { exchange: true },
        L::Smlsld { exchange: false },
        L::Smlsld { exchange: true },
    ]
};

/// `a` (high) and `imm` (low) from `b` and `c`.
pub(super) fn long(op: LongMultiply) -> Option<Handler> {
    Some(by_index!(LONG, op, long_cell, 0 1 2 3 4 5 6 7))
}

unsafe fn long_cell<const INDEX: usize>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        core.multiply_long(const { LONG[INDEX] }, op.imm as Reg, op.a, op.b, op.c);
        next(core, at, clock)
    }
}

const LANES: [Lanes; 6] = [
    Lanes::Signed,
    Lanes::SignedSaturating,
    Lanes::SignedHalving,
    Lanes::Unsigned,
    Lanes::UnsignedSaturating,
    Lanes::UnsignedHalving,
];
const PARALLEL: [ParallelOp; 6] = [
    ParallelOp::Add16,
    ParallelOp::Asx,
    ParallelOp::Sax,
    ParallelOp::Sub16,
    ParallelOp::Add8,
    ParallelOp::Sub8,
];

/// `a` from `b` and `c`, lane by lane.
pub(super) fn parallel(lanes: Lanes, op: ParallelOp) -> Option<Handler> {
    macro_rules! by_lanes {
        ($($lanes:literal)*) => {
            match LANES.iter().position(|one| *one == lanes)? {
                $($lanes => match PARALLEL.iter().position(|one| *one == op)? {
                    0 => parallel_cell::<$lanes, 0>,
                    1 => parallel_cell::<$lanes, 1>,
                    2 => parallel_cell::<$lanes, 2>,
                    3 => parallel_cell::<$lanes, 3>,
                    4 => parallel_cell::<$lanes, 4>,
                    5 => parallel_cell::<$lanes, 5>,
                    _ => return None,
                },)*
                _ => return None,
            }
        };
    }
    Some(by_lanes!(0 1 2 3 4 5))
}

unsafe fn parallel_cell<const LANES_INDEX: usize, const INDEX: usize>(
    core: &mut CortexM,
    at: *const Cell,
    clock: Clock,
) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        let (lanes, parallel) = const { (LANES[LANES_INDEX], PARALLEL[INDEX]) };
        core.parallel(lanes, parallel, op.a, op.b, op.c);
        next(core, at, clock)
    }
}

const SATURATING: [SaturatingOp; 4] = [
    SaturatingOp::Qadd,
    SaturatingOp::Qdadd,
    SaturatingOp::Qsub,
    SaturatingOp::Qdsub,
];

/// `a` from `c` (Rm) and `b` (Rn).
pub(super) fn saturating(op: SaturatingOp) -> Option<Handler> {
    Some(by_index!(SATURATING, op, saturating_cell, 0 1 2 3))
}

unsafe fn saturating_cell<const INDEX: usize>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        core.saturating(const { SATURATING[INDEX] }, op.a, op.c, op.b);
        next(core, at, clock)
    }
}

/// SSAT, USAT: `a` from `b`, shifted by `c` bits, as `imm` bits.
pub(super) fn saturate(signed: bool, shift: Shift) -> Option<Handler> {
    Some(match (signed, shift) {
        (true, Shift::Lsl) => saturate_cell::<true, false>,
        (true, Shift::Asr) => saturate_cell::<true, true>,
        (false, Shift::Lsl) => saturate_cell::<false, false>,
        (false, Shift::Asr) => saturate_cell::<false, true>,
        _ => return None,
    })
}

const fn shift_of(right: bool) -> Shift {
    if right { Shift::Asr } else { Shift::Lsl }
}

unsafe fn saturate_cell<const SIGNED: bool, const RIGHT: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        core.saturate(SIGNED, op.a, op.b, op.imm as u8, const { shift_of(RIGHT) }, op.c);
        next(core, at, clock)
    }
}

/// PKHBT, PKHTB: `a` from `b` and `c`, which is shifted by `imm` bits.
pub(super) fn pack(top_first: bool, shift: Shift) -> Option<Handler> {
    Some(match (top_first, shift) {
        (true, Shift::Asr) => pack_cell::<true, true>,
        (true, Shift::Lsl) => pack_cell::<true, false>,
        (false, Shift::Lsl) => pack_cell::<false, false>,
        (false, Shift::Asr) => pack_cell::<false, true>,
        _ => return None,
    })
}

unsafe fn pack_cell<const TOP_FIRST: bool, const RIGHT: bool>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        core.pack(TOP_FIRST, op.a, op.b, op.c, const { shift_of(RIGHT) }, op.imm as u8);
        next(core, at, clock)
    }
}

/// SEL: bytes of `b` where GE is set, otherwise of `c`.
pub(super) unsafe fn select(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `multiply_cell`.
    unsafe {
        let op = &(*at).op;
        core.select(op.a, op.b, op.c);
        next(core, at, clock)
    }
}
