//! Optional capabilities: the whole state of a machine as a value, and as bytes for a file.

use std::any::Any;
use std::fmt;

use super::time::VirtualTime;
use super::{Machine, MachineError};

/// Optional capability: the whole state of a machine as a value.
pub trait Snapshot {
    /// Takes the state. Outputs not taken yet (UART, pins, faults) are not part of it.
    ///
    /// # Errors
    /// The engine failed.
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError>;

    /// Restores a state that a machine of the same engine and board returned.
    ///
    /// # Errors
    /// [`MachineError::ForeignSnapshot`]; the machine is unchanged then.
    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError>;

    /// A second machine in this state, independent from now on.
    ///
    /// # Errors
    /// The engine failed.
    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError>;

    /// A digest of everything that determines the machine's future; equal for equal runs.
    ///
    /// # Errors
    /// The engine failed.
    fn state_hash(&mut self) -> Result<u64, MachineError>;
}

/// Optional capability: the whole state of a machine as bytes, which another process can load.
pub trait SavedState {
    /// The state, if possible as the difference from a `blank` machine. Outputs not taken yet are not part of it.
    ///
    /// # Errors
    /// The engine failed.
    fn write_state(&mut self, blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError>;

    /// Loads the state into a machine that was opened and loaded, and has not run.
    ///
    /// # Errors
    /// [`MachineError::BadState`]; the machine must not be used any more.
    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError>;
}

/// Creates a machine of the same engine, board and seed with the same image, which has not run.
pub type BlankMachine<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Machine>, MachineError>;

/// A state: opaque except for its instant.
pub struct MachineSnapshot {
    /// Virtual time of the state.
    pub at: VirtualTime,
    /// The engine's own form of it.
    pub state: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for MachineSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineSnapshot({} s)", self.at)
    }
}
