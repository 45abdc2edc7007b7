//! Dispatch: runs decoded code, the same way for every core. Straight lines of instructions become blocks, and a block
//! continues with the next one as long as nothing needs attention. `threaded` jumps from handler to handler, `builder`
//! makes the cells that it jumps through, and `checked` replaces both in builds without `unsafe`.
//!
//! A core supplies its instructions ([`Slot`]), their execution ([`DispatchCore::run_slot`]), and, to be threaded,
//! handlers for the frequent ones.

#[cfg(not(feature = "safe"))]
mod builder;
#[cfg(feature = "safe")]
mod checked;
#[cfg(not(feature = "safe"))]
mod threaded;

/// A core that [`enter`] and [`step_through`] run.
#[cfg(feature = "safe")]
pub(super) use self::DispatchCore as Runnable;
/// A core that [`enter`] and [`step_through`] run.
#[cfg(not(feature = "safe"))]
pub(super) use self::threaded::Threaded as Runnable;
#[cfg(feature = "safe")]
pub(super) use checked::{Block, Dispatch, enter, step_through};
#[cfg(not(feature = "safe"))]
pub(super) use {
    builder::{BlockBuilder, NewOp},
    threaded::{
        Block, Cell, Clock, Dispatch, Handler, Threaded, ahead, enter, follow_jump, follow_link, go_on, next, next_pc,
        reference, step_through,
    },
};

/// One decoded instruction.
pub(super) trait Slot {
    /// Its address.
    #[cfg_attr(feature = "safe", allow(dead_code))]
    fn pc(&self) -> u32;
    /// The address behind it.
    fn next_pc(&self) -> u32;
    /// Its cost without a taken branch.
    fn cycles(&self) -> u32;
}

/// A core that runs slots.
pub(super) trait DispatchCore: Sized {
    /// Its decoded instructions.
    type Slot: Slot;

    /// Executes one instruction by the reference, and leaves PC and state at the next one.
    fn run_slot(&mut self, slot: &Self::Slot);
    /// Its address.
    fn at(&self) -> u32;
    /// Whether the next instruction may have changed (an interrupt, a mask, a request).
    fn attention(&self) -> bool;
    /// Cycles and instructions since power-on.
    fn elapsed(&self) -> (u64, u64);
}

/// Runs `slots` one by one; the first must be the one at PC. Stops at `due`, at `limit` instructions since power-on, if
/// something needs attention, or if control leaves the slots.
fn step_slots<C: DispatchCore>(core: &mut C, slots: &[C::Slot], due: u64, limit: u64) {
    for slot in slots {
        core.run_slot(slot);
        let (cycles, instructions) = core.elapsed();
        if core.attention() || core.at() != slot.next_pc() || cycles >= due || instructions >= limit {
            return;
        }
    }
}
