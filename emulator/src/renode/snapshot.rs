//! Snapshots of a machine in Renode: its own files (`Save`, `Load`), kept as bytes, in memory or in a file of ours.
//!
//! What the two commands answer is recorded of a real Renode, and that a machine goes on from its file with the same
//! counters. That a *second* process takes the file over is not: it is what Renode's manual promises of its files. A file
//! is objects of the program itself, which a Renode of the same version reads; it checks less than we do of ours. So take
//! only files whose maker you would let run programs.

use std::fs;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::machine::RenodeMachine;
use super::session::CommandError;
use crate::builtin::hash::StateHasher;
use crate::engine::{BlankMachine, Machine, MachineSnapshot, SavedState, Snapshot};
use crate::error::MachineError;

/// Where Renode writes and reads it, in its folder.
const FILE: &str = "state.save";

/// A state: what a [`MachineSnapshot`] of this engine holds, and in postcard's form what a file does.
#[derive(Serialize, Deserialize)]
struct Stored {
    board: String,
    /// Of the Renode that wrote it.
    version: String,
    /// Terminals that are in it, whose names are taken.
    terminals_made: u32,
    file: Vec<u8>,
}

impl RenodeMachine {
    fn save(&mut self) -> Result<Stored, MachineError> {
        let path = self.folder.path().join(FILE);
        // Left over, it would stand for a save that was not done.
        let _ = fs::remove_file(&path);
        let saved = self.session.command(&format!("Save @{FILE}"));
        saved.map_err(|error| self.failed(error))?;
        let file = fs::read(&path).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("Renode saved no state: {error}"),
        })?;
        Ok(Stored {
            board: self.info().board.clone(),
            version: self.setup.version.clone(),
            terminals_made: self.terminals_made,
            file,
        })
    }

    /// Goes to a saved state. Sockets are not part of it: the UARTs are connected anew.
    fn load_state(&mut self, stored: &Stored) -> Result<(), MachineError> {
        fs::write(self.folder.path().join(FILE), &stored.file).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("a temporary file could not be written: {error}"),
        })?;
        self.terminals_made = self.terminals_made.max(stored.terminals_made);
        let done = self.enter_state();
        done.map_err(|error| self.failed(error))?;
        self.define_reset()
    }

    fn enter_state(&mut self) -> Result<(), CommandError> {
        self.session.command(&format!("Load @{FILE}"))?;
        // No machine is selected now.
        self.session.command("mach set 0")?;
        self.connect()?;
        self.refresh()
    }
}

impl Snapshot for RenodeMachine {
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError> {
        let stored = self.save()?;
        Ok(MachineSnapshot {
            at: self.now(),
            state: Box::new(stored),
        })
    }

    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError> {
        let stored: Option<&Stored> = snapshot.state.downcast_ref();
        let stored = stored.filter(|stored| stored.board == self.info().board);
        let stored = stored.ok_or_else(|| MachineError::ForeignSnapshot {
            board: self.info().board.clone(),
        })?;
        self.load_state(stored)
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        let stored = self.save()?;
        let started = Self::start(self.setup.clone());
        let mut fork = started.map_err(|cause| self.failed(CommandError::Gone(cause)))?;
        fork.load_state(&stored)?;
        Ok(Box::new(fork))
    }

    /// Registers, time and RAM: what Renode lets us see. Equal runs give equal digests; that different ones differ is
    /// likely only.
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
    /// All of it: Renode's file stands for itself, so that no second Renode is started to compare with.
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
            let reason = format!("Renode {theirs} wrote it, which the Renode {ours} here may not read");
            return Err(self.bad_state(reason));
        }
        self.load_state(&stored)
    }
}

impl RenodeMachine {
    fn bad_state(&self, reason: String) -> MachineError {
        MachineError::BadState {
            board: self.info().board.clone(),
            reason,
        }
    }
}
