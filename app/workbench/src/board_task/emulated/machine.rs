//! One machine that is switched on: opened, loaded, and given the flash that its board had.

use super::{
    flash::{FlashKeeper, all_flash, kept_areas},
    flash_file::{self, AreaContent},
};
use crate::{
    engines::{engine, runner_pace},
    firmware_images::FirmwareImages,
    fleet::{EmulatedRecord, FleetBoard, parse_seed},
    own_firmware::{self, FirmwareRecord, OwnFirmware},
    part_contents::{self, ContentsKeeper, file::Contents},
    parts,
};
use drydock_assets::{Board as Description, Button};
use drydock_defmt::Program;
use drydock_emulator::{
    Machine as EmulatedMachine, MachineSnapshot, PartTable, ResetKind,
    runner::{MachineEvent, MachineHandle, RunOptions, Runner, UartError, UartPort},
};
use drydock_gateway::Clock;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast;

/// Interval and number of attempts to open a UART that the task of an earlier link may still hold.
const LET_GO: Duration = Duration::from_millis(2);
const LET_GO_TRIES: u32 = 1_000;

/// A machine and its flash on disk.
pub(super) struct Machine {
    pub(super) handle: MachineHandle,
    pub(super) flash: Arc<FlashKeeper>,
    /// What its parts keep.
    pub(super) contents: Arc<ContentsKeeper>,
    /// How its program logs with defmt, if it is one of the user's own that does.
    pub(super) defmt: Option<Defmt>,
    /// Its program's ELF file, if it is one of the user's own that has one.
    pub(super) elf: Option<PathBuf>,
}

/// A program that logs with defmt.
#[derive(Clone)]
pub(super) struct Defmt {
    pub(super) program: Arc<Program>,
    /// The line that the user named.
    pub(super) line: Option<String>,
}

/// Why a machine does not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum PowerOnError {
    #[error("{0}")]
    Engine(String),
    #[error("the firmware of {board} cannot be loaded: {reason}")]
    Firmware { board: String, reason: String },
    #[error("the flash of {board} cannot be read from {}: {source}", path.display())]
    Flash {
        board: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error("what the parts of {board} keep cannot be read from {}: {source}", path.display())]
    Contents {
        board: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the link of {board} cannot be opened: {reason}")]
    Link { board: String, reason: String },
}

impl Machine {
    /// Opens a machine with the firmware and the flash of its board. It is paused until it is resumed.
    pub(super) async fn power_on(
        (runner, images): (&Runner, &FirmwareImages),
        (name, record): (&str, &EmulatedRecord),
        board: &Description,
        (folder, modules): (PathBuf, PathBuf),
    ) -> Result<(Self, broadcast::Receiver<MachineEvent>), PowerOnError> {
        let engine = engine(&record.engine, board).map_err(|error| PowerOnError::Engine(error.message))?;
        let firmware = |reason: String| PowerOnError::Firmware {
            board: name.to_owned(),
            reason,
        };
        let own = match &record.firmware {
            Some(own) => Some(read_own(own, board, &folder).await.map_err(firmware)?),
            None => None,
        };
        let image = match &own {
            Some(own) => Arc::new(own.image.clone()),
            None => images.of(board).map_err(firmware)?,
        };
        let defmt = own.as_ref().and_then(defmt);
        let elf = record.firmware.as_ref().filter(|own| own.is_elf());
        let elf = elf.map(|own| own.file(&folder));
        let board = own.as_ref().map_or(board, |own| &own.board);
        let board = &parts::wired(board, record, &modules).map_err(PowerOnError::Engine)?;
        let seed = parse_seed(&record.seed).ok_or_else(|| firmware("its seed cannot be read".into()))?;
        let mut machine = engine
            .open(board, seed)
            .map_err(|error| PowerOnError::Engine(error.to_string()))?;
        machine.load(&image).map_err(|error| firmware(error.to_string()))?;
        if let Some(own) = &own {
            // Firmware with a link logs over it.
            if !own.record.links {
                machine.collect_logs();
            }
            machine.answer_unmodelled(own_firmware::answer(own.record.unmodelled));
            machine.set_command_line(&own.record.arguments);
        }

        let board_folder = folder.clone();
        let contents = fill_parts(&mut *machine, name, &folder).await?;
        // A program of the user's own may have anything anywhere. One that speaks the link has the board's identity.
        let (areas, folder) = match &record.firmware {
            Some(own) if !own.links => (vec![all_flash(board)], own.folder(&folder)),
            _ => (kept_areas(board), folder),
        };
        let (read_folder, read_areas) = (folder.clone(), areas.clone());
        let read = tokio::task::spawn_blocking(move || flash_file::read(&read_folder, &read_areas));
        let content = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let content = content.map_err(|source| PowerOnError::Flash {
            board: name.to_owned(),
            path: folder.clone(),
            source,
        })?;
        for AreaContent { area, bytes } in &content {
            machine
                .write_memory(area.base, bytes)
                .map_err(|error| firmware(error.to_string()))?;
        }
        machine
            .reset(ResetKind::PowerOn)
            .map_err(|error| firmware(error.to_string()))?;

        if let (Some(table), Some(parts)) = (&record.part_table, machine.parts()) {
            let played = parts.play(Some(PartTable::clone(table)));
            played.map_err(|error| PowerOnError::Engine(error.to_string()))?;
        }
        let part_changes = part_contents::changes(&mut *machine);

        let options = RunOptions {
            name: name.to_owned(),
            pace: runner_pace(record.pace),
            paused: true,
        };
        let handle = runner.add(machine, options);
        // A board of the fleet is never replayed, and the recording of one that runs for days is large.
        handle.stop_input_log();
        let events = handle.events();
        let machine = Self {
            flash: FlashKeeper::new(handle.clone(), areas, folder, &content),
            contents: ContentsKeeper::new(handle.clone(), board_folder, contents, part_changes),
            handle,
            defmt,
            elf,
        };
        Ok((machine, events))
    }

