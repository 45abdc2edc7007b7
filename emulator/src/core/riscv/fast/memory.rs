//! Cells of loads and stores. An access to a page that the fast path does not know is executed by the reference.

use super::{Cell, Handler, get, set};
use crate::core::dispatch::{Clock, next, reference};
use crate::core::riscv::RiscV;
use crate::core::riscv::instruction::Width;

const WIDTHS: [Width; 5] = [
    Width::Byte,
    Width::Half,
    Width::Word,
    Width::ByteUnsigned,
    Width::HalfUnsigned,
];

macro_rules! by_width {
    ($cell:ident, $width:expr, $($name:ident)*) => {
        match $width {
            $(Width::$name => $cell::<{ Width::$name as u8 }>,)*
        }
    };
}

/// Loads `a` from `b + imm`.
pub(super) fn load(width: Width) -> Handler {
    by_width!(load_cell, width, Byte Half Word ByteUnsigned HalfUnsigned)
}

/// Stores `a` to `b + imm`.
pub(super) fn store(width: Width) -> Handler {
    by_width!(store_cell, width, Byte Half Word ByteUnsigned HalfUnsigned)
}

unsafe fn load_cell<const WIDTH: u8>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that `translate` made for this handler, and does not leave the block.
    unsafe {
        let op = &(*at).op;
        let address = get(core, op.b).wrapping_add(op.imm);
        let memory = core.fabric.memory();
        let found = match WIDTHS[WIDTH as usize] {
            Width::Byte => memory.load_fast::<1>(address).map(|[byte]| byte as i8 as u32),
            Width::ByteUnsigned => memory.load_fast::<1>(address).map(|[byte]| u32::from(byte)),
            Width::Half => memory.load_fast(address).map(|bytes| i16::from_le_bytes(bytes) as u32),
            Width::HalfUnsigned => memory
                .load_fast(address)
                .map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            Width::Word => memory.load_fast(address).map(u32::from_le_bytes),
        };
        let Some(value) = found else {
            return reference(core, at, clock);
        };
        set(core, op.a, value);
        next(core, at, clock)
    }
}

unsafe fn store_cell<const WIDTH: u8>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as for `load_cell`.
    unsafe {
        let op = &(*at).op;
        let address = get(core, op.b).wrapping_add(op.imm);
        let value = get(core, op.a);
        let memory = core.fabric.memory_mut();
        let done = match WIDTHS[WIDTH as usize].bytes() {
            1 => memory.store_fast(address, [value as u8]),
            2 => memory.store_fast(address, (value as u16).to_le_bytes()),
            _ => memory.store_fast(address, value.to_le_bytes()),
        };
        if !done {
            return reference(core, at, clock);
        }
        next(core, at, clock)
    }
}
