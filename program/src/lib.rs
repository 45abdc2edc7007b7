//! Firmware files of users as programs of emulated boards: read, laid out, and checked. The workbench's boards and the test
//! bench share it, so that a file starts in both at the same place or is refused in both with the same sentence.
//!
//! It keeps nothing on disk and runs nothing; it opens a machine only to ask which memory it has. Of a machine that stands
//! still it takes what a backtrace needs.

mod settings;
mod stopped;

use drydock_assets::{Board, Core};
use drydock_emulator::{Engine, Image, Seed, Segment};
use drydock_hardware::{
    flash::Segment as PlacedBytes,
    image::{ImageError, check_start, unchecked_segments},
};
use sha2::{Digest, Sha256};
use std::{io, path::Path};

pub use drydock_hardware::image::Format;
pub use stopped::Stopped;

/// Longest file, in bytes: symbols and debug information of a large program included.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// A file as a program for a board.
#[derive(Debug, Clone)]
pub struct Program {
    /// What the machine loads.
    pub image: Image,
    /// The board's description, with the address at which this program starts.
    pub board: Board,
    /// Format of the file.
    pub format: Format,
    /// Where a file without addresses was laid: the address that was given, or where its reset vector fits.
    pub address: Option<u32>,
    /// Where it starts, in a sentence; in another one, what the file sets up of the chip (UICR, option bytes).
    pub start: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The file.
    pub file: Vec<u8>,
}

/// A file is no program for a board. The text is a clause that can follow a colon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoProgram(String);

impl NoProgram {
    fn new(why: impl ToString) -> Self {
        Self(why.to_string().trim_end_matches('.').to_owned())
    }
}

/// Reads a firmware file. Blocks.
///
/// # Errors
/// It cannot be read, is no file, or is longer than [`MAX_FILE_BYTES`].
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "it has {} bytes; {MAX_FILE_BYTES} at most are read",
            metadata.len()
        )));
    }
    std::fs::read(path)
}

impl Program {
    /// Lays a file out for a board. `address` is where a file without addresses belongs.
    ///
    /// # Errors
    /// [`NoProgram`]: the file is damaged, for another chip, or has nothing for the board's flash.
    pub fn parse(file: Vec<u8>, address: Option<u32>, board: &Board) -> Result<Self, NoProgram> {
        let format = Format::of(&file, board);
        let address = address.or_else(|| (format == Format::Binary).then(|| linked_at(&file, board)).flatten());
        let parts = unchecked_segments(&file, board, address).map_err(NoProgram::new)?;
        let image = match format {
            // The engine lays an ELF file out as the chip's tools do, and the symbols are its.
            Format::Elf => Image::from_elf(&file).map_err(NoProgram::new)?,
            _ => Image::new(
                parts
                    .iter()
                    .map(|part| Segment {
                        addr: part.address,
                        bytes: part.bytes.clone(),
                    })
                    .collect(),
                Vec::new(),
            ),
        };
        let flash = board.chip.flash.base..board.chip.flash.base.saturating_add(board.chip.flash.bytes);
        let lowest = parts
            .iter()
            .map(|part| part.address)
            .filter(|address| flash.contains(address))
            .min();
        let Some(lowest) = lowest else {
            let text = format!("it has nothing for the flash of {}", board.chip.title);
            return Err(NoProgram::new(text));
        };
        let mut board = board.clone();
        let usual = board.boot;
        board.boot = started_at(&parts, &board, lowest, format).map_err(NoProgram::new)?;
        let mut start = match board.boot {
            _ if format == Format::EspFlash => {
                "Drydock's bootloader starts the app that the file's partition table selects.".into()
            }
            boot if boot == usual => format!("It starts at {boot:#x}, as programs on this board do."),
            boot if board.chip.core == Core::Rv32imac => format!("It starts at {boot:#x}."),
            boot if boot == flash.start => {
                format!("It starts at {boot:#x}, the beginning of flash; Drydock's firmware starts at {usual:#x}.")
            }
            boot => format!(
                "It starts at {boot:#x}, behind a bootloader or SoftDevice that is not in the file: calls to it fail."
            ),
        };
        let settings = settings::in_words(&parts, &board.chip.name, board.boot);
        if !settings.is_empty() {
            start += &format!(" Settings of the chip in the file: {}.", settings.join("; "));
        }
        let digest = Sha256::digest(&file);
        Ok(Self {
            image,
            board,
            format,
            address,
            start,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            file,
        })
    }

    /// Checks that an engine's machine of the board has memory for the program. Blocks.
    ///
    /// # Errors
    /// [`NoProgram`]: it has not, or the engine cannot open the board.
    pub fn check(&self, engine: &dyn Engine) -> Result<(), NoProgram> {
        let mut machine = engine.open(&self.board, Seed([0; 32])).map_err(NoProgram::new)?;
        machine.load(&self.image).map_err(NoProgram::new)
    }
}

/// Where a program starts: at the beginning of flash if it covers that, as the chip does; otherwise where programs of this
/// board start, or at its first byte. A Cortex-M has a vector table there.
fn started_at(parts: &[PlacedBytes], board: &Board, lowest: u32, format: Format) -> Result<u32, ImageError> {
    let usual = board.boot;
    let is_in = |address: &u32| {
        let range = |part: &PlacedBytes| part.address..part.address.saturating_add(part.bytes.len() as u32);
        parts.iter().any(|part| range(part).contains(address))
    };
    let starts = |boot: u32| {
        let board = Board { boot, ..board.clone() };
        check_start(parts, &board, format).map(|()| boot)
    };
    // Espressif's bootloader is at the beginning, and is not what is started here.
    let first = (board.chip.vendor != "Espressif").then_some(board.chip.flash.base);
    let mut places = first.into_iter().chain([usual]).filter(is_in).chain([lowest]);
    let mut refused = None;
    let found = places.find_map(|place| starts(place).map_err(|error| refused.get_or_insert(error).clone()).ok());
    match (found, refused) {
        (Some(place), _) => Ok(place),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(usual),
    }
}

/// Where a Cortex-M program without addresses was linked to: its vectors lie in it there. Programs for a board with a bootloader
/// lie behind that or in its place; a long one has its reset vector in both, and a short one may have no other vector.
fn linked_at(file: &[u8], board: &Board) -> Option<u32> {
    if board.chip.core != Core::CortexM4f {
        return None;
    }
    // Those of the core (Armv7-M B1.5.2): the reset vector is the first.
    let vectors = file.get(4..64).or(file.get(4..8))?.chunks_exact(4);
    let vectors: Vec<u64> = vectors
        .filter_map(|bytes| Some(u32::from_le_bytes(*bytes.first_chunk()?).into()))
        .filter(|vector| *vector != 0)
        .collect();
    let fits = |vectors: &[u64]| {
        let is_in = |start: &u32| {
            let range = u64::from(*start)..u64::from(*start) + file.len() as u64;
            !vectors.is_empty() && vectors.iter().all(|vector| range.contains(vector))
        };
        [board.boot, board.chip.flash.base].into_iter().find(is_in)
    };
    fits(&vectors).or_else(|| fits(vectors.get(..1)?))
}

#[cfg(test)]
mod tests;
