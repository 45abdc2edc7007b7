//! Threaded code: a block is a list of cells, each a handler with its operands, and each handler ends by jumping to the
//! next one's. This is one of the modules where the emulator uses `unsafe`: the jumps follow pointers into the block,
//! because a `match` over instructions with bounds checks runs at a third of the speed.
//!
//! A handler serves only the ordinary case. [`reference`] passes anything else (a device, a page seen for the first
//! time, a fault) to the core's reference, which executes that instruction at its exact cycle. So the meaning of an
//! instruction is defined in one place, and the oracle test compares both paths with it.
//!
//! Invariants, on which every `unsafe` here relies:
//! - Only [`Block::new`] makes blocks: a header, then operations, then a cell that leaves the block; a cell with links
//!   is followed by its link cell.
//! - A block lives until the core's code cache drops it, which happens only between runs of [`enter`].
//! - A link is null or points to the header of a block of the same core's code cache; one in a shared block points to a
//!   block of the same shared cache.

use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{BlockBuilder, DispatchCore, Slot, step_slots};

/// A core whose code can be threaded.
///
/// # Safety
/// `emit` gives each handler the operands that it was written for, ends the block with a cell that leaves it, and puts
/// a link cell after each handler that follows one. Its handlers use a block only in the ways that the functions here
/// do.
pub(in crate::core) unsafe trait Threaded: DispatchCore {
    /// Extra cost of a taken branch.
    const TAKEN_CYCLES: u32;
    /// How many registers operands can name.
    const REGISTERS: u8;

    /// The branch target of the last instruction of a block, if it is known; otherwise 0.
    fn branch_target(slot: &Self::Slot) -> u32;
    /// Adds the cells of the block's instructions; the last cell leaves the block.
    fn emit(builder: &mut BlockBuilder<'_, Self>);
    /// Its state of the dispatch.
    fn dispatch(&mut self) -> &mut Dispatch<Self>;
    /// Sets the counts of [`DispatchCore::elapsed`].
    fn set_elapsed(&mut self, cycles: u64, instructions: u64);
    /// A run begins: anything may have happened since the last one.
    #[inline(always)]
    fn begin(&mut self) {}
    /// The core is before the block at `pc`, with nothing started.
    fn go_to(&mut self, pc: u32);
}

/// Virtual time within a run: cycles in the upper half, executed instructions in the lower.
pub(in crate::core) type Clock = u64;

/// A handler: it executes its cell and continues with the next.
pub(in crate::core) type Handler<C> = unsafe fn(&mut C, *const Cell<C>, Clock);

/// One element of a block.
#[repr(C, align(16))]
pub(in crate::core) union Cell<C: DispatchCore> {
    pub(in crate::core) op: Op<C>,
    pub(super) header: Header<C>,
    pub(super) links: ManuallyDrop<LinkPair<C>>,
}

/// An operation: handler and operands. The handler defines the meaning of the operands; registers are below
/// [`Threaded::REGISTERS`].
#[repr(C)]
pub(in crate::core) struct Op<C: DispatchCore> {
    pub(super) handler: Handler<C>,
    pub(in crate::core) a: u8,
    pub(in crate::core) b: u8,
    pub(in crate::core) c: u8,
    /// Its index in the block, so that the header can be found.
    pub(super) index: u8,
    pub(in crate::core) imm: u32,
}

impl<C: DispatchCore> Clone for Op<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: DispatchCore> Copy for Op<C> {}

/// The first cell of a block.
#[repr(C)]
pub(super) struct Header<C: DispatchCore> {
    /// Cost of the whole block; a taken branch adds to it.
    pub(super) cost: Clock,
    pub(super) block: *const Block<C>,
}

impl<C: DispatchCore> Clone for Header<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: DispatchCore> Copy for Header<C> {}

/// The headers of the following blocks, once they are known.
#[repr(C)]
pub(super) struct LinkPair<C: DispatchCore> {
    pub(super) taken: AtomicPtr<Cell<C>>,
    pub(super) other: AtomicPtr<Cell<C>>,
}

/// A block in both forms: its instructions, and the cells made of them.
pub(in crate::core) struct Block<C: DispatchCore> {
    pub(super) pc: u32,
    /// Whether it belongs to the image, not to one machine.
    pub(super) shared: bool,
    pub(super) slots: Box<[C::Slot]>,
    /// The instructions that each cell stands for.
    pub(super) covers: Box<[Cover]>,
    /// The branch target of its last instruction, if it is known.
    pub(super) taken_pc: u32,
    /// The address behind it.
    pub(super) next_pc: u32,
    pub(super) cells: Box<[Cell<C>]>,
}

/// The instructions that a cell stands for.
#[derive(Clone, Copy)]
pub(super) struct Cover {
    pub(super) first: u8,
    pub(super) count: u8,
    /// The cost from the first of them to the end of the block.
    pub(super) rest: Clock,
}

// SAFETY: after creation, only the links of a block change, and these are atomic; its pointers are to the block itself
// and to blocks that live as long.
unsafe impl<C: DispatchCore<Slot: Send>> Send for Block<C> {}
// SAFETY: as above.
unsafe impl<C: DispatchCore<Slot: Sync>> Sync for Block<C> {}

impl<C: DispatchCore> Block<C> {
    /// Cycles without the extra cost of a taken branch.
    pub(in crate::core) fn cycles(&self) -> u64 {
        // SAFETY: the first cell of a block is its header.
        unsafe { self.cells[0].header.cost >> 32 }
    }

