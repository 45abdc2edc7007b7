//! [`Engine`]: an emulator that can run boards, and the seed that determines all randomness of a machine.

use std::fmt;

use drydock_assets::Board;

use super::{Machine, OpenError};

/// Something that can run boards.
pub trait Engine: Send + Sync {
    /// Its name for users and files, as in `builtin`.
    fn name(&self) -> &'static str;

    /// Whether it can be used on this host now.
    fn availability(&self) -> Availability;

    /// Whether it has a model of this board.
    fn supports(&self, board: &Board) -> bool;

    /// Creates a machine of `board` at power-on, with erased flash. The same board, seed, image and inputs give the
    /// same run.
    ///
    /// # Errors
    /// [`OpenError`]: the engine is not available or does not know the board.
    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError>;
}

/// Whether an engine can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can be used.
    Available {
        /// Version, as the engine reports it.
        version: String,
    },
    /// It cannot be used.
    Unavailable {
        /// What is missing and what to do, for the user.
        reason: String,
    },
}

/// The source of all randomness of a machine: identity and random number generator.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
