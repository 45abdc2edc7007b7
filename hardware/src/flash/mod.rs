//! Writing flash: one interface for all methods, and the operations over it.
//!
//! A [`Flasher`] is one open way to the flash of one chip: a debug probe, a ROM's or a bootloader's protocol. [`program`]
//! writes an image over it in chunks and checks before each chunk that the board is still the one it is bound to.

pub mod by_probe;
pub mod dfu;
pub mod esp;
mod postponed;
mod program;
pub mod sam_ba;
mod way;

pub use program::{Control, Erase, Plan, Report, Step, program};
pub use way::{Gone, Place, open, plan};

use crate::binding::{ChipId, WrongBoard};
use std::ops::Range;

/// Largest piece that is written between two checks of the board's identity, in bytes.
pub const CHUNK_BYTES: u32 = 16 * 1024;

/// Bytes at an address of the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub address: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One open way to the flash of one chip. Calls block.
pub trait Flasher: Send {
    /// Name of the method for people, for example `debug probe` or `ESP serial bootloader`.
    fn method(&self) -> &'static str;

    /// Reads the id of the chip that is connected now. It is called before each chunk, so it must ask the chip and not a
    /// memory of it.
    ///
    /// # Errors
    /// [`FlashError`].
    fn chip(&mut self) -> Result<ChipId, FlashError>;

    /// Whether [`Flasher::chip`] tells the id that the firmware reports. Where it does not, it tells another number that
    /// belongs to one board only, and the board cannot be provisioned this way.
    fn tells_chip_id(&self) -> bool {
        true
    }

    /// Whether the chip's flash is protected against reading. A locked chip can only be erased as a whole.
    ///
    /// # Errors
    /// [`FlashError`].
    fn is_locked(&mut self) -> Result<bool, FlashError> {
        Ok(false)
    }

    /// The smallest piece of flash that can be erased at an address, as a range of addresses.
    fn erase_unit(&self, address: u32) -> Range<u32>;

    /// Erases whole erase units.
    ///
    /// # Errors
    /// [`FlashError`].
    fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError>;

    /// Erases the whole chip, and with it a read protection.
    ///
    /// # Errors
    /// [`FlashError`]; [`FlashError::Unsupported`] if the method cannot.
    fn erase_all(&mut self) -> Result<(), FlashError>;

    /// Whether flash at an address can be read and erased this way. A chip may have more than one flash.
    fn reaches(&self, address: u32) -> bool {
        let _ = address;
        true
    }

    /// Whether it can write the area in front of the firmware, where a bootloader is or could be.
    fn writes_boot_area(&self) -> bool {
        false
    }

    /// Writes erased flash: at most [`CHUNK_BYTES`], within one erase unit or over several.
    ///
    /// # Errors
    /// [`FlashError`].
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError>;

    /// Reads flash.
    ///
    /// # Errors
    /// [`FlashError`]; [`FlashError::Unsupported`] if the method cannot read.
    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError>;

    /// Whether flash holds these bytes. Methods that cannot read compare a checksum.
    ///
    /// # Errors
    /// [`FlashError`].
    fn holds(&mut self, address: u32, bytes: &[u8]) -> Result<bool, FlashError> {
        let mut found = vec![0; bytes.len()];
        self.read(address, &mut found)?;
        Ok(found == bytes)
    }

    /// Whether [`Flasher::start`] can reset the chip; otherwise a person does it.
    fn can_start(&self) -> bool {
        true
    }

    /// Resets the chip so that it starts what is in its flash, and ends the connection.
    ///
    /// # Errors
    /// [`FlashError`].
    fn start(&mut self) -> Result<(), FlashError>;
}

/// Why flash was not written, erased or read.
#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    /// Another board is connected; nothing was written to it.
    #[error(transparent)]
    WrongBoard(#[from] WrongBoard),
    /// The chip is locked.
    #[error("the chip is locked against reading; it can be unlocked only by erasing everything on it")]
    Locked,
    /// The board does not answer: no power, cable out, or it is not in its bootloader.
    #[error("the board does not answer: {0}")]
    NoAnswer(String),
    /// The connection ended while something was under way.
    #[error("the connection to the board broke off: {0}")]
    Lost(String),
    /// The board answered something else than its protocol says.
    #[error("the board's answer cannot be understood: {0}")]
    Garbled(String),
    /// The board refused a command.
    #[error("the board refused: {0}")]
    Refused(String),
    /// The image has bytes where the chip has no flash, or where it must not be written.
    #[error("{0}")]
    Image(String),
    /// What was read back is not what was written.
    #[error("flash at {address:#010x} does not hold what was written")]
    Verify {
        /// First address of the chunk that differs.
        address: u32,
    },
    /// This method cannot do this.
    #[error("{method} cannot {what}")]
    Unsupported {
        /// The method.
        method: &'static str,
        /// What it cannot do.
        what: &'static str,
    },
    /// The user cancelled.
    #[error("cancelled")]
    Cancelled,
}
