//! Snapshots of a machine in QEMU: the migration stream (QMP `migrate`), stored as bytes. A new process loads it
//! (`-incoming`) and replaces the previous one.
//!
//! The stream holds the whole machine: core, peripherals, flash and RAM, and the instruction count. It does not hold
//! bytes in transit on the UART's socket. QEMU refuses to save a machine that was saved and then written to without
//! being run. QEMU promises that a newer version reads the stream only for versioned machines; this board is not one,
//! so another version is refused.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::machine::QemuMachine;
use crate::external::process::Origin;
use crate::machine::MachineError;
use crate::machine::VirtualTime;
use crate::machine::hash::StateHasher;
use crate::machine::{BlankMachine, Machine, MachineSnapshot, SavedState, Snapshot};

/// A state of a machine.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    /// The driver's virtual time: QEMU's counter has only 32 bits.
    pub(super) now_ps: u64,
    pub(super) counter: u32,
    /// The migration stream.
    pub(super) sent: Vec<u8>,
}

impl QemuMachine {
    fn save(&mut self) -> Result<State, MachineError> {
        // QEMU saves the state of a machine once, until it has run again.
        let sent = match self.saved.clone() {
            Some(sent) => sent,
            None => {
                let saved = self.qemu.save();
                self.talked(saved)?.map_err(|reason| self.refused(reason))?
            }
        };
        self.saved = Some(sent.clone());
        Ok(State {
            now_ps: self.now().as_ps(),
            counter: self.counter,
            sent,
        })
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            program: "QEMU",
            version: &self.setup.version,
            board: &self.info().board,
        }
    }

    fn refused(&self, reason: String) -> MachineError {
        MachineError::Refused {
            board: self.info().board.clone(),
            reason,
        }
    }
}

impl Snapshot for QemuMachine {
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError> {
        let state = self.save()?;
        let at = VirtualTime::from_ps(state.now_ps);
        Ok(self.origin().snapshot(state, at))
    }

    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError> {
        let state = self.origin().state_in(snapshot)?;
        self.enter(state)
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        let state = self.save()?;
        let fork = Self::in_state(self.setup.clone(), &state);
        fork.map(|fork| Box::new(fork) as Box<dyn Machine>)
            .map_err(|reason| self.refused(reason))
    }

    /// Time, registers, flash and RAM. The end of a run is not exact here, so two runs hardly ever have the same hash.
    fn state_hash(&mut self) -> Result<u64, MachineError> {
        let mut hasher = StateHasher::default();
        (self.now().as_ps(), self.counter).hash(&mut hasher);
        for register in self.registers().to_vec() {
            self.read_register(register.name)?.hash(&mut hasher);
        }
        let chip = &self.setup.board.chip;
        let flash = (chip.flash.base, chip.flash.bytes);
        let ram = chip.ram.iter().map(|ram| (ram.base, ram.bytes));
        let memories: Vec<(u32, u32)> = std::iter::once(flash).chain(ram).collect();
        for (base, bytes) in memories {
            let memory = self.qemu.memory(base, bytes);
            let memory = self.talked(memory)?.map_err(|reason| self.refused(reason))?;
            hasher.write(&memory);
        }
        Ok(hasher.finish())
    }
}

impl SavedState for QemuMachine {
    /// The complete state: no second QEMU is started to compare with.
    fn write_state(&mut self, _blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError> {
        let state = self.save()?;
        self.origin().write(state)
    }

    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError> {
        let state = self.origin().read(state)?;
        self.enter(&state)
    }
}
