//! The dispatch of the `safe` build: a block is a row of decoded instructions, and each runs through the reference's
//! `match`. It stands in for `fast`, does the same at a fraction of the speed, and holds no `unsafe`.

use std::sync::Arc;

use super::RiscV;
use super::code::Slot;

/// A straight line of instructions.
pub(super) struct Block {
    slots: Arc<[Slot]>,
}

impl Block {
    /// Cycles without the refill of a taken branch.
    pub(super) fn cycles(&self) -> u64 {
        self.slots.iter().map(|slot| u64::from(slot.cycles)).sum()
    }

    /// What [`enter`] takes.
    pub(super) fn handle(&self) -> Arc<[Slot]> {
        self.slots.clone()
    }
}

/// The block of `slots`; none of no instructions. Without links it does not matter who shares it.
pub(super) fn translate(slots: Box<[Slot]>, _shared: bool) -> Option<Box<Block>> {
    let slots: Arc<[Slot]> = slots.into();
    (!slots.is_empty()).then(|| Box::new(Block { slots }))
}

/// State that the threaded dispatch has, and this one has not.
#[derive(Default)]
pub(super) struct Fast;

impl Fast {
    pub(super) fn clear(&mut self) {}

    pub(super) fn found(&mut self, _: &Block) {}
}

/// Runs a block, which must be the one at PC and fit the budget, as far as nothing out of the ordinary happens.
pub(super) fn enter(core: &mut RiscV, slots: Arc<[Slot]>, _budget: u32) {
    for slot in &*slots {
        core.run_slot(slot);
        if core.attention || core.regs.pc != slot.next_pc() {
            return;
        }
    }
}

/// As [`enter`], until `due` or `limit` instructions since power-on.
pub(super) fn step_through(core: &mut RiscV, slots: Arc<[Slot]>, due: u64, limit: u64) {
    for slot in &*slots {
        core.run_slot(slot);
        let went_on = core.regs.pc == slot.next_pc();
        if core.attention || !went_on || core.cycles >= due || core.instructions >= limit {
            return;
        }
    }
}
