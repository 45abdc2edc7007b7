//! The program that a board keeps, in a folder of its own: the file, and the flash that the program left. Another program
//! gets another folder, so that a kill at any instant leaves the board with the one that its record names.

use super::program::{self, OwnFirmware};
use crate::{
    api::{FirmwareFile, FirmwareView, Unmodelled},
    data_dir::replace,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_hardware::image::Format;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder in a board's folder that has a folder for each program.
const OWN: &str = "own";

/// A board's own firmware as its record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirmwareRecord {
    /// Name of the folder that has it; empty before it is kept.
    pub(crate) id: String,
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
    /// The line on which it logs with defmt, if the user said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) defmt: Option<String>,
    /// What it gets where the engine has no model.
    #[serde(default)]
    pub(crate) unmodelled: Unmodelled,
    /// Its command line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) arguments: String,
    /// Whether it has spoken Drydock's link. The board then enrolls with it, and has its own identity and apps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) links: bool,
}

impl FirmwareRecord {
    /// Name of the file.
    pub(crate) fn name(&self) -> String {
        name_of(&self.path)
    }

    /// The view for a board whose terminal has this path.
    pub(crate) fn view(&self, terminal: String) -> FirmwareView {
        FirmwareView {
            name: self.name(),
            terminal,
            file: FirmwareFile {
                path: self.path.clone(),
                address: self.address,
                defmt: self.defmt.clone(),
                unmodelled: self.unmodelled,
                arguments: self.arguments.clone(),
            },
            format: self.format.clone(),
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            start: self.start.clone(),
            links: self.links,
        }
    }

    /// Whether a debugger can read its symbols.
    pub(crate) fn is_elf(&self) -> bool {
        self.format == Format::Elf.to_string()
    }

    /// Where a board keeps this program's flash. It is apart from that of Drydock's firmware, which has the board's identity.
    pub(crate) fn folder(&self, board: &Path) -> PathBuf {
        board.join(OWN).join(&self.id)
    }

    /// Where a board keeps this program.
    pub(crate) fn file(&self, board: &Path) -> PathBuf {
        self.folder(board).join("firmware")
    }
}

/// Name of a file.
pub(super) fn name_of(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Reads the program that a board keeps. Blocks.
///
/// # Errors
/// A sentence without its end: it is not there any more, or is another one.
pub(crate) fn read(record: &FirmwareRecord, board: &Description, folder: &Path) -> Result<OwnFirmware, String> {
    let kept = record.file(folder);
    let file = program::read_file(&kept).map_err(|error| format!("{} cannot be read: {error}", kept.display()))?;
    let mut firmware = program::parse(file, &record.path, record.address, board).map_err(|error| error.message)?;
    if firmware.record.sha256 != record.sha256 {
        return Err(format!(
            "{} is not what was loaded from {} any more; give the board its firmware again",
            kept.display(),
            record.path
        ));
    }
    firmware.record = record.clone();
    Ok(firmware)
}

/// The program of the user's own that a board runs; `None` if it runs Drydock's firmware.
///
/// # Errors
/// As for [`read`].
pub(crate) async fn of(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Option<OwnFirmware>, String> {
    let Some(record) = record_of(board) else {
        return Ok(None);
    };
    let (description, folder) = (board.description().clone(), workbench.dir.board(&board.id));
    let reading = tokio::task::spawn_blocking(move || read(&record, &description, &folder));
    reading.await.unwrap_or_else(|error| Err(error.to_string())).map(Some)
}

/// The record of the program of the user's own that a board runs.
pub(crate) fn record_of(board: &FleetBoard) -> Option<FirmwareRecord> {
    board.state().record.emulated()?.firmware.clone()
}

/// Keeps a program for a board, beside the one before it. It begins on a chip that was erased. Blocks.
pub(super) fn keep(firmware: OwnFirmware, board: &Path) -> io::Result<FirmwareRecord> {
    let id = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let record = FirmwareRecord {
        id: format!("{id:016x}"),
        ..firmware.record
    };
    fs::create_dir_all(record.folder(board))?;
    replace(&record.file(board), &firmware.file)?;
    Ok(record)
}

/// Removes all programs of a board but the one that its record names. Blocks.
pub(super) fn forget_others(record: Option<&FirmwareRecord>, board: &Path) -> io::Result<()> {
    let programs = match fs::read_dir(board.join(OWN)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        programs => programs?,
    };
    for program in programs {
        let path = program?.path();
        if record.is_none_or(|record| path != record.folder(board)) {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// Gives a new board the program of another one. Blocks.
pub(crate) fn copy(record: &FirmwareRecord, from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(record.folder(to))?;
    replace(&record.file(to), &fs::read(record.file(from))?)
}
