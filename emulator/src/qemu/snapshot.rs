//! Snapshots of a machine in QEMU: what QEMU sends when a machine moves to another host (QMP `migrate`), kept as bytes; a
//! new process takes it over (`-incoming`), in the place of the one before.
//!
//! All of the machine is in it: the core, the peripherals, flash and RAM, the count of instructions. What is not: bytes on
//! their way over the UART's socket. A machine that was saved, then written to without being run, is not saved again:
//! QEMU refuses. QEMU promises that a newer version reads it for versioned machines only, which this
//! board is not: another version is refused.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::machine::QemuMachine;
use crate::builtin::hash::StateHasher;
use crate::builtin::time::VirtualTime;
use crate::engine::{BlankMachine, Machine, MachineSnapshot, SavedState, Snapshot};
use crate::error::MachineError;

/// A state: what a [`MachineSnapshot`] of this engine holds, and in postcard's form what a file does.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    board: String,
    /// Of the QEMU that wrote it.
    version: String,
    /// What the driver knows of time: QEMU has a counter of 32 bits only.
    pub(super) now_ps: u64,
    pub(super) counter: u32,
    pub(super) state: Vec<u8>,
}

impl QemuMachine {
    fn save(&mut self) -> Result<Stored, MachineError> {
        // QEMU gives the state of a machine once, until it has run again.
        let state = match self.saved.clone() {
            Some(state) => state,
            None => {
                let saved = self.qemu.save();
                self.talked(saved)?.map_err(|reason| self.refused(reason))?
            }
        };
        self.saved = Some(state.clone());
        Ok(Stored {
            board: self.info().board.clone(),
            version: self.setup.version.clone(),
            now_ps: self.now().as_ps(),
            counter: self.counter,
            state,
        })
    }

    fn refused(&self, reason: String) -> MachineError {
        MachineError::Refused {
            board: self.info().board.clone(),
            reason,
        }
    }

    fn bad_state(&self, reason: String) -> MachineError {
        MachineError::BadState {
            board: self.info().board.clone(),
            reason,
        }
    }
}

impl Snapshot for QemuMachine {
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError> {
        let stored = self.save()?;
        Ok(MachineSnapshot {
            at: VirtualTime::from_ps(stored.now_ps),
            state: Box::new(stored),
        })
    }

    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError> {
        let stored: Option<&Stored> = snapshot.state.downcast_ref();
        let stored = stored.filter(|stored| stored.board == self.info().board);
        let stored = stored.ok_or_else(|| MachineError::ForeignSnapshot {
            board: self.info().board.clone(),
        })?;
        self.enter(stored)
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        let stored = self.save()?;
        let fork = Self::in_state(self.setup.clone(), &stored);
        fork.map(|fork| Box::new(fork) as Box<dyn Machine>)
            .map_err(|reason| self.refused(reason))
    }

    /// Time, registers, flash and RAM. Where a run stops is not exact here, so that two runs hardly end with one hash.
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
    /// All of it: no second QEMU is started to compare with.
    fn write_state(&mut self, _blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError> {
        let stored = self.save()?;
        let written = postcard::to_allocvec(&stored);
        written.map_err(|error| self.bad_state(error.to_string()))
    }

    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError> {
        let stored: Result<(Stored, &[u8]), _> = postcard::take_from_bytes(state);
        let stored = match stored {
            Ok((stored, [])) => stored,
            Ok(_) => return Err(self.bad_state("bytes are left over".to_owned())),
            Err(error) => return Err(self.bad_state(error.to_string())),
        };
        let (theirs, ours) = (&stored.version, &self.setup.version);
        if theirs != ours {
            let reason = format!("QEMU {theirs} wrote it, which the QEMU {ours} here may not read");
            return Err(self.bad_state(reason));
        }
        self.enter(&stored)
    }
}
