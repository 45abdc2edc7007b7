//! A file as a program for a board: read, laid out, and checked.

use super::kept::FirmwareRecord;
use crate::{
    api::{ApiError, ErrorCode, FirmwareFile, Unmodelled},
    board_terminals,
    engines::engine,
    errors::usage,
};
use drydock_assets::{Board as Description, Core};
use drydock_defmt::{NotUsable, Program};
use drydock_emulator::{Image, Seed, Segment, UnmodelledAnswer};
use drydock_hardware::image::{Format, segments};
use sha2::{Digest, Sha256};
use std::{io, path::Path};

/// Longest file, in bytes: symbols and debug information of a large program included.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A program that was read for a board.
#[derive(Debug)]
pub(crate) struct OwnFirmware {
    pub(crate) record: FirmwareRecord,
    pub(crate) image: Image,
    /// The board's description, with the address at which this program starts.
    pub(crate) board: Description,
    pub(super) file: Vec<u8>,
}

impl OwnFirmware {
    /// The tables of a program that logs with defmt.
    ///
    /// # Errors
    /// It does not, or they are of no use.
    pub(crate) fn defmt(&self) -> Result<Program, NotUsable> {
        Program::read(&self.file)
    }
}

/// The answer as engines know it.
pub(crate) fn answer(unmodelled: Unmodelled) -> UnmodelledAnswer {
    match unmodelled {
        Unmodelled::Fault => UnmodelledAnswer::Fault,
        Unmodelled::Zero => UnmodelledAnswer::Zero,
    }
}

/// The bytes of a file that a user named. Blocks.
///
/// # Errors
/// A sentence that names the file.
pub(super) fn read(request: &FirmwareFile) -> Result<Vec<u8>, ApiError> {
    let path = &request.path;
    if !Path::new(path).is_absolute() {
        return Err(usage(format!("Give the absolute path of {path}.")));
    }
    read_file(Path::new(path)).map_err(|error| usage(format!("{path} cannot be read: {error}.")))
}

/// Checks a file for a board on an engine. Blocks.
///
/// # Errors
/// A sentence that names the file: why it is no program for this board.
pub(super) fn check(
    file: &[u8],
    request: &FirmwareFile,
    board: &Description,
    engine_name: &str,
) -> Result<OwnFirmware, ApiError> {
    let FirmwareFile {
        path,
        address,
        defmt,
        unmodelled,
    } = request;
    let mut firmware = parse(file.to_vec(), path, *address, board)?;
    firmware.record.unmodelled = *unmodelled;
    if let Some(line) = defmt {
        if !board_terminals::is_line(line, board) {
            return Err(usage(board_terminals::no_line(&board.title, line)));
        }
        firmware
            .defmt()
            .map_err(|error| usage(format!("{path} cannot be used to decode defmt: {error}.")))?;
        firmware.record.defmt = Some(line.clone());
    }
    let name = engine_name;
    // The engine knows which memory its machines have.
    let loaded = engine(engine_name, &firmware.board)?
        .open(&firmware.board, Seed([0; 32]))
        .map_err(|error| error.to_string())
        .and_then(|mut machine| {
            if *unmodelled != Unmodelled::Fault && !machine.answer_unmodelled(answer(*unmodelled)) {
                return Err(format!("the engine {name} has one answer to what it does not model"));
            }
            machine.load(&firmware.image).map_err(|error| error.to_string())
        });
    loaded.map_err(|error| refused(path, &error))?;
    Ok(firmware)
}

pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
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

fn refused(path: &str, why: &str) -> ApiError {
    let why = why.trim_end_matches('.');
    ApiError::new(
        ErrorCode::Refused,
        format!("{path} is no firmware for this board: {why}."),
    )
}

/// Where a Cortex-M program without addresses was linked to: its reset vector lies in it there. Programs for a board with a
/// bootloader lie behind that or in its place.
fn linked_at(file: &[u8], board: &Description) -> Option<u32> {
    if board.chip.core != Core::CortexM4f {
        return None;
    }
    let reset = u32::from_le_bytes(*file.get(4..)?.first_chunk()?);
    let is_in = |start: u32| (u64::from(start)..u64::from(start) + file.len() as u64).contains(&u64::from(reset));
    [board.boot, board.chip.flash.base]
        .into_iter()
        .find(|start| is_in(*start))
}

/// Lays a file out for a board.
pub(super) fn parse(
    file: Vec<u8>,
    path: &str,
    address: Option<u32>,
    board: &Description,
) -> Result<OwnFirmware, ApiError> {
    let format = Format::of(&file, board);
    let refuse = |error: drydock_hardware::image::ImageError| refused(path, &error.to_string());
    let address = address.or_else(|| (format == Format::Binary).then(|| linked_at(&file, board)).flatten());
    let parts = segments(&file, board, address).map_err(refuse)?;
    let is_in = |address: u32| {
        parts
            .iter()
            .any(|part| (part.address..part.address.saturating_add(part.bytes.len() as u32)).contains(&address))
    };
    let image = match format {
        // The engine lays an ELF file out as the chip's tools do, and the symbols are its.
        Format::Elf => Image::from_elf(&file).map_err(|error| refused(path, &error.to_string()))?,
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
        return Err(refused(path, &text));
    };
    let mut board = board.clone();
    let usual = board.boot;
    let start = match board.chip.core {
        _ if is_in(usual) => format!("It starts at {usual:#x}, as programs on this board do."),
        Core::CortexM4f => {
            board.boot = if is_in(flash.start) { flash.start } else { lowest };
            // The vector table is checked where the program starts.
            segments(&file, &board, address).map_err(refuse)?;
            match board.boot {
                boot if boot == flash.start => {
                    format!("It starts at {boot:#x}, the beginning of flash; Drydock's firmware starts at {usual:#x}.")
                }
                boot => format!(
                    "It starts at {boot:#x}, behind a bootloader or SoftDevice that is not in the file: calls to it fail."
                ),
            }
        }
        Core::Rv32imac => {
            board.boot = lowest;
            format!("It starts at {lowest:#x}.")
        }
    };
    let digest = Sha256::digest(&file);
    Ok(OwnFirmware {
        record: FirmwareRecord {
            id: String::new(),
            path: path.to_owned(),
            address,
            format: format.to_string(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes: u32::try_from(image.bytes()).unwrap_or(u32::MAX),
            start,
            defmt: None,
            unmodelled: Unmodelled::default(),
        },
        image,
        board,
        file,
    })
}
