//! A file as a program for a board of the fleet: `drydock-program`'s work, with the record that the board keeps.

use super::kept::FirmwareRecord;
use crate::{
    api::{ApiError, ErrorCode, FirmwareFile, Unmodelled},
    board_terminals,
    engines::engine,
    errors::usage,
};
use drydock_assets::Board as Description;
use drydock_defmt::NotUsable;
use drydock_emulator::{Engine, Image, Seed, UnmodelledAnswer};
use drydock_program::{NoProgram, Program};
use std::path::Path;

pub(super) use drydock_program::read_file;

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
    pub(crate) fn defmt(&self) -> Result<drydock_defmt::Program, NotUsable> {
        drydock_defmt::Program::read(&self.file)
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
        arguments,
    } = request;
    let program = Program::parse(file.to_vec(), *address, board).map_err(|why| refused(path, &why))?;
    // The engine knows which memory its machines have.
    let engine = engine(engine_name, &program.board)?;
    program.check(&*engine).map_err(|why| refused(path, &why))?;
    if *unmodelled != Unmodelled::Fault && !takes(&*engine, &program.board, answer(*unmodelled)) {
        let text = format!("The engine {engine_name} has one answer to what it does not model.");
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    if !arguments.is_empty() && !takes_arguments(&*engine, &program.board) {
        let text = format!("The engine {engine_name} gives programs no command line.");
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let mut firmware = own(program, path, *address);
    firmware.record.unmodelled = *unmodelled;
    firmware.record.arguments.clone_from(arguments);
    if let Some(line) = defmt {
        let line = board_terminals::canonical(line, board);
        if !board_terminals::is_line(&line, board) {
            return Err(usage(board_terminals::no_line(&board.title, &line)));
        }
        firmware
            .defmt()
            .map_err(|error| usage(format!("{path} cannot be used to decode defmt: {error}.")))?;
        firmware.record.defmt = Some(line);
    }
    Ok(firmware)
}

fn takes(engine: &dyn Engine, board: &Description, answer: UnmodelledAnswer) -> bool {
    let machine = engine.open(board, Seed([0; 32]));
    machine.is_ok_and(|mut machine| machine.answer_unmodelled(answer))
}

fn takes_arguments(engine: &dyn Engine, board: &Description) -> bool {
    let machine = engine.open(board, Seed([0; 32]));
    machine.is_ok_and(|mut machine| machine.set_command_line(""))
}

/// Lays a file out for a board.
///
/// # Errors
/// As for [`check`].
pub(super) fn parse(
    file: Vec<u8>,
    path: &str,
    address: Option<u32>,
    board: &Description,
) -> Result<OwnFirmware, ApiError> {
    let program = Program::parse(file, address, board).map_err(|why| refused(path, &why))?;
    Ok(own(program, path, address))
}

fn refused(path: &str, why: &NoProgram) -> ApiError {
    ApiError::new(
        ErrorCode::Refused,
        format!("{path} is no firmware for this board: {why}."),
    )
}

/// `address` is what the user said, so that another build is laid out anew.
fn own(program: Program, path: &str, address: Option<u32>) -> OwnFirmware {
    OwnFirmware {
        record: FirmwareRecord {
            id: String::new(),
            path: path.to_owned(),
            address,
            format: program.format.to_string(),
            sha256: program.sha256,
            bytes: u32::try_from(program.image.bytes()).unwrap_or(u32::MAX),
            start: program.start,
            defmt: None,
            unmodelled: Unmodelled::default(),
            arguments: String::new(),
            links: false,
        },
        image: program.image,
        board: program.board,
        file: program.file,
    }
}
