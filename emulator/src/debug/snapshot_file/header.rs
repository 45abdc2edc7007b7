//! The header of a snapshot file: the engine, board, image and state to which it belongs.

use drydock_assets::Board;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{MAGIC, SnapshotFileError, VERSION};
use crate::machine::Image;
use crate::machine::Seed;
use crate::machine::VirtualTime;

/// The header of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Name of the engine.
    pub engine: String,
    /// Version of the Drydock that wrote it.
    pub drydock: String,
    /// Name of the board.
    pub board: String,
    /// Name of the chip.
    pub chip: String,
    /// SHA-256 of the image, see [`image_digest`].
    pub image: [u8; 32],
    /// The machine's seed.
    pub seed: [u8; 32],
    /// Virtual time since power-on, in picoseconds.
    pub virtual_time_ps: u64,
    /// Instructions since power-on.
    pub instructions: u64,
    /// The engine's hash of the state.
    pub state_hash: u64,
}

impl Header {
    /// The machine's seed.
    pub fn seed(&self) -> Seed {
        Seed(self.seed)
    }

    /// Virtual time since power-on.
    pub fn virtual_time(&self) -> VirtualTime {
        VirtualTime::from_ps(self.virtual_time_ps)
    }

    /// Checks that it belongs to this engine, board and image.
    ///
    /// # Errors
    /// [`SnapshotFileError`], for the first difference.
    pub fn check(&self, engine: &'static str, board: &Board, image: &Image) -> Result<(), SnapshotFileError> {
        if self.engine != engine {
            return Err(SnapshotFileError::Engine {
                found: self.engine.clone(),
                wanted: engine,
            });
        }
        if self.board != board.name {
            return Err(SnapshotFileError::Board {
                found: self.board.clone(),
                wanted: board.name.clone(),
            });
        }
        if self.image != image_digest(image) {
            return Err(SnapshotFileError::Image {
                board: self.board.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(header)
    }

    /// The whole file.
    pub(super) fn with_state(&self, state: &[u8]) -> Vec<u8> {
        let header = postcard::to_allocvec(self).expect("a struct of strings and numbers has a serialised form");
        let mut file = Vec::with_capacity(state.len() + 512);
        file.extend(MAGIC);
        file.extend(VERSION.to_le_bytes());
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header);
        file.extend(state);
        let digest = Sha256::digest(&file);
        file.extend(digest);
        file
    }
}

/// SHA-256 over the segments of an image: address and length of each as 32 bits little-endian, then its bytes.
pub fn image_digest(image: &Image) -> [u8; 32] {
    let mut digest = Sha256::new();
    for segment in &image.segments {
        digest.update(segment.addr.to_le_bytes());
        digest.update((segment.bytes.len() as u32).to_le_bytes());
        digest.update(&segment.bytes);
    }
    digest.finalize().into()
}
