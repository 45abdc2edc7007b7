//! Errors of writing and reading snapshot files. Each text is a sentence for the user.

use super::VERSION;
use crate::machine::{MachineError, OpenError};

/// A state could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The engine cannot.
    #[error("the {engine} engine cannot write the state of a {board} to a file")]
    Unsupported {
        /// Engine.
        engine: &'static str,
        /// Board.
        board: String,
    },
    /// No machine to compare with.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// A file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFileError {
    /// Something else.
    #[error("this is not a snapshot of Drydock")]
    NotASnapshot,
    /// Of an older or newer layout.
    #[error("this snapshot has version {found} of the format, this Drydock reads version {VERSION}")]
    Version {
        /// Its version.
        found: u16,
    },
    /// Truncated, or changed.
    #[error("this snapshot is damaged: it is cut short or its bytes were changed")]
    Damaged,
    /// Of another engine.
    #[error("this snapshot is of the {found} engine, not of {wanted}")]
    Engine {
        /// Its engine.
        found: String,
        /// The machine's.
        wanted: &'static str,
    },
    /// Of another board.
    #[error("this snapshot is of the board {found}, not of {wanted}")]
    Board {
        /// Its board.
        found: String,
        /// The machine's.
        wanted: String,
    },
    /// Of other firmware.
    #[error("this snapshot is of a {board} with other firmware")]
    Image {
        /// The board.
        board: String,
    },
    /// The model of the board has changed.
    #[error("this snapshot was written by Drydock {drydock}, whose model of the {board} is another ({reason})")]
    Model {
        /// The board.
        board: String,
        /// The version that wrote it.
        drydock: String,
        /// The difference.
        reason: String,
    },
    /// No machine to take it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}
