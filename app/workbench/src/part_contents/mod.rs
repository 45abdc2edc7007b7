//! What virtual memories keep without power: filled from a file, saved to one, and kept with the board.

pub(crate) mod file;
mod keeper;

use crate::{
    api::{ApiError, ErrorCode, EventName, PartContentFile, PartView, PartsContent},
    errors::usage,
    exported::exported,
    fleet::FleetBoard,
    parts,
    state::WorkbenchState,
};
use drydock_assets::{Part, read_content};
use drydock_emulator::{VirtualTime, parts::Parts};
use serde_json::{Map, json};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use keeper::{ContentsKeeper, changes};

/// A request about the content of one part.
struct ContentRequest {
    board: Arc<FleetBoard>,
    /// The parts of the board as new ones.
    parts: Box<Parts>,
    part: Part,
    file: PathBuf,
}

/// Fills a part from a file, now and for the next machine.
pub(crate) async fn load(workbench: &Arc<WorkbenchState>, request: PartsContent) -> Result<PartView, ApiError> {
    let mut asked = ask(workbench, &request)?;
    let (board, name) = (Arc::clone(&asked.board), asked.part.name.clone());
    let file = asked.file.clone();
    let read = blocking(move || {
        Ok(read_content(&file).map_err(|what| {
            let text = format!("{} {what}.", file.display());
            ApiError::new(ErrorCode::NotFound, text)
        }))
    });
    let bytes = read.await.map_err(|error| ApiError::internal(error.to_string()))??;
    let fits = asked.parts.load(VirtualTime::ZERO, &name, &bytes);
    fits.map_err(|what| {
        usage(format!(
            "{} does not fit {name} of {}: {what}.",
            asked.file.display(),
            board.name()
        ))
    })?;

    let machine = match board.is_starting() {
        true => board.machine().await.ok(),
        false => board.state().machine.clone(),
    };
    let loaded = match &machine {
        // One that was switched off meanwhile is gone.
        Some(machine) => machine.load_part(&name, bytes.clone()).await.is_ok(),
        None => false,
    };
    let keeper = board.state().contents.clone();
    let kept = match keeper {
        Some(keeper) if loaded => keeper.save().await,
        // A fork without a link is in the state of another board, and keeps nothing.
        None if loaded => Ok(()),
        _ => {
            let content = asked.parts.read_content(&name).unwrap_or_default();
            let (folder, name) = (workbench.dir.board(&board.id), name.clone());
            blocking(move || {
                let mut contents = file::read(&folder)?;
                contents.insert(name, content);
                file::write(&folder, &contents)
            })
            .await
        }
    };
    kept.map_err(|error| {
        ApiError::internal(format!(
            "The content of {name} of {} cannot be kept: {error}. Free some space and try again.",
            board.name()
        ))
    })?;
    let mut data = Map::new();
    data.insert("part".into(), json!(name));
    data.insert("bytes".into(), json!(bytes.len()));
    let text = format!("{name} of {} was filled with {} bytes.", board.name(), bytes.len());
    workbench.publish(EventName::PartLoaded, Some(&board), text, data);
    parts::one(workbench, &board, &name).await
}

/// Writes what a part keeps to a file.
pub(crate) async fn save(workbench: &Arc<WorkbenchState>, request: PartsContent) -> Result<PartContentFile, ApiError> {
    let asked = ask(workbench, &request)?;
    let ContentRequest {
        board,
        parts,
        part,
        file,
    } = asked;
    let name = part.name;
    let machine = board.state().machine.clone();
    let mut content = None;
    if let Some(machine) = machine {
        let part = name.clone();
        let read = machine.inspect(move |machine| machine.parts().and_then(|parts| parts.content(&part).ok()));
        content = read.await.ok().flatten();
    }
    let folder = workbench.dir.board(&board.id);
    let content = match content {
        Some(content) => content,
        None => {
            let known = name.clone();
            let read = blocking(move || {
                let kept = file::read(&folder)?.remove(&known);
                kept.map_or_else(|| parts.read_content(&known).map_err(io::Error::other), Ok)
            });
            read.await.map_err(|error| {
                ApiError::internal(format!(
                    "What {name} of {} keeps cannot be read: {error}.",
                    board.name()
                ))
            })?
        }
    };
    let bytes = content.len() as u64;
    let path = file.display().to_string();
    exported(content, Some(path.clone())).await?;
    Ok(PartContentFile { path, bytes })
}

fn ask(workbench: &WorkbenchState, request: &PartsContent) -> Result<ContentRequest, ApiError> {
    let board = workbench.board(&request.board)?;
    let file = Path::new(&request.file);
    if !file.is_absolute() {
        return Err(usage(format!("Give the absolute path of {}.", request.file)));
    }
    let description = parts::described(workbench, &board)?;
    let part = parts::find(&board, &description, &request.part)?.clone();
    if part.kind.content.is_none() {
        let keep: Vec<&str> = description
            .parts
            .iter()
            .filter(|part| part.kind.content.is_some())
            .map(|part| part.name.as_str())
            .collect();
        let keep = match keep[..] {
            [] => "none of its parts does".to_owned(),
            _ => format!("these do: {}", keep.join(", ")),
        };
        let text = format!("{} of {} keeps no content; {keep}.", part.name, board.name());
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let parts = Parts::of(&description).ok_or_else(|| ApiError::internal("The board has no parts."))?;
    Ok(ContentRequest {
        board,
        parts,
        part,
        file: file.to_owned(),
    })
}

/// Keeps the contents of parts that are added with a new board.
pub(crate) async fn keep_new(
    workbench: &WorkbenchState,
    board: &str,
    contents: file::Contents,
) -> Result<(), ApiError> {
    if contents.is_empty() {
        return Ok(());
    }
    let folder = workbench.dir.board(board);
    let kept = blocking(move || file::write(&folder, &contents)).await;
    kept.map_err(|error| ApiError::internal(format!("The content of a part cannot be kept: {error}.")))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
