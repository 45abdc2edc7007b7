//! The state of a machine that is a process: the program's saved state, with the board and the program's version. One
//! form serves in memory ([`MachineSnapshot`]) and, in postcard encoding, in a file.
//!
//! Only the program can read its saved state, and only the same version is sure to: a state of another version is
//! refused before the program sees it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::MachineError;
use crate::machine::MachineSnapshot;
use crate::machine::VirtualTime;

/// Whose states are written and read: those of a program, in one version, for one board.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// For people, as in `QEMU`.
    pub(crate) program: &'static str,
    pub(crate) version: &'a str,
    pub(crate) board: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    board: String,
    /// Of the program that wrote it.
    version: String,
    state: T,
}

impl Origin<'_> {
    /// A state, held in memory.
    pub(crate) fn snapshot<T: Send + Sync + 'static>(self, state: T, at: VirtualTime) -> MachineSnapshot {
        let state = Box::new(self.stored(state));
        MachineSnapshot { at, state }
    }

    /// The state that was passed to [`Self::snapshot`].
    ///
    /// # Errors
    /// [`MachineError::ForeignSnapshot`]
    pub(crate) fn state_in<T: 'static>(self, snapshot: &MachineSnapshot) -> Result<&T, MachineError> {
        let stored: Option<&Stored<T>> = snapshot.state.downcast_ref();
        let stored = stored.filter(|stored| stored.board == self.board);
        stored.map(|stored| &stored.state).ok_or_else(|| self.foreign())
    }

    /// A state as bytes.
    ///
    /// # Errors
    /// It could not be written.
    pub(crate) fn write<T: Serialize>(self, state: T) -> Result<Vec<u8>, MachineError> {
        postcard::to_allocvec(&self.stored(state)).map_err(|error| self.bad(error.to_string()))
    }

    /// The state that was passed to [`Self::write`].
    ///
    /// # Errors
    /// [`MachineError::BadState`] for damaged bytes or those of another version, [`MachineError::ForeignSnapshot`] for
    /// another board's.
    pub(crate) fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, MachineError> {
        let (stored, rest): (Stored<T>, &[u8]) =
            postcard::take_from_bytes(bytes).map_err(|error| self.bad(error.to_string()))?;
        if !rest.is_empty() {
            return Err(self.bad("bytes are left over".to_owned()));
        }
        if stored.board != self.board {
            return Err(self.foreign());
        }
        if stored.version != self.version {
            let (program, theirs, ours) = (self.program, stored.version, self.version);
            let reason = format!("{program} {theirs} wrote it, which the {program} {ours} here may not read");
            return Err(self.bad(reason));
        }
        Ok(stored.state)
    }

    fn stored<T>(self, state: T) -> Stored<T> {
        Stored {
            board: self.board.to_owned(),
            version: self.version.to_owned(),
            state,
        }
    }

    fn foreign(self) -> MachineError {
        MachineError::ForeignSnapshot {
            board: self.board.to_owned(),
        }
    }

    fn bad(self, reason: String) -> MachineError {
        MachineError::BadState {
            board: self.board.to_owned(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Origin<'static> = Origin {
        program: "Simulator",
        version: "2.1",
        board: "nano33ble",
    };

    fn refusal(origin: Origin<'_>, bytes: &[u8]) -> String {
        origin.read::<(u64, Vec<u8>)>(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_is_read_by_the_same_program_for_the_same_board() {
        let state = (7_u64, vec![1_u8, 2, 3]);
        let bytes = HERE.write(&state).unwrap();
        assert_eq!(HERE.read::<(u64, Vec<u8>)>(&bytes).unwrap(), state);

        let newer = Origin { version: "3.0", ..HERE };
        let said = refusal(newer, &bytes);
        assert!(
            said.contains("Simulator 2.1 wrote it, which the Simulator 3.0 here may not read"),
            "{said}"
        );
        let other = Origin {
            board: "mps2-an386",
            ..HERE
        };
        assert_eq!(
            refusal(other, &bytes),
            "the snapshot is not of a mps2-an386 of this engine"
        );
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let bytes = HERE.write((7_u64, vec![1_u8, 2, 3])).unwrap();
        for len in 0..bytes.len() {
            let said = refusal(HERE, &bytes[..len]);
            assert!(said.contains("not one of this engine's nano33ble"), "{len}: {said}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(refusal(HERE, &longer).contains("bytes are left over"));
    }

    #[test]
    fn a_snapshot_is_of_one_engine_and_one_board() {
        let snapshot = HERE.snapshot(7_u64, VirtualTime::from_ms(3));
        assert_eq!(snapshot.at, VirtualTime::from_ms(3));
        assert_eq!(HERE.state_in::<u64>(&snapshot).unwrap(), &7);
        let other = Origin {
            board: "mps2-an386",
            ..HERE
        };
        let refused = [
            HERE.state_in::<u32>(&snapshot).map(drop),
            other.state_in::<u64>(&snapshot).map(drop),
        ];
        for refused in refused {
            assert!(
                matches!(refused, Err(MachineError::ForeignSnapshot { .. })),
                "{refused:?}"
            );
        }
    }
}