    /// The machine's virtual time, for the timeouts of its link.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(MachineClock(self.handle.clone()))
    }

    /// Opens the UART of the link of a board that has just been switched on.
    pub(super) fn first_uart(&self, board: &FleetBoard) -> Result<UartPort, PowerOnError> {
        let uart = self.handle.uart(board.description().link.uart);
        uart.map_err(|error| PowerOnError::Link {
            board: board.name(),
            reason: error.to_string(),
        })
    }

    /// Opens the UART of the link again, once the task of the earlier link has closed it.
    pub(super) async fn uart(&self, board: &FleetBoard) -> Result<UartPort, String> {
        let mut tries = 0;
        loop {
            match self.handle.uart(board.description().link.uart) {
                Err(UartError::InUse { .. }) if tries < LET_GO_TRIES => tries += 1,
                uart => return uart.map_err(|error| error.to_string()),
            }
            tokio::time::sleep(LET_GO).await;
        }
    }

    /// Restores a state of a machine of this kind.
    pub(super) async fn go_to(&self, state: Arc<MachineSnapshot>) -> Result<(), String> {
        let restored = self.handle.restore(state).await;
        let restored = restored.map_err(|error| format!("{error}."))?;
        restored.map_err(|error| format!("The state cannot be restored: {error}."))
    }

    /// Holds or releases a button.
    pub(super) fn press(&self, button: &Button, pressed: bool) {
        let pressed_level = button.active.is(true);
        if button.resets {
            // The chip is held in reset while the button is down, and starts when it is released.
            if !pressed {
                self.handle.reset(ResetKind::Pin);
            }
            return;
        }
        self.handle.drive_pin(button.pin.0, pressed.then_some(pressed_level));
    }
}

/// Gives the parts of a machine what they keep.
async fn fill_parts(machine: &mut dyn EmulatedMachine, name: &str, folder: &Path) -> Result<Contents, PowerOnError> {
    let read_folder = folder.to_owned();
    let read = tokio::task::spawn_blocking(move || part_contents::file::read(&read_folder));
    let contents = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    let contents = contents.map_err(|source| PowerOnError::Contents {
        board: name.to_owned(),
        path: part_contents::file::path(folder),
        source,
    })?;
    if let Some(parts) = machine.parts() {
        for (part, content) in &contents {
            if let Err(error) = parts.load_content(part, content) {
                // Its kind has another part of this name now.
                tracing::warn!(%error, board = name, part, "what a part kept does not fit it any more");
            }
        }
    }
    Ok(contents)
}

/// How a program logs with defmt. What its tables lack was said when the board was given the program, if it was asked for.
fn defmt(own: &OwnFirmware) -> Option<Defmt> {
    let program = own.defmt().ok()?;
    Some(Defmt {
        program: Arc::new(program),
        line: own.record.defmt.clone(),
    })
}

async fn read_own(record: &FirmwareRecord, board: &Description, folder: &Path) -> Result<OwnFirmware, String> {
    let (record, board, folder) = (record.clone(), board.clone(), folder.to_owned());
    let read = tokio::task::spawn_blocking(move || own_firmware::read_kept(&record, &board, &folder));
    read.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// Time of a link, which stops while its machine is paused.
struct MachineClock(MachineHandle);

impl Clock for MachineClock {
    fn now_ms(&self) -> u64 {
        self.0.status().virtual_time.as_us() / 1000
    }
}
