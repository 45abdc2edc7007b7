//! The core's state for snapshot files. A new field of the core does not compile until it is listed here: as saved, as
//! derived (decoded code, options), or as an output.

use serde::{Deserialize, Serialize};

use super::{CortexM, Dispatch, Fp, Registers, Sleep, StopReason, System};
use crate::core::clock::CoreClock;
use crate::core::fabric::{BadState, SavedFabric};

/// Everything that decides the future of a core and its chip, except memory.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedCore {
    regs: Registers,
    fp: Fp,
    cycles: u64,
    instructions: u64,
    exclusive: bool,
    event_register: bool,
    sleeping: Option<Sleep>,
    system: System,
    clock: CoreClock,
    slept: u64,
    halted: Option<StopReason>,
    fabric: SavedFabric,
    chip: Vec<u8>,
}

impl CortexM {
    pub(in crate::core) fn saved(&self) -> Result<SavedCore, BadState> {
        let Self {
            regs,
            fp,
            #[cfg(not(feature = "safe"))]
                fp_readiness: _,
            cycles,
            instructions,
            attention: _,
            exclusive,
            event_register,
            sleeping,
            system,
            clock,
            slept,
            options: _,
            code: _,
            dispatch: _,
            fabric,
            chip,
            faults_taken: _,
            repeats: _,
            halted: _,
            debug: _,
        } = self;
        Ok(SavedCore {
            regs: regs.clone(),
            fp: *fp,
            cycles: *cycles,
            instructions: *instructions,
            exclusive: *exclusive,
            event_register: *event_register,
            sleeping: *sleeping,
            system: system.clone(),
            clock: *clock,
            slept: *slept,
            halted: self.own_halt(),
            fabric: fabric.save(),
            chip: chip.save()?,
        })
    }

    pub(in crate::core) fn take_over(&mut self, saved: SavedCore) -> Result<(), BadState> {
        let SavedCore {
            regs,
            fp,
            cycles,
            instructions,
            exclusive,
            event_register,
            sleeping,
            system,
            clock,
            slept,
            halted,
            fabric,
            chip,
        } = saved;
        self.chip.load(&chip)?;
        self.regs = regs;
        self.fp = fp;
        self.cycles = cycles;
        self.instructions = instructions;
        self.exclusive = exclusive;
        self.event_register = event_register;
        self.sleeping = sleeping;
        self.system = system;
        self.clock = clock;
        self.slept = slept;
        self.halted = halted;
        self.fabric.load(fabric);
        self.fabric.memory_mut().distrust();
        self.attention = true;
        self.code.clear(false);
        self.dispatch = Dispatch::default();
        self.faults_taken.clear();
        self.repeats.clear();
        Ok(())
    }
}
