//! Fast dispatch, in the shape of the Arm core's: a block becomes a row of cells, each a handler with its operands, and
//! each handler ends by jumping to the next one's. One of the places where the emulator is `unsafe`: the jumps go through
//! pointers into the row, since a `match` over instructions behind bounds checks runs at a third of the speed.
//!
//! A handler does only what goes well: anything else (a device, a page seen for the first time, a fault) it hands to the
//! reference in `exec` by [`reference`], which runs the very instruction at its exact cycle. So there is one place that
//! knows what an instruction means, and the oracle test compares both through it.
//!
//! Invariants, on which every `unsafe` here rests:
//! - Rows are made by [`translate`] alone: a header, then operations, then a cell that leaves the row; a cell with
//!   links is followed by its link cell.
//! - A row lives until the core's blocks or their library drop it, which happens only between runs of [`enter`].
//! - A link points to the header of a row of the same core's blocks or their library, or is null; one in a shared row
//!   points to a shared row, of the same library.

mod alu;
mod branch;
mod memory;
mod translate;

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::RiscV;
use super::code::Slot;
use super::cycles;

pub(super) use translate::translate;

/// Virtual time within a run: cycles in the upper half, executed instructions in the lower.
pub(super) type Clock = u64;

/// What a handler is: it executes its cell and goes on to the next.
type Handler = unsafe fn(&mut RiscV, *const Cell, Clock);

/// One element of a row.
#[repr(C, align(16))]
pub(super) union Cell {
    op: Op,
    header: Header,
    links: links::Links,
}

/// An operation: handler and operands. What the operands mean is the handler's to say; registers are below 33.
#[derive(Clone, Copy)]
#[repr(C)]
struct Op {
    handler: Handler,
    a: u8,
    b: u8,
    c: u8,
    /// Its index in the row, so that the header can be found.
    index: u8,
    imm: u32,
}

/// The first cell of a row.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    /// What the whole block costs; a taken branch adds its refill.
    cost: Clock,
    block: *const Block,
}

mod links {
    use std::mem::ManuallyDrop;
    use std::sync::atomic::AtomicPtr;

    use super::Cell;

    /// The headers of the rows that follow, once they are known.
    #[repr(C)]
    pub(in super::super) struct LinkPair {
        pub(super) taken: AtomicPtr<Cell>,
        pub(super) other: AtomicPtr<Cell>,
    }

    pub(super) type Links = ManuallyDrop<LinkPair>;
}

/// A block in both forms: its instructions, and the row made of them.
pub(super) struct Block {
    pub(super) pc: u32,
    /// Whether it is the image's, and not one machine's.
    shared: bool,
    slots: Box<[Slot]>,
    /// For each cell, which instructions it stands for.
    covers: Box<[Cover]>,
    /// Where its last instruction branches to, when that is known.
    taken_pc: u32,
    /// The address behind it.
    next_pc: u32,
    cells: Box<[Cell]>,
}

/// The instructions that a cell stands for.
#[derive(Clone, Copy)]
struct Cover {
    first: u8,
    count: u8,
    /// The cost from the first of them to the end of the block.
    rest: Clock,
}

// SAFETY: rows are not changed after they are made but for their links, which are atomic; the pointers in them are to
// the block itself and to rows that live as long.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// Cycles without the refill of a taken branch.
    pub(super) fn cycles(&self) -> u64 {
        // SAFETY: the first cell of a row is its header.
        unsafe { self.cells[0].header.cost >> 32 }
    }

    /// What [`enter`] takes: the block stays where it is until the core's cache is cleared, between two runs.
    pub(super) fn handle(&self) -> *const Self {
        self
    }

    pub(super) fn entry(&self) -> *const Cell {
        self.cells.as_ptr()
    }
}

/// State of the core that only this module uses.
#[repr(C)]
pub(super) struct Fast {
    /// A block may start while the clock with its cost is below this.
    limit: Clock,
    /// The core's counts when the run began.
    cycles: u64,
    instructions: u64,
    /// The link to fill when the block at `unlinked_pc` is found next.
    unlinked: *const AtomicPtr<Cell>,
    unlinked_pc: u32,
    unlinked_shared: bool,
    /// Rows by address, for jumps whose target is known at run time only.
    jumps: Box<[Jump; JUMPS]>,
}

