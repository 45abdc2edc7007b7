//! Firmware files as segments of bytes at addresses. The format is found by a file's content; its name does not matter.

mod elf;
mod hex;
mod srec;
mod start;
mod uf2;

use crate::flash::{FlashError, Segment, esp};
use drydock_assets::Board;
use std::fmt;

/// Format of a firmware file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An ELF file.
    Elf,
    /// Intel HEX.
    IntelHex,
    /// Motorola S-records.
    Srec,
    /// UF2, Microsoft's USB Flashing Format.
    Uf2,
    /// An app image for Espressif chips.
    EspApp,
    /// The flash of an Espressif chip from its beginning on: bootloader, partition table and apps.
    EspFlash,
    /// Bytes without addresses.
    Binary,
}

impl Format {
    /// The format of a file for a board, by its first bytes.
    pub fn of(file: &[u8], board: &Board) -> Self {
        if file.starts_with(b"\x7fELF") {
            Self::Elf
        } else if uf2::is_uf2(file) {
            Self::Uf2
        } else if hex::is_hex(file) {
            Self::IntelHex
        } else if srec::is_srec(file) {
            Self::Srec
        } else if is_for_esp(board) && esp::is_flash_image(file) {
            Self::EspFlash
        } else if is_for_esp(board) && file.first() == Some(&esp::APP_MAGIC) {
            Self::EspApp
        } else {
            Self::Binary
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF file",
            Self::IntelHex => "Intel HEX file",
            Self::Srec => "S-record file",
            Self::Uf2 => "UF2 file",
            Self::EspApp => "app image",
            Self::EspFlash => "flash image",
            Self::Binary => "binary file",
        })
    }
}

/// Why a file is no firmware for a board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It has no bytes to write.
    #[error("The {0} has no bytes for the board's flash.")]
    Empty(Format),
    /// It ends too early.
    #[error("The {0} is cut short; copy it again.")]
    Truncated(Format),
    /// It is not what its first bytes say.
    #[error("The {format} is damaged: {what}.")]
    Damaged {
        /// Its format.
        format: Format,
        /// The first thing that is wrong.
        what: String,
    },
    /// It is for another processor.
    #[error("The {format} is for {found}, and {chip} has {expected}.")]
    Architecture {
        /// Its format.
        format: Format,
        /// What it is for.
        found: String,
        /// The board's chip.
        chip: String,
        /// The chip's core.
        expected: &'static str,
    },
    /// It is for another chip.
    #[error("The UF2 file is for another chip: its family is {found:#010x}, and {chip} is {expected}.")]
    Family {
        /// Family in the file.
        found: u32,
        /// The board's chip.
        chip: String,
        /// Its family, in hexadecimal, or words that say that it has none.
        expected: String,
    },
    /// It says twice what an address holds.
    #[error("The {format} has two parts for address {address:#x}.")]
    Overlap {
        /// Its format.
        format: Format,
        /// First address that is in two parts.
        address: u32,
    },
    /// It leaves the address space.
    #[error("The {format} has bytes behind the last address, from {address:#x} on.")]
    Range {
        /// Its format.
        format: Format,
        /// Address of the part.
        address: u64,
    },
    /// It does not begin as programs for this chip do.
    #[error("The {format} does not begin as programs for {chip} do: {what}.")]
    Start {
        /// Its format.
        format: Format,
        /// The board's chip.
        chip: String,
        /// What is wrong with its beginning.
        what: String,
    },
    /// Bytes without addresses for a board that needs more.
    #[error("A file for {chip} is an ELF file or an app image; this is neither.")]
    NoApp {
        /// The board's chip.
        chip: String,
    },
    /// It cannot be laid out for the chip.
    #[error("{0}")]
    Layout(String),
}

impl From<ImageError> for FlashError {
    fn from(error: ImageError) -> Self {
        Self::Image(error.to_string())
    }
}

/// What a firmware file has for a board's flash: segments in the order of their addresses, without gaps of no bytes and
/// without overlaps. A file without addresses begins where the board starts, or at `address`.
///
/// For Espressif boards bootloader and partition table are added.
///
/// # Errors
/// [`ImageError`].
pub fn segments(file: &[u8], board: &Board, address: Option<u32>) -> Result<Vec<Segment>, ImageError> {
    let segments = unchecked_segments(file, board, address)?;
    check_start(&segments, board, Format::of(file, board))?;
    Ok(segments)
}

/// Checks the beginning of a program that covers the address where the board starts: a Cortex-M has its vector table there.
///
/// # Errors
/// [`ImageError::Start`], [`ImageError::Truncated`].
pub fn check_start(segments: &[Segment], board: &Board, format: Format) -> Result<(), ImageError> {
    // The layout of app images was checked when they were read.
    if is_for_esp(board) {
        return Ok(());
    }
    start::check(segments, board, format)
}

/// As [`segments`], without a look at how the program begins: for a file that may start elsewhere than the board does.
///
/// # Errors
/// [`ImageError`].
pub fn unchecked_segments(file: &[u8], board: &Board, address: Option<u32>) -> Result<Vec<Segment>, ImageError> {
    let format = Format::of(file, board);
    if format == Format::EspFlash && address.is_none() {
        return esp::flash_image(file, board).map_err(|error| ImageError::Layout(error.to_string()));
    }
    if is_for_esp(board) && matches!(format, Format::Elf | Format::EspApp) {
        if format == Format::Elf {
            elf::check(file, board)?;
        }
        return esp::segments(file, board).map_err(|error| ImageError::Layout(error.to_string()));
    }
    let parts = match format {
        Format::Elf => elf::segments(file, board)?,
        Format::IntelHex => hex::segments(file)?,
        Format::Srec => srec::segments(file)?,
        Format::Uf2 => uf2::segments(file, board)?,
        Format::EspApp | Format::Binary if is_for_esp(board) && address.is_none() => {
            let chip = board.chip.title.clone();
            return Err(ImageError::NoApp { chip });
        }
        Format::EspApp | Format::EspFlash | Format::Binary => vec![Segment {
            address: address.unwrap_or(board.boot),
            bytes: file.to_vec(),
        }],
    };
    joined(parts, format)
}

/// By the chip: a user's board has no ways to write its flash.
fn is_for_esp(board: &Board) -> bool {
    board.chip.vendor == "Espressif"
}

/// Sorts parts, and joins those that touch.
fn joined(mut parts: Vec<Segment>, format: Format) -> Result<Vec<Segment>, ImageError> {
    parts.retain(|part| !part.bytes.is_empty());
    parts.sort_by_key(|part| part.address);
    let mut joined: Vec<Segment> = Vec::new();
    for part in parts {
        if u64::from(part.address) + part.bytes.len() as u64 > 1 << 32 {
            let address = part.address.into();
            return Err(ImageError::Range { format, address });
        }
        let Some(last) = joined.last_mut() else {
            joined.push(part);
            continue;
        };
        let end = u64::from(last.address) + last.bytes.len() as u64;
        match end.cmp(&part.address.into()) {
            std::cmp::Ordering::Greater => {
                let address = part.address;
                return Err(ImageError::Overlap { format, address });
            }
            std::cmp::Ordering::Equal => last.bytes.extend(part.bytes),
            std::cmp::Ordering::Less => joined.push(part),
        }
    }
    if joined.is_empty() {
        return Err(ImageError::Empty(format));
    }
    Ok(joined)
}

#[cfg(test)]
mod tests;
