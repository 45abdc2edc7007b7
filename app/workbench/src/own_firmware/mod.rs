//! Programs of the user's own on emulated boards: which boards can run a file, and boards that are given one.

mod hello;
mod kept;
mod program;

pub(crate) use hello::HelloWatch;
pub(crate) use kept::{FirmwareRecord, copy, of, read as read_kept, record_of};
pub(crate) use program::{OwnFirmware, answer};

use crate::{
    api::{
        ApiError, BoardFirmware, BoardView, EventName, FirmwareFile, FirmwarePreview, FirmwarePreviewRequest,
        FirmwareVerdict, PowerAction,
    },
    board_terminals, boards,
    engines::engine_for,
    fleet::{Command, FleetBoard},
    own_kinds,
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use serde_json::{Map, json};
use std::{collections::HashMap, sync::Arc};

/// Gives an emulated board a program of the user's own, or Drydock's firmware again, and starts it if it is on.
pub(crate) async fn give(workbench: &Arc<WorkbenchState>, request: BoardFirmware) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    let emulated = board.emulated()?;
    board.check_kind()?;
    let firmware = match request.firmware {
        Some(file) => {
            let firmware = read(file, &board.description(), &emulated.engine).await?;
            Some(keep(workbench, &board.id, firmware).await?)
        }
        None => {
            boards::ours(&board.description())?;
            None
        }
    };
    let on = board.state().record.on;
    if on {
        board.command(|reply| Command::Power(PowerAction::Off, reply)).await?;
    }
    {
        let mut state = board.state();
        if let Some(emulated) = state.record.emulated_mut() {
            emulated.firmware.clone_from(&firmware);
        }
        // They are states of the program before.
        state.snapshots.clear();
    }
    if firmware.is_none() {
        board_terminals::forget(workbench, &board.id);
    }
    let saved = boards::save(workbench, None).await;
    if on {
        board.command(|reply| Command::Power(PowerAction::On, reply)).await?;
    }
    saved?;
    forget_others(workbench, &board.id, firmware.clone()).await;
    let text = match &firmware {
        Some(firmware) => format!("{} runs {} now. {}", board.name(), firmware.path, firmware.start),
        None => format!("{} runs Drydock's firmware again.", board.name()),
    };
    board.state().note("info", text.clone());
    workbench.publish(EventName::BoardFirmware, Some(&board), text, Map::new());
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Notes that the program of a board speaks Drydock's link, from its next start on.
pub(crate) async fn links(workbench: &WorkbenchState, board: &Arc<FleetBoard>) {
    let name = {
        let mut state = board.state();
        // They are states of a program without a link.
        state.snapshots.clear();
        let firmware = state
            .record
            .emulated_mut()
            .and_then(|emulated| emulated.firmware.as_mut());
        let Some(firmware) = firmware else { return };
        firmware.links = true;
        firmware.name()
    };
    board_terminals::forget(workbench, &board.id);
    if let Err(error) = boards::save(workbench, None).await {
        // It will be noticed again.
        tracing::warn!(%error, board = board.name(), "that its firmware speaks the link is not saved");
    }
    let text = format!(
        "{name} speaks Drydock's link: {} starts again with its own identity and apps.",
        board.name()
    );
    board.state().note("info", text.clone());
    let mut data = Map::new();
    data.insert("links".into(), json!(true));
    workbench.publish(EventName::BoardFirmware, Some(board), text, data);
    workbench.throttle.touch(board);
}

/// Reads a file for a board.
pub(crate) async fn read(file: FirmwareFile, board: &Description, engine: &str) -> Result<OwnFirmware, ApiError> {
    let (board, engine) = (board.clone(), engine.to_owned());
    blocking(move || program::check(&program::read(&file)?, &file, &board, &engine)).await
}

/// Keeps a program in a board's folder. The board's record does not name it yet.
pub(crate) async fn keep(
    workbench: &WorkbenchState,
    id: &str,
    firmware: OwnFirmware,
) -> Result<FirmwareRecord, ApiError> {
    let folder = workbench.dir.board(id);
    blocking(move || {
        kept::keep(firmware, &folder).map_err(|error| {
            let place = folder.display();
            ApiError::internal(format!(
                "The firmware cannot be kept in {place}: {error}. Free some space and try again."
            ))
        })
    })
    .await
}

/// What is left of programs that no record names costs space only.
async fn forget_others(workbench: &WorkbenchState, id: &str, record: Option<FirmwareRecord>) {
    let folder = workbench.dir.board(id);
    let forgotten = blocking(move || {
        let forgotten = kept::forget_others(record.as_ref(), &folder);
        forgotten.map_err(|error| ApiError::internal(error.to_string()))
    });
    if let Err(error) = forgotten.await {
        tracing::warn!(%error, board = id, "an earlier program of the board stays on disk");
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::internal(format!("The firmware cannot be read: {error}.")))?
}

/// Says which boards and kinds of boards can run a program.
pub(crate) async fn preview(
    workbench: &WorkbenchState,
    request: FirmwarePreviewRequest,
) -> Result<FirmwarePreview, ApiError> {
    let boards = request.boards.iter().map(|board| workbench.board(board));
    let boards: Vec<Arc<FleetBoard>> = boards.collect::<Result<_, _>>()?;
    let mut kinds = own_kinds::known(workbench);
    kinds.retain(|kind| kind.name != drydock_assets::qemu_board().name);
    blocking(move || preview_of(&request.firmware, &boards, &kinds)).await
}

fn preview_of(
    file: &FirmwareFile,
    boards: &[Arc<FleetBoard>],
    kinds: &[Description],
) -> Result<FirmwarePreview, ApiError> {
    let bytes = program::read(file)?;
    let mut format = None;
    // A fleet has many boards of few kinds.
    let mut known = HashMap::new();
    let mut verdict = |id: &str, kind: &Description, engine: &str| {
        let key = (kind.name.clone(), engine.to_owned());
        let verdict = known
            .entry(key)
            .or_insert_with(|| match program::check(&bytes, file, kind, engine) {
                Ok(firmware) => {
                    format = Some(firmware.record.format);
                    Ok(firmware.record.start)
                }
                Err(error) => Err(error.message),
            });
        FirmwareVerdict {
            board: id.to_owned(),
            refused: verdict.clone().err(),
            start: verdict.clone().ok(),
        }
    };
    let of_boards = boards.iter().map(|board| match board.emulated() {
        Ok(emulated) => verdict(&board.id, &board.description(), &emulated.engine),
        Err(error) => FirmwareVerdict {
            board: board.id.clone(),
            refused: Some(error.message),
            start: None,
        },
    });
    let of_boards = of_boards.collect();
    let of_kinds = kinds.iter().map(|kind| verdict(&kind.name, kind, &engine_for(kind)));
    let mut of_kinds: Vec<FirmwareVerdict> = of_kinds.collect();
    of_kinds.sort_by_key(|verdict| verdict.refused.is_some());
    Ok(FirmwarePreview {
        name: kept::name_of(&file.path),
        format,
        boards: of_boards,
        kinds: of_kinds,
    })
}
