//! Writing flash by the ESP serial bootloader: not there yet.

use super::{FlashError, Flasher};

/// Bits per second.
pub const BAUD: u32 = 115_200;

/// Opens the way to the board's flash.
///
/// # Errors
/// Always, for now.
pub fn open(_line: crate::port::BlockingLine, _board: &drydock_assets::Board) -> Result<Box<dyn Flasher>, FlashError> {
    let method = "the ESP serial bootloader";
    let what = "write flash yet";
    Err(FlashError::Unsupported { method, what })
}
