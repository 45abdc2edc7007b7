//! The hart's state for snapshot files. A new field of the hart does not compile until it is listed here: as saved, as
//! derived (decoded code, options), or as an output.

use serde::{Deserialize, Serialize};

use super::{Csrs, Dispatch, Pmp, Registers, RiscV, StopReason};
use crate::core::clock::CoreClock;
use crate::core::fabric::{BadState, SavedFabric};

/// Everything that determines the future of a hart and its chip, except memory.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedCore {
    regs: Registers,
    cycles: u64,
    instructions: u64,
    user: bool,
    guarded: bool,
    locked: bool,
    reservation: Option<u32>,
    sleeping: bool,
    csrs: Csrs,
    pmp: Pmp,
    clock: CoreClock,
    halted: Option<StopReason>,
    fabric: SavedFabric,
    chip: Vec<u8>,
}

impl RiscV {
    pub(in crate::core) fn saved(&self) -> Result<SavedCore, BadState> {
        let Self {
            regs,
            cycles,
            instructions,
            attention: _,
            user,
            guarded,
            locked,
            reservation,
            sleeping,
            csrs,
            pmp,
            clock,
            options: _,
            code: _,
            dispatch: _,
            fabric,
            chip,
            traps_taken: _,
            repeats: _,
            halted,
        } = self;
        Ok(SavedCore {
            regs: regs.clone(),
            cycles: *cycles,
            instructions: *instructions,
            user: *user,
            guarded: *guarded,
            locked: *locked,
            reservation: *reservation,
            sleeping: *sleeping,
            csrs: csrs.clone(),
            pmp: pmp.clone(),
            clock: *clock,
            halted: *halted,
            fabric: fabric.save(),
            chip: chip.save()?,
        })
    }

    pub(in crate::core) fn take_over(&mut self, saved: SavedCore) -> Result<(), BadState> {
        let SavedCore {
            regs,
            cycles,
            instructions,
            user,
            guarded,
            locked,
            reservation,
            sleeping,
            csrs,
            pmp,
            clock,
            halted,
            fabric,
            chip,
        } = saved;
        self.chip.load(&chip)?;
        self.regs = regs;
        self.cycles = cycles;
        self.instructions = instructions;
        self.user = user;
        self.guarded = guarded;
        self.locked = locked;
        self.reservation = reservation;
        self.sleeping = sleeping;
        self.csrs = csrs;
        self.pmp = pmp;
        self.clock = clock;
        self.halted = halted;
        self.fabric.load(fabric);
        self.fabric.memory_mut().distrust();
        self.attention = true;
        self.code.clear(false);
        self.dispatch = Dispatch::default();
        self.traps_taken.clear();
        self.repeats.clear();
        Ok(())
    }
}
