//! A machine's state in a file: its description, the state itself, and a digest over both.
//!
//! ```text
//! magic     8 bytes   89 'D' 'D' 'S' 0D 0A 1A 0A: detects damage by a transfer as text
//! version   u16       of this layout, little-endian as everything that follows
//! length    u32       of the header
//! header              a `Header` in postcard's form
//! state               written by the engine (`SavedState`), up to the digest
//! digest    32 bytes  SHA-256 of everything before it
//! ```
//!
//! Nothing is compressed: the state consists of the pages that differ from the image's, and a small file cannot expand.
//! A separate machine loads a state, never a running one: a refused file changes nothing.

mod error;
mod header;

use drydock_assets::Board;
use sha2::{Digest, Sha256};

pub use error::{SaveError, SnapshotFileError};
pub use header::{Header, image_digest};

use crate::machine::Image;
use crate::machine::MachineError;
use crate::machine::{Engine, Machine};

/// The first bytes of a snapshot file.
pub const MAGIC: [u8; 8] = *b"\x89DDS\r\n\x1a\n";
/// The version of the layout that this Drydock reads and writes.
pub const VERSION: u16 = 5;
/// Maximum length of a header: two names, two digests and some numbers.
const HEADER_BYTES_MAX: usize = 4_096;
const DIGEST_BYTES: usize = 32;
const FIXED_BYTES: usize = MAGIC.len() + 2 + 4;

/// Writes the state of `machine`, which `engine` opened for `board` and which was loaded with `image`. The machine is
/// not changed.
///
/// # Errors
/// [`SaveError`]: the engine has no such capability, or failed.
pub fn save(
    engine: &dyn Engine,
    board: &Board,
    image: &Image,
    machine: &mut dyn Machine,
) -> Result<Vec<u8>, SaveError> {
    let info = machine.info().clone();
    let unsupported = || SaveError::Unsupported {
        engine: info.engine,
        board: info.board.clone(),
    };
    let state_hash = machine.snapshots().ok_or_else(unsupported)?.state_hash()?;
    let header = Header {
        engine: info.engine.to_owned(),
        drydock: env!("CARGO_PKG_VERSION").to_owned(),
        board: info.board.clone(),
        chip: info.chip.clone(),
        image: image_digest(image),
        seed: info.seed.0,
        virtual_time_ps: machine.now().as_ps(),
        instructions: machine.instructions(),
        state_hash,
    };
    let mut blank = || -> Result<Box<dyn Machine>, MachineError> {
        let mut blank = engine.open(board, info.seed).map_err(|error| MachineError::Refused {
            board: board.name.clone(),
            reason: error.to_string(),
        })?;
        blank.load(image)?;
        Ok(blank)
    };
    let state = machine.saved_state().ok_or_else(unsupported)?.write_state(&mut blank)?;
    Ok(header.with_state(&state))
}

/// A valid file with this header and state, for tests of readers.
#[doc(hidden)]
pub fn assemble(header: &Header, state: &[u8]) -> Vec<u8> {
    header.with_state(state)
}

/// Reads the header of a file and checks its digest.
///
/// # Errors
/// [`SnapshotFileError`]: it is not a snapshot, of another version, or damaged.
pub fn inspect(file: &[u8]) -> Result<Header, SnapshotFileError> {
    split(file).map(|(header, _)| header)
}

/// A machine in the state of `file`, made by `engine` for `board` and loaded with `image`.
///
/// # Errors
/// [`SnapshotFileError`]: it is not a snapshot, damaged, or of another version, engine, board, image or model.
pub fn load(
    engine: &dyn Engine,
    board: &Board,
    image: &Image,
    file: &[u8],
) -> Result<Box<dyn Machine>, SnapshotFileError> {
    let (header, state) = split(file)?;
    header.check(engine.name(), board, image)?;
    let mut machine = engine.open(board, header.seed())?;
    machine.load(image)?;
    let saved = machine.saved_state().ok_or_else(|| SnapshotFileError::Engine {
        found: header.engine.clone(),
        wanted: engine.name(),
    })?;
    let model = |reason: String| SnapshotFileError::Model {
        board: header.board.clone(),
        drydock: header.drydock.clone(),
        reason,
    };
    saved.read_state(state).map_err(|error| model(error.to_string()))?;
    // A state that decodes differently from the saved one must not be used.
    let hash = machine
        .snapshots()
        .map(|snapshots| snapshots.state_hash())
        .transpose()?;
    if hash != Some(header.state_hash) || machine.now().as_ps() != header.virtual_time_ps {
        return Err(model("its state has another hash".to_owned()));
    }
    Ok(machine)
}

/// The header and the state of an intact file.
fn split(file: &[u8]) -> Result<(Header, &[u8]), SnapshotFileError> {
    if !file.starts_with(&MAGIC) {
        return Err(SnapshotFileError::NotASnapshot);
    }
    let (fixed, rest) = file.split_at_checked(FIXED_BYTES).ok_or(SnapshotFileError::Damaged)?;
    let version = u16::from_le_bytes([fixed[8], fixed[9]]);
    if version != VERSION {
        return Err(SnapshotFileError::Version { found: version });
    }
    let header_bytes = u32::from_le_bytes([fixed[10], fixed[11], fixed[12], fixed[13]]) as usize;
    let content = rest.len().checked_sub(DIGEST_BYTES).ok_or(SnapshotFileError::Damaged)?;
    if header_bytes > HEADER_BYTES_MAX || header_bytes > content {
        return Err(SnapshotFileError::Damaged);
    }
    let (body, digest) = file.split_at(FIXED_BYTES + content);
    if Sha256::digest(body).as_slice() != digest {
        return Err(SnapshotFileError::Damaged);
    }
    let header = Header::parse(&rest[..header_bytes]).ok_or(SnapshotFileError::Damaged)?;
    Ok((header, &rest[header_bytes..content]))
}