    /// The argument of [`enter`]: the block is not moved until the core's cache is cleared, between two runs.
    pub(in crate::core) fn handle(&self) -> *const Self {
        self
    }

    fn entry(&self) -> *const Cell<C> {
        self.cells.as_ptr()
    }
}

/// State of the core that only this module uses.
#[repr(C)]
pub(in crate::core) struct Dispatch<C: DispatchCore> {
    /// A block may start while the clock with its cost is below this.
    limit: Clock,
    /// The core's counts when the run began.
    cycles: u64,
    instructions: u64,
    /// The link to fill when the block at `unlinked_pc` is found next.
    unlinked: *const AtomicPtr<Cell<C>>,
    unlinked_pc: u32,
    unlinked_shared: bool,
    /// Blocks by address, for jumps whose target is known only at run time.
    jumps: Box<[Jump<C>; JUMPS]>,
}

struct Jump<C: DispatchCore> {
    pc: u32,
    entry: *const Cell<C>,
}

const JUMPS: usize = 1_024;

impl<C: DispatchCore> Jump<C> {
    /// No block starts at an odd address.
    const NONE: Self = Self {
        pc: 1,
        entry: ptr::null(),
    };
}

// SAFETY: the pointers are to blocks of the code cache that moves along with this.
unsafe impl<C: DispatchCore> Send for Dispatch<C> {}
// SAFETY: a shared reference to this does not reach through the pointers.
unsafe impl<C: DispatchCore> Sync for Dispatch<C> {}

impl<C: DispatchCore> Default for Dispatch<C> {
    fn default() -> Self {
        Self {
            limit: 0,
            cycles: 0,
            instructions: 0,
            unlinked: ptr::null(),
            unlinked_pc: 0,
            unlinked_shared: false,
            jumps: Box::new([const { Jump::NONE }; JUMPS]),
        }
    }
}

impl<C: DispatchCore> Dispatch<C> {
    /// Forgets every block: they are about to be dropped.
    pub(in crate::core) fn clear(&mut self) {
        self.unlinked = ptr::null();
        *self.jumps = [const { Jump::NONE }; JUMPS];
    }

