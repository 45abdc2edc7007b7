//! Cells of loads and stores. An access to a page that the fast path does not know is executed by the reference.

use super::{Cell, Handler, get, set};
use crate::core::arm::CortexM;
use crate::core::arm::instruction::Width;
use crate::core::dispatch::{Clock, follow_jump, next, reference};

/// How a cell computes its address: `b + imm`, the same with write-back, `b` with write-back of `b + imm`, `b + (c <<
/// imm)`, or the constant `imm`.
pub(super) const OFFSET: u8 = 0;
pub(super) const PRE: u8 = 1;
pub(super) const POST: u8 = 2;
pub(super) const REGISTER: u8 = 3;
pub(super) const LITERAL: u8 = 4;

const BYTE: u8 = 0;
const SIGNED_BYTE: u8 = 1;
const HALF: u8 = 2;
const SIGNED_HALF: u8 = 3;
const WORD: u8 = 4;

macro_rules! by_mode {
    ($cell:ident, $width:expr, $mode:expr) => {
        match $mode {
            OFFSET => $cell::<$width, OFFSET>,
            PRE => $cell::<$width, PRE>,
            POST => $cell::<$width, POST>,
            REGISTER => $cell::<$width, REGISTER>,
            _ => $cell::<$width, LITERAL>,
        }
    };
}

/// Loads `a`.
pub(super) fn load(width: Width, mode: u8) -> Handler {
    match width {
        Width::Byte => by_mode!(load_cell, BYTE, mode),
        Width::SignedByte => by_mode!(load_cell, SIGNED_BYTE, mode),
        Width::Half => by_mode!(load_cell, HALF, mode),
        Width::SignedHalf => by_mode!(load_cell, SIGNED_HALF, mode),
        Width::Word => by_mode!(load_cell, WORD, mode),
    }
}

/// Stores `a`.
pub(super) fn store(width: Width, mode: u8) -> Handler {
    match width {
        Width::Byte | Width::SignedByte => by_mode!(store_cell, BYTE, mode),
        Width::Half | Width::SignedHalf => by_mode!(store_cell, HALF, mode),
        Width::Word => by_mode!(store_cell, WORD, mode),
    }
}

/// The address, and the base's new value.
#[inline(always)]
pub(super) unsafe fn address<const MODE: u8>(core: &CortexM, at: *const Cell) -> (u32, u32) {
    // SAFETY: `at` is an operation whose operands `translate` made for this mode.
    unsafe {
        let op = &(*at).op;
        match MODE {
            OFFSET | PRE => {
                let address = get(core, op.b).wrapping_add(op.imm);
                (address, address)
            }
            POST => {
                let base = get(core, op.b);
                (base, base.wrapping_add(op.imm))
            }
            REGISTER => (get(core, op.b).wrapping_add(get(core, op.c) << op.imm), 0),
            _ => (op.imm, 0),
        }
    }
}

unsafe fn load_cell<const WIDTH: u8, const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `address`; the cell does not leave the block.
    unsafe {
        let op = &(*at).op;
        let (address, base) = address::<MODE>(core, at);
        let memory = core.fabric.memory();
        let found = match WIDTH {
            BYTE => memory.load_fast::<1>(address).map(|[byte]| u32::from(byte)),
            SIGNED_BYTE => memory.load_fast::<1>(address).map(|[byte]| byte as i8 as u32),
            HALF => memory
                .load_fast(address)
                .map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            SIGNED_HALF => memory.load_fast(address).map(|bytes| i16::from_le_bytes(bytes) as u32),
            _ => memory.load_fast(address).map(u32::from_le_bytes),
        };
        let Some(value) = found else {
            return reference(core, at, clock);
        };
        if matches!(MODE, PRE | POST) {
            set(core, op.b, base);
        }
        set(core, op.a, value);
        next(core, at, clock)
    }
}

unsafe fn store_cell<const WIDTH: u8, const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let (address, base) = address::<MODE>(core, at);
        let value = get(core, op.a);
        let memory = core.fabric.memory_mut();
        let done = match WIDTH {
            BYTE => memory.store_fast(address, [value as u8]),
            HALF => memory.store_fast(address, (value as u16).to_le_bytes()),
            _ => memory.store_fast(address, value.to_le_bytes()),
        };
        if !done {
            return reference(core, at, clock);
        }
        if matches!(MODE, PRE | POST) {
            set(core, op.b, base);
        }
        next(core, at, clock)
    }
}

