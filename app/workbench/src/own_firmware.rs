//! Programs of the user's own on emulated boards: read and checked for a board, and kept in the board's folder.

use crate::{
    api::{ApiError, ErrorCode, FirmwareFile, FirmwareView},
    data_dir::replace,
    engines::engine,
    errors::usage,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, Core};
use drydock_emulator::{Image, Seed, Segment};
use drydock_hardware::image::{Format, segments};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Longest file, in bytes: symbols and debug information of a large program included.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// The folder in a board's folder that has the program, and the flash that it left.
const OWN: &str = "own";

/// A board's own firmware as its record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirmwareRecord {
    /// The file that the user named. It is read again only when the user asks for it.
    pub(crate) path: String,
    /// Where a file without addresses belongs, if the user said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<u32>,
    /// Format of the file, for people.
    pub(crate) format: String,
    /// SHA-256 of the file, hexadecimal.
    pub(crate) sha256: String,
    /// Bytes that it loads.
    pub(crate) bytes: u32,
    /// Where it starts, in a sentence.
    pub(crate) start: String,
}

impl FirmwareRecord {
    /// Name of the file.
    pub(crate) fn name(&self) -> String {
        let name = Path::new(&self.path).file_name();
        name.map_or_else(|| self.path.clone(), |name| name.to_string_lossy().into_owned())
    }

    /// The view for a board whose terminal has this path.
    pub(crate) fn view(&self, terminal: String) -> FirmwareView {
        FirmwareView {
            name: self.name(),
            terminal,
            path: self.path.clone(),
            format: self.format.clone(),
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            start: self.start.clone(),
        }
    }
}

/// A program that was read for a board.
#[derive(Debug)]
pub(crate) struct OwnFirmware {
    pub(crate) record: FirmwareRecord,
    pub(crate) image: Image,
    /// The board's description, with the address at which this program starts.
    pub(crate) board: Description,
    file: Vec<u8>,
}

/// Reads a file for a board and an engine. Blocks.
///
/// # Errors
/// A sentence that names the file: it cannot be read, or is no program for this board.
pub(crate) fn read(request: &FirmwareFile, board: &Description, engine_name: &str) -> Result<OwnFirmware, ApiError> {
    let FirmwareFile { path, address } = request;
    if !Path::new(path).is_absolute() {
        return Err(usage(format!("Give the absolute path of {path}.")));
    }
    let file = read_file(Path::new(path)).map_err(|error| usage(format!("{path} cannot be read: {error}.")))?;
    let firmware = parse(file, path, *address, board)?;
    // The engine knows which memory its machines have.
    let mut machine = engine(engine_name, &firmware.board)?
        .open(&firmware.board, Seed([0; 32]))
        .map_err(|error| refused(path, &error.to_string()))?;
    machine
        .load(&firmware.image)
        .map_err(|error| refused(path, &error.to_string()))?;
    Ok(firmware)
}

/// Reads a board's kept program. Blocks.
pub(crate) fn read_kept(record: &FirmwareRecord, board: &Description, folder: &Path) -> Result<OwnFirmware, String> {
    let kept = kept(folder);
    let file = read_file(&kept).map_err(|error| format!("{} cannot be read: {error}", kept.display()))?;
    let firmware = parse(file, &record.path, record.address, board).map_err(|error| error.message)?;
    if firmware.record.sha256 != record.sha256 {
        let kept = kept.display();
        return Err(format!(
            "{kept} is not what was loaded from {} any more; give the board its firmware again",
            record.path
        ));
    }
    Ok(firmware)
}

/// The program of the user's own that a board runs; `None` if it runs Drydock's firmware. Blocks.
pub(crate) fn of(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Option<OwnFirmware>, String> {
    let record = board
        .state()
        .record
        .emulated()
        .and_then(|emulated| emulated.firmware.clone());
    record
        .map(|record| read_kept(&record, &board.description, &workbench.dir.board(&board.id)))
        .transpose()
}

/// Gives another board the same program. Blocks.
pub(crate) fn copy(workbench: &WorkbenchState, from: &FleetBoard, to: &str) -> io::Result<()> {
    let folder = workbench.dir.board(to);
    std::fs::create_dir_all(own_folder(&folder))?;
    replace(&kept(&folder), &std::fs::read(kept(&workbench.dir.board(&from.id)))?)
}

/// Keeps a program for a board. Blocks.
pub(crate) fn keep(firmware: &OwnFirmware, folder: &Path) -> io::Result<()> {
    let own = own_folder(folder);
    // It begins on a chip that was erased.
    match std::fs::remove_dir_all(&own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => std::fs::create_dir_all(&own)?,
    }
    replace(&kept(folder), &firmware.file)
}

/// Where a board's flash is kept while it runs a program of the user's own. It is apart from that of Drydock's firmware,
/// which has the board's identity.
pub(crate) fn own_folder(folder: &Path) -> PathBuf {
    folder.join(OWN)
}

/// Where a board's program is kept; a debugger reads its symbols there.
pub(crate) fn kept(folder: &Path) -> PathBuf {
    own_folder(folder).join("firmware")
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
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

fn parse(file: Vec<u8>, path: &str, address: Option<u32>, board: &Description) -> Result<OwnFirmware, ApiError> {
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
            path: path.to_owned(),
            address,
            format: format.to_string(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes: u32::try_from(image.bytes()).unwrap_or(u32::MAX),
            start,
        },
        image,
        board,
        file,
    })
}
