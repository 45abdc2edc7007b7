//! Writing flash by a debug probe: not there yet.

use super::{FlashError, Flasher};

/// Opens the way to the board's flash.
///
/// # Errors
/// Always, for now.
pub fn open(_probes: &crate::probe::Probes, _id: &str, _board: &drydock_assets::Board) -> Result<Box<dyn Flasher>, FlashError> {
    let method = "a debug probe";
    let what = "write flash yet";
    Err(FlashError::Unsupported { method, what })
}