    /// Records the address of `block`, and links the block that was just left to it, if that block branches there: an
    /// interrupt, a single step or a debugger may have come between. A shared block is not linked to a block of one
    /// machine.
    pub(in crate::core) fn found(&mut self, block: &Block<C>) {
        let entry = block.entry();
        self.jumps[jump_place(block.pc)] = Jump { pc: block.pc, entry };
        if !self.unlinked.is_null() && self.unlinked_pc == block.pc && (block.shared || !self.unlinked_shared) {
            // SAFETY: it was set by `leave_by_link` to a link of a block that still lives: `clear` resets it otherwise.
            unsafe { (*self.unlinked).store(entry.cast_mut(), Ordering::Release) };
        }
        self.unlinked = ptr::null();
    }
}

fn jump_place(pc: u32) -> usize {
    // A function called from one place returns there: functions some kilobytes apart must not share their entries.
    (pc >> 1 ^ pc >> 11) as usize % JUMPS
}

/// Runs `block`, which must be the one at PC, and the blocks after it, as long as whole blocks fit `budget` cycles (at
/// least this one must), nothing needs attention, and the next block is known. Leaves the core's registers and counts
/// exact.
pub(in crate::core) fn enter<C: Threaded>(core: &mut C, block: *const Block<C>, budget: u32) {
    core.begin();
    let (cycles, instructions) = core.elapsed();
    let dispatch = core.dispatch();
    dispatch.limit = (u64::from(budget) + 1) << 32;
    dispatch.cycles = cycles;
    dispatch.instructions = instructions;
    dispatch.unlinked = ptr::null();
    // SAFETY: the caller has just taken the block from the core's cache, and the cache does not drop it before this
    // ends.
    unsafe { follow(core, (*block).entry(), 0) }
}

/// Runs instructions of `block` one by one; it must be the one at PC. Stops at `due`, at `limit` instructions since
/// power-on, if something needs attention, or if control leaves the block.
pub(in crate::core) fn step_through<C: Threaded>(core: &mut C, block: *const Block<C>, due: u64, limit: u64) {
    // SAFETY: as for `enter`; single instructions do not drop blocks either.
    let slots = unsafe { &(*block).slots };
    step_slots(core, slots, due, limit);
}

/// Continues with the cells of `entry`, if it fits the budget.
#[inline(always)]
unsafe fn follow<C: Threaded>(core: &mut C, entry: *const Cell<C>, clock: Clock) {
    // SAFETY: `entry` is a header (module invariants), and is followed by an operation.
    unsafe {
        let clock_after = clock + (*entry).header.cost;
        if clock_after >= core.dispatch().limit {
            return out_of_budget(core, entry, clock);
        }
        let first = entry.add(1);
        ((*first).op.handler)(core, first, clock_after)
    }
}

/// Continues with the next cell.
#[inline(always)]
pub(in crate::core) unsafe fn next<C: Threaded>(core: &mut C, at: *const Cell<C>, clock: Clock) {
    // SAFETY: `at` is an operation that does not leave its block, so another follows.
    unsafe { ahead(core, at, 1, clock) }
}

/// Continues `cells` further on, where there must be an operation of the same block.
#[inline(always)]
pub(in crate::core) unsafe fn ahead<C: Threaded>(core: &mut C, at: *const Cell<C>, cells: usize, clock: Clock) {
    // SAFETY: that is the caller's to ensure.
    unsafe {
        let next = at.add(cells);
        ((*next).op.handler)(core, next, clock)
    }
}

#[cold]
#[inline(never)]
unsafe fn out_of_budget<C: Threaded>(core: &mut C, entry: *const Cell<C>, clock: Clock) {
    // SAFETY: `entry` is a header.
    let pc = unsafe { (*(*entry).header.block).pc };
    leave(core, pc, clock);
}

/// Ends the run before the instruction at `pc`.
fn leave<C: Threaded>(core: &mut C, pc: u32, clock: Clock) {
    count(core, clock);
    core.go_to(pc);
}

/// Leaves the block and continues with its neighbour. For blocks whose last instruction does not leave by itself.
pub(in crate::core) unsafe fn go_on<C: Threaded>(core: &mut C, at: *const Cell<C>, clock: Clock) {
    // SAFETY: a link cell follows.
    unsafe { follow_link::<false, C>(core, at, clock) }
}

/// The address behind the block of an operation.
#[inline(always)]
pub(in crate::core) unsafe fn next_pc<C: DispatchCore>(at: *const Cell<C>) -> u32 {
    // SAFETY: `at` is an operation of a block, whose header is `index` cells before it.
    unsafe { (*(*at.sub(usize::from((*at).op.index))).header.block).next_pc }
}

/// Leaves the block by the link cell after `at`: to its branch target, or to the next address. If the link is not set
/// yet, ends the run there and requests that the link be set.
#[inline(always)]
pub(in crate::core) unsafe fn follow_link<const TAKEN: bool, C: Threaded>(
    core: &mut C,
    at: *const Cell<C>,
    clock: Clock,
) {
    // SAFETY: the cell behind `at` holds links, which point to headers of blocks of the same cache.
    unsafe {
        let links = &(*at.add(1)).links;
        let entry = if TAKEN { &links.taken } else { &links.other }.load(Ordering::Acquire);
        let clock = if TAKEN { clock + taken_cost::<C>() } else { clock };
        if entry.is_null() {
            return leave_by_link::<TAKEN, C>(core, at, clock);
        }
        follow(core, entry, clock)
    }
}

#[cold]
#[inline(never)]
unsafe fn leave_by_link<const TAKEN: bool, C: Threaded>(core: &mut C, at: *const Cell<C>, clock: Clock) {
    // SAFETY: as in `follow_link`; the header is `index` cells before an operation.
    unsafe {
        let links = &(*at.add(1)).links;
        let block = &*(*at.sub(usize::from((*at).op.index))).header.block;
        let pc = if TAKEN { block.taken_pc } else { block.next_pc };
        let dispatch = core.dispatch();
        dispatch.unlinked = if TAKEN { &links.taken } else { &links.other };
        dispatch.unlinked_pc = pc;
        dispatch.unlinked_shared = block.shared;
        leave(core, pc, clock);
    }
}

/// Follows a computed jump to `pc`, which is even.
#[inline(always)]
pub(in crate::core) unsafe fn follow_jump<C: Threaded>(core: &mut C, pc: u32, clock: Clock) {
    let clock = clock + taken_cost::<C>();
    let Jump { pc: at, entry } = core.dispatch().jumps[jump_place(pc)];
    if at != pc {
        return leave_cold(core, pc, clock);
    }
    // SAFETY: the table holds headers of blocks that live: it is cleared before they are dropped.
    unsafe { follow(core, entry, clock) }
}

#[cold]
#[inline(never)]
fn leave_cold<C: Threaded>(core: &mut C, pc: u32, clock: Clock) {
    leave(core, pc, clock);
}

/// The extra cost of a taken branch, as a clock.
const fn taken_cost<C: Threaded>() -> Clock {
    (C::TAKEN_CYCLES as u64) << 32
}

/// Brings the core's counts to `clock`.
fn count<C: Threaded>(core: &mut C, clock: Clock) {
    let dispatch = core.dispatch();
    let cycles = dispatch.cycles + (clock >> 32);
    let instructions = dispatch.instructions + (clock & 0xffff_ffff);
    core.set_elapsed(cycles, instructions);
}

/// Executes the instructions of the cell at `at` by the reference. Continues in the block if nothing unusual happened,
/// otherwise ends the run after them.
#[cold]
#[inline(never)]
pub(in crate::core) unsafe fn reference<C: Threaded>(core: &mut C, at: *const Cell<C>, clock: Clock) {
    // SAFETY: `at` is an operation of a block; if it is not the last, another follows.
    unsafe {
        // A separate function, so that no value on this stack prevents the following call from being a jump: a program
        // that polls a device comes here for any length of time, and each call would leave its frame behind.
        let clock = run_cover(core, at, clock);
        if clock != LEFT {
            next(core, at, clock)
        }
    }
}

/// The result of [`run_cover`] if the run ended.
const LEFT: Clock = Clock::MAX;

/// Executes the instructions of the cell at `at`, and returns the clock after them if the block continues.
#[inline(never)]
unsafe fn run_cover<C: Threaded>(core: &mut C, at: *const Cell<C>, clock: Clock) -> Clock {
    // SAFETY: `at` is an operation of a block, whose header is `index` cells before it.
    unsafe {
        let index = usize::from((*at).op.index);
        let header = (*at.sub(index)).header;
        let block = &*header.block;
        let Cover { first, count, rest } = block.covers[index];
        let (first, last) = (usize::from(first), usize::from(first) + usize::from(count));
        // The clock counts the whole block from its start: subtract the part that is still to come.
        let before = clock - rest;
        self::count(core, before);
        let (_, instructions) = core.elapsed();
        for slot in &block.slots[first..last] {
            core.run_slot(slot);
            if core.attention() || core.at() != slot.next_pc() {
                return LEFT;
            }
        }
        if last == block.slots.len() {
            return LEFT;
        }
        // Instructions that a condition skipped were not executed.
        let executed = core.elapsed().1 - instructions;
        clock - (u64::from(count) - executed)
    }
}