#[derive(Clone, Copy)]
struct Jump {
    pc: u32,
    entry: *const Cell,
}

const JUMPS: usize = 1_024;
const NO_JUMP: Jump = Jump {
    pc: 1,
    entry: ptr::null(),
};

// SAFETY: the pointers are to rows of the code cache that moves along with this.
unsafe impl Send for Fast {}
// SAFETY: a shared reference to this does not reach through the pointers.
unsafe impl Sync for Fast {}

impl Default for Fast {
    fn default() -> Self {
        Self {
            limit: 0,
            cycles: 0,
            instructions: 0,
            unlinked: ptr::null(),
            unlinked_pc: 0,
            unlinked_shared: false,
            jumps: Box::new([NO_JUMP; JUMPS]),
        }
    }
}

impl Fast {
    /// Forgets every row: they are about to be dropped.
    pub(super) fn clear(&mut self) {
        self.unlinked = ptr::null();
        self.jumps.fill(NO_JUMP);
    }

    /// Remembers where `block` is, and links the row that was just left to it, if that is where it went: an interrupt, a
    /// single step or a debugger may have come between. What is shared is not linked to what is one machine's.
    pub(super) fn found(&mut self, block: &Block) {
        let entry = block.entry();
        self.jumps[jump_place(block.pc)] = Jump { pc: block.pc, entry };
        if !self.unlinked.is_null() && self.unlinked_pc == block.pc && (block.shared || !self.unlinked_shared) {
            // SAFETY: it was set by `leave_by_link` to a link of a row that still lives: `clear` resets it otherwise.
            unsafe { (*self.unlinked).store(entry.cast_mut(), Ordering::Release) };
        }
        self.unlinked = ptr::null();
    }
}

fn jump_place(pc: u32) -> usize {
    // What is called from one place returns there: functions some kilobytes apart must not share their places.
    (pc >> 1 ^ pc >> 11) as usize % JUMPS
}

/// Runs `block`, which must be the one at PC, and what follows it for as long as whole blocks fit `budget` cycles (at
/// least this one must), nothing needs attention, and the next block is known. Leaves the core's registers and counts
/// exact.
pub(super) fn enter(core: &mut RiscV, block: *const Block, budget: u32) {
    core.fast.limit = (u64::from(budget) + 1) << 32;
    core.fast.cycles = core.cycles;
    core.fast.instructions = core.instructions;
    core.fast.unlinked = ptr::null();
    // SAFETY: the caller took the block from the core's cache just now, and the cache does not drop it before this ends.
    unsafe { follow(core, (*block).entry(), 0) }
}

/// Runs instructions of `block`, which must be the one at PC, one by one, until `due`, or `limit` instructions since
/// power-on, or something needs attention, or the block is left.
pub(super) fn step_through(core: &mut RiscV, block: *const Block, due: u64, limit: u64) {
    // SAFETY: as for `enter`; single instructions do not drop blocks either.
    let slots = unsafe { &(*block).slots };
    for slot in slots {
        core.run_slot(slot);
        let went_on = core.regs.pc == slot.next_pc();
        if core.attention || !went_on || core.cycles >= due || core.instructions >= limit {
            return;
        }
    }
}

/// Goes on with the row of `entry`, if it fits the budget.
#[inline(always)]
unsafe fn follow(core: &mut RiscV, entry: *const Cell, clock: Clock) {
    // SAFETY: `entry` is a header (module invariants), and is followed by an operation.
    unsafe {
        let clock_after = clock + (*entry).header.cost;
        if clock_after >= core.fast.limit {
            return out_of_budget(core, entry, clock);
        }
        let first = entry.add(1);
        ((*first).op.handler)(core, first, clock_after)
    }
}

/// A register operand of a cell.
#[inline(always)]
unsafe fn get(core: &RiscV, reg: u8) -> u32 {
    // SAFETY: `translate` puts only registers below 33 there.
    unsafe { *core.regs.x.get_unchecked(usize::from(reg)) }
}

/// Writes a register operand of a cell; x0 is named as the sink.
#[inline(always)]
unsafe fn set(core: &mut RiscV, reg: u8, value: u32) {
    // SAFETY: as for `get`.
    unsafe { *core.regs.x.get_unchecked_mut(usize::from(reg)) = value };
}

