//! Snapshots of a machine in Renode: its own files (`Save`, `Load`), stored as bytes, in memory or in a snapshot
//! file.
//!
//! A second process can load a file, as tried with Renode 1.16.1. A file contains serialised objects of Renode
//! itself, readable by the same version; Renode checks less than we do. So load only files from people whose programs
//! you would run.

use std::fs;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::machine::RenodeMachine;
use super::session::CommandError;
use super::values;
use crate::external::process::Origin;
use crate::machine::MachineError;
use crate::machine::hash::StateHasher;
use crate::machine::{BlankMachine, Machine, MachineSnapshot, SavedState, Snapshot};

/// Name of the state file in Renode's folder.
const FILE: &str = "state.save";

/// A state of a machine.
#[derive(Serialize, Deserialize)]
struct State {
    /// Number of terminals in it, whose names are taken.
    terminals_made: u32,
    file: Vec<u8>,
}

impl RenodeMachine {
    fn save(&mut self) -> Result<State, MachineError> {
        let path = self.folder.path().join(FILE);
        // An old file would be mistaken for a new one if the save fails.
        let _ = fs::remove_file(&path);
        let saved = self.session.command(&format!("Save {}", values::file(&path)));
        saved.map_err(|error| self.failed(error))?;
        let file = fs::read(&path).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("Renode saved no state: {error}"),
        })?;
        Ok(State {
            terminals_made: self.terminals_made,
            file,
        })
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            program: "Renode",
            version: &self.setup.version,
            board: &self.info().board,
        }
    }

    /// Loads a saved state. Sockets are not part of it: the UARTs are reconnected.
    fn load_state(&mut self, state: &State) -> Result<(), MachineError> {
        fs::write(self.folder.path().join(FILE), &state.file).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("a temporary file could not be written: {error}"),
        })?;
        self.terminals_made = self.terminals_made.max(state.terminals_made);
        let done = self.enter_state();
        done.map_err(|error| self.failed(error))?;
        self.define_reset()
    }

    fn enter_state(&mut self) -> Result<(), CommandError> {
        let file = values::file(&self.folder.path().join(FILE));
        self.session.command(&format!("Load {file}"))?;
        // No machine is selected now.
        self.session.command("mach set 0")?;
        self.connect()?;
        self.refresh()
    }
}

impl Snapshot for RenodeMachine {
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError> {
        let state = self.save()?;
        Ok(self.origin().snapshot(state, self.now()))
    }

    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError> {
        let state = self.origin().state_in(snapshot)?;
        self.load_state(state)
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        let state = self.save()?;
        let started = Self::start(self.setup.clone());
        let mut fork = started.map_err(|cause| self.failed(CommandError::Gone(cause)))?;
        fork.load_state(&state)?;
        Ok(Box::new(fork))
    }

    /// Registers, time and RAM: the state that Renode exposes. Equal runs give equal digests; different runs only
    /// probably give different ones.
    fn state_hash(&mut self) -> Result<u64, MachineError> {
        let mut hasher = StateHasher::default();
        (self.now().as_ps(), self.instructions()).hash(&mut hasher);
        for register in self.registers().to_vec() {
            self.read_register(register.name)?.hash(&mut hasher);
        }
        for ram in self.setup.board.chip.ram.clone() {
            let mut bytes = vec![0; ram.bytes as usize];
            self.read_memory(ram.base, &mut bytes)?;
            hasher.write(&bytes);
        }
        Ok(hasher.finish())
    }
}

impl SavedState for RenodeMachine {
    /// The complete state: Renode's file is self-contained, so that no second Renode is started to compare with.
    fn write_state(&mut self, _blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError> {
        let state = self.save()?;
        self.origin().write(state)
    }

    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError> {
        let state = self.origin().read(state)?;
        self.load_state(&state)
    }
}