/// LDRD of `a` and `c`.
pub(super) unsafe fn load_dual<const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let (address, base) = address::<MODE>(core, at);
        let memory = core.fabric.memory();
        let (low, high) = (memory.load_fast(address), memory.load_fast(address.wrapping_add(4)));
        let (Some(low), Some(high)) = (low, high) else {
            return reference(core, at, clock);
        };
        if matches!(MODE, PRE | POST) {
            set(core, op.b, base);
        }
        set(core, op.a, u32::from_le_bytes(low));
        set(core, op.c, u32::from_le_bytes(high));
        next(core, at, clock)
    }
}

/// STRD of `a` and `c`. Storing the first word twice, when the second cannot be stored here, does no harm: the page of
/// the first is plain memory.
pub(super) unsafe fn store_dual<const MODE: u8>(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let (address, base) = address::<MODE>(core, at);
        let (low, high) = (get(core, op.a), get(core, op.c));
        let memory = core.fabric.memory_mut();
        if !memory.store_fast(address, low.to_le_bytes())
            || !memory.store_fast(address.wrapping_add(4), high.to_le_bytes())
        {
            return reference(core, at, clock);
        }
        if matches!(MODE, PRE | POST) {
            set(core, op.b, base);
        }
        next(core, at, clock)
    }
}

/// Bits of `imm` of a multiple access above its register list.
pub(super) const BEFORE: u32 = 1 << 16;
pub(super) const WRITE_BACK: u32 = 1 << 17;

/// LDM of the list in `imm` (PC not in it) from the base `b`; `c` is the number of registers.
pub(super) unsafe fn load_multiple(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        if load_list(core, at).is_none() {
            return reference(core, at, clock);
        }
        next(core, at, clock)
    }
}

/// As [`load_multiple`] with PC in the list: a return.
pub(super) unsafe fn load_multiple_and_jump(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`, but the cell leaves the block.
    unsafe {
        match load_list(core, at) {
            Some(target) => follow_jump(core, target & !1, clock),
            None => reference(core, at, clock),
        }
    }
}

/// Loads all of the list, or nothing. Returns the last word; if it is PC's, it must be a plain code address.
#[inline(always)]
unsafe fn load_list(core: &mut CortexM, at: *const Cell) -> Option<u32> {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let base = get(core, op.b);
        let bytes = 4 * u32::from(op.c);
        let (start, end) = match op.imm & BEFORE {
            0 => (base, base.wrapping_add(bytes)),
            _ => (base.wrapping_sub(bytes), base.wrapping_sub(bytes)),
        };
        let span = core.fabric.memory().span_fast(start, bytes)?;
        let (words, _) = span.as_chunks::<4>();
        let last = u32::from_le_bytes(*words.last()?);
        if op.imm & 1 << 15 != 0 && (last & 1 == 0 || last >> 28 == 0xf) {
            return None;
        }
        let mut list = op.imm & 0x7fff;
        for word in words {
            if list == 0 {
                break;
            }
            core.regs.r[list.trailing_zeros() as usize & 15] = u32::from_le_bytes(*word);
            list &= list - 1;
        }
        if op.imm & WRITE_BACK != 0 {
            set(core, op.b, end);
        }
        Some(last)
    }
}

/// STM of the list in `imm` to the base `b`; `c` is the number of registers.
pub(super) unsafe fn store_multiple(core: &mut CortexM, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let base = get(core, op.b);
        let bytes = 4 * u32::from(op.c);
        let (start, end) = match op.imm & BEFORE {
            0 => (base, base.wrapping_add(bytes)),
            _ => (base.wrapping_sub(bytes), base.wrapping_sub(bytes)),
        };
        let regs = &core.regs.r;
        let Some(span) = core.fabric.memory_mut().span_fast_mut(start, bytes) else {
            return reference(core, at, clock);
        };
        let (words, _) = span.as_chunks_mut::<4>();
        let mut list = op.imm & 0xffff;
        for word in words {
            if list == 0 {
                break;
            }
            *word = regs[list.trailing_zeros() as usize & 15].to_le_bytes();
            list &= list - 1;
        }
        if op.imm & WRITE_BACK != 0 {
            set(core, op.b, end);
        }
        next(core, at, clock)
    }
}