/// Goes on with the next cell.
#[inline(always)]
unsafe fn next(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation that does not leave its row, so another follows.
    unsafe {
        let next = at.add(1);
        ((*next).op.handler)(core, next, clock)
    }
}

#[cold]
#[inline(never)]
unsafe fn out_of_budget(core: &mut RiscV, entry: *const Cell, clock: Clock) {
    // SAFETY: `entry` is a header.
    let pc = unsafe { (*(*entry).header.block).pc };
    leave(core, pc, clock);
}

/// Ends the run before the instruction at `pc`.
fn leave(core: &mut RiscV, pc: u32, clock: Clock) {
    core.cycles = core.fast.cycles + (clock >> 32);
    core.instructions = core.fast.instructions + (clock & 0xffff_ffff);
    core.regs.pc = pc;
}

/// Leaves the row by the link cell behind `at`: where its branch goes, or straight on. Without a link yet, ends the run
/// there and asks for the link to be filled.
#[inline(always)]
unsafe fn follow_link<const TAKEN: bool>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: the cell behind `at` holds links, which point to headers of rows of the same cache.
    unsafe {
        let links = &(*at.add(1)).links;
        let entry = if TAKEN { &links.taken } else { &links.other }.load(Ordering::Acquire);
        let clock = if TAKEN { clock + TAKEN_COST } else { clock };
        if entry.is_null() {
            return leave_by_link::<TAKEN>(core, at, clock);
        }
        follow(core, entry, clock)
    }
}

#[cold]
#[inline(never)]
unsafe fn leave_by_link<const TAKEN: bool>(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: as in `follow_link`; the header is `index` cells before an operation.
    unsafe {
        let links = &(*at.add(1)).links;
        let block = &*(*at.sub(usize::from((*at).op.index))).header.block;
        let pc = if TAKEN { block.taken_pc } else { block.next_pc };
        core.fast.unlinked = if TAKEN { &links.taken } else { &links.other };
        core.fast.unlinked_pc = pc;
        core.fast.unlinked_shared = block.shared;
        leave(core, pc, clock);
    }
}

/// Follows a computed jump to `pc`, which is even.
#[inline(always)]
unsafe fn follow_jump(core: &mut RiscV, pc: u32, clock: Clock) {
    let clock = clock + TAKEN_COST;
    let jump = &core.fast.jumps[jump_place(pc)];
    if jump.pc != pc {
        return leave_cold(core, pc, clock);
    }
    // SAFETY: the table holds headers of rows that live: it is cleared before they are dropped.
    unsafe { follow(core, jump.entry, clock) }
}

#[cold]
#[inline(never)]
fn leave_cold(core: &mut RiscV, pc: u32, clock: Clock) {
    leave(core, pc, clock);
}

/// The cycles of a taken branch, as a clock.
const TAKEN_COST: Clock = (cycles::TAKEN as u64) << 32;

/// Executes the instructions of the cell at `at` by the reference. Goes on in the row if they went by without anything
/// out of the ordinary, else ends the run behind them.
#[cold]
#[inline(never)]
unsafe fn reference(core: &mut RiscV, at: *const Cell, clock: Clock) {
    // SAFETY: `at` is an operation of a row; if it is not the last, another follows.
    unsafe {
        // Apart, so that nothing on this stack keeps the jump to the next cell from being one: a program that polls a
        // device comes here for as long as it likes.
        if run_cover(core, at, clock) {
            next(core, at, clock)
        }
    }
}

/// Executes the instructions of the cell at `at`; tells whether the row goes on.
#[inline(never)]
unsafe fn run_cover(core: &mut RiscV, at: *const Cell, clock: Clock) -> bool {
    // SAFETY: `at` is an operation of a row, whose header is `index` cells before it.
    unsafe {
        let index = usize::from((*at).op.index);
        let header = (*at.sub(index)).header;
        let block = &*header.block;
        let Cover { first, count, rest } = block.covers[index];
        let (first, last) = (usize::from(first), usize::from(first) + usize::from(count));
        // The clock counts the whole block since its start: take off what is still to come.
        let before = clock - rest;
        core.cycles = core.fast.cycles + (before >> 32);
        core.instructions = core.fast.instructions + (before & 0xffff_ffff);
        for slot in &block.slots[first..last] {
            core.run_slot(slot);
            if core.attention || core.regs.pc != slot.next_pc() {
                return false;
            }
        }
        last < block.slots.len()
    }
}
