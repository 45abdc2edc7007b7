//! The dispatch of the `safe` build: a block is a list of decoded instructions, and each is executed by the reference's
//! `match`. It replaces `threaded`, gives the same results at a fraction of the speed, and contains no `unsafe`.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{DispatchCore, Slot, step_slots};

/// A straight line of instructions.
pub(in crate::core) struct Block<C: DispatchCore> {
    slots: Arc<[C::Slot]>,
}

impl<C: DispatchCore> Block<C> {
    /// The block of `slots`; `None` without instructions. It has no links, so `_shared` does not matter.
    pub(in crate::core) fn new(slots: Box<[C::Slot]>, _shared: bool) -> Option<Box<Self>> {
        let slots: Arc<[C::Slot]> = slots.into();
        (!slots.is_empty()).then(|| Box::new(Self { slots }))
    }

    /// Cycles without the extra cost of a taken branch.
    pub(in crate::core) fn cycles(&self) -> u64 {
        self.slots.iter().map(|slot| u64::from(slot.cycles())).sum()
    }

    /// What [`enter`] takes.
    pub(in crate::core) fn handle(&self) -> Arc<[C::Slot]> {
        self.slots.clone()
    }
}

/// State that the threaded dispatch needs, and this one does not.
pub(in crate::core) struct Dispatch<C>(PhantomData<fn(C)>);

impl<C> Default for Dispatch<C> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<C: DispatchCore> Dispatch<C> {
    pub(in crate::core) fn clear(&mut self) {}

    pub(in crate::core) fn found(&mut self, _: &Block<C>) {}
}

/// Runs a block, which must be the one at PC and fit the budget, until an unusual case occurs.
pub(in crate::core) fn enter<C: DispatchCore>(core: &mut C, slots: Arc<[C::Slot]>, _budget: u32) {
    step_slots(core, &slots, u64::MAX, u64::MAX);
}

/// As [`enter`], until `due` or `limit` instructions since power-on.
pub(in crate::core) fn step_through<C: DispatchCore>(core: &mut C, slots: Arc<[C::Slot]>, due: u64, limit: u64) {
    step_slots(core, &slots, due, limit);
}
