//! Snapshots of a machine in Renode: its own files, kept as bytes.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};

use super::machine::RenodeMachine;
use super::session::CommandError;
use crate::engine::{Machine, MachineSnapshot, Snapshot};
use crate::error::MachineError;

/// Where Renode writes and reads it, in its folder.
const FILE: &str = "state.save";

/// What a [`MachineSnapshot`] of this engine holds.
struct Stored {
    board: String,
    file: Vec<u8>,
}

impl RenodeMachine {
    fn save(&mut self) -> Result<Vec<u8>, MachineError> {
        let path = self.folder.path().join(FILE);
        // Left over, it would stand for a save that was not done.
        let _ = fs::remove_file(&path);
        let saved = self.session.command(&format!("Save @{FILE}"));
        saved.map_err(|error| self.failed(error))?;
        fs::read(&path).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("Renode saved no state: {error}"),
        })
    }

    /// Goes to a saved state. Sockets are not part of it: the UARTs are connected anew.
    fn load_state(&mut self, file: &[u8]) -> Result<(), MachineError> {
        fs::write(self.folder.path().join(FILE), file).map_err(|error| MachineError::Refused {
            board: self.info().board.clone(),
            reason: format!("a temporary file could not be written: {error}"),
        })?;
        let done = self.enter_state();
        done.map_err(|error| self.failed(error))
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
        let stored = Stored {
            board: self.info().board.clone(),
            file: self.save()?,
        };
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
        self.load_state(&stored.file)
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        let file = self.save()?;
        let started = Self::start(self.setup.clone());
        let mut fork = started.map_err(|cause| self.failed(CommandError::Gone(cause)))?;
        fork.load_state(&file)?;
        Ok(Box::new(fork))
    }

    /// Registers, time and RAM: what Renode lets us see. Equal runs give equal digests; that different ones differ is
    /// likely only.
    fn state_hash(&mut self) -> Result<u64, MachineError> {
        let mut hasher = DefaultHasher::new();
        (self.now(), self.instructions()).hash(&mut hasher);
        for register in self.registers().to_vec() {
            self.read_register(register.name)?.hash(&mut hasher);
        }
        for ram in self.setup.board.chip.ram.clone() {
            let mut bytes = vec![0; ram.bytes as usize];
            self.read_memory(ram.base, &mut bytes)?;
            bytes.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}
