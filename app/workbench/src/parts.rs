//! Virtual parts on emulated boards: which ones a board has, and their values.
//!
//! Parts that a user added and values that a user set are in the board's record: a machine that is switched on again has
//! them. What a program wrote to a part (registers, memories) lasts as long as the machine, and is in its snapshots.

use crate::{
    api::{ApiError, ErrorCode, EventName, PartAdd, PartPicture, PartProperty, PartView, PartsSet},
    boards,
    data_dir::replace,
    fleet::{EmulatedRecord, FleetBoard, PartRecord},
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, Millionths, PartChoice, PartKind, PartProgram, part_kinds};
use drydock_embedded::part_modules;
use drydock_emulator::{
    PartState, VirtualTime, builtin,
    parts::{Parts, program},
};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

/// The board with the parts and values of its record; `modules` is the directory of parts that are modules.
///
/// # Errors
/// A sentence: a part of the record does not fit the board's description, or its module is lost.
pub(crate) fn wired(description: &Description, record: &EmulatedRecord, modules: &Path) -> Result<Description, String> {
    let mut board = description.clone();
    for part in &record.parts {
        let kind = match part.kind() {
            (_, None) => None,
            (name, Some(sha256)) => Some(kept_module(name, sha256, modules)?),
        };
        add(&mut board, &part.choice(), kind.as_ref()).map_err(|problems| problems.join("; "))?;
    }
    for part in &mut board.parts {
        if let Some(values) = record.part_values.get(&part.name) {
            part.values
                .extend(values.iter().map(|(name, value)| (name.clone(), *value)));
        }
    }
    Ok(board)
}

fn kept_module(name: &str, sha256: &str, modules: &Path) -> Result<PartKind, String> {
    let file = modules.join(format!("{sha256}.wasm"));
    let bytes =
        fs::read(&file).map_err(|error| format!("its part {name} cannot be read from {}: {error}", file.display()))?;
    program::kind(name, &bytes).map_err(|error| format!("its part {name} no longer fits: {error}"))
}

/// The kind that ships as a module with this name.
fn shipped(name: &str) -> Option<PartKind> {
    let module = part_modules().iter().find(|module| module.name == name)?;
    program::kind(module.name, module.wasm).ok()
}

fn all_shipped() -> impl Iterator<Item = PartKind> {
    part_modules().iter().filter_map(|module| shipped(module.name))
}

/// A module that is to be kept: the SHA-256 of its content, and the content.
pub(crate) type Module = (String, Arc<[u8]>);

/// The records of parts that are added to a board, and the modules among them.
///
/// # Errors
/// Everything that is wrong with them, for people.
pub(crate) async fn records(
    description: &Description,
    engine: &str,
    parts: &[PartAdd],
) -> Result<(Vec<PartRecord>, Vec<Module>), ApiError> {
    if engine != builtin::engine::NAME && !parts.is_empty() {
        let text = format!(
            "The engine {engine} has no virtual parts; leave them out, or use the engine {}.",
            builtin::engine::NAME
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let (board, parts) = (description.clone(), parts.to_vec());
    let read = tokio::task::spawn_blocking(move || checked(board, &parts)).await;
    read.map_err(|error| ApiError::internal(format!("The parts cannot be read: {error}.")))?
}

fn checked(mut board: Description, parts: &[PartAdd]) -> Result<(Vec<PartRecord>, Vec<Module>), ApiError> {
    let mut problems = Vec::new();
    let mut records = Vec::new();
    let mut modules = Vec::new();
    for part in parts {
        let kind = match &part.module {
            None => shipped(&part.kind),
            Some(path) => Some(read_module(&part.kind, Path::new(path))?),
        };
        let choice = PartChoice {
            kind: part.kind.clone(),
            name: part.name.clone(),
            bus: part.bus.clone(),
            address: part.address,
            select: part.select.clone(),
            pin: part.pin.clone(),
            pins: part.pins.clone(),
            values: part.values.clone(),
        };
        match add(&mut board, &choice, kind.as_ref()) {
            Ok(()) => {
                let record = board.parts.last().map(PartRecord::of);
                let program = kind.and_then(|kind| kind.program);
                records.extend(record.map(|record| match program {
                    None => record,
                    Some(PartProgram(bytes)) => {
                        let sha256: String = Sha256::digest(&bytes)
                            .iter()
                            .map(|byte| format!("{byte:02x}"))
                            .collect();
                        modules.push((sha256.clone(), bytes));
                        record.with_module(sha256)
                    }
                }));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    match &problems[..] {
        [] => Ok((records, modules)),
        _ => {
            let text = format!("{} does not take this part: {}.", board.title, problems.join("; "));
            Err(ApiError::new(ErrorCode::Usage, text))
        }
    }
}

/// The kind of part that a file is.
fn read_module(name: &str, path: &Path) -> Result<PartKind, ApiError> {
    let refused = |what: String| ApiError::new(ErrorCode::Usage, format!("{} is no part: {what}.", path.display()));
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(refused(format!(
            "`{name}` is no name of a kind; rename the file to 1 to 32 small letters, digits and hyphens"
        )));
    }
    let is_ours = part_kinds().iter().any(|kind| kind.name == name) || part_modules().iter().any(|it| it.name == name);
    if is_ours {
        return Err(refused(format!("{name} is a kind of Drydock's; rename the file")));
    }
    let cannot = |error: io::Error| {
        let text = format!("{} cannot be read: {error}.", path.display());
        ApiError::new(ErrorCode::NotFound, text)
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(program::MODULE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    program::kind(name, &bytes).map_err(|error| refused(error.to_string()))
}

/// Keeps modules in the data directory. Records that name them are written later.
pub(crate) async fn keep(workbench: &WorkbenchState, modules: Vec<Module>) -> Result<(), ApiError> {
    let folder = workbench.dir.parts();
    let kept = tokio::task::spawn_blocking(move || {
        for (sha256, bytes) in modules {
            let file = folder.join(format!("{sha256}.wasm"));
            if !file.exists() {
                replace(&file, &bytes)?;
            }
        }
        Ok::<(), io::Error>(())
    });
    let kept = kept.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    kept.map_err(|error| {
        ApiError::internal(format!(
            "The part cannot be kept: {error}. Free some space and try again."
        ))
    })
}

fn add(board: &mut Description, choice: &PartChoice, kind: Option<&PartKind>) -> Result<(), Vec<String>> {
    match kind {
        Some(kind) => board.add_part(choice, std::slice::from_ref(kind)),
        None => {
            let kinds: Vec<PartKind> = part_kinds().iter().cloned().chain(all_shipped()).collect();
            board.add_part(choice, &kinds)
        }
    }
}

/// The parts of a board and their values.
pub(crate) async fn list(workbench: &WorkbenchState, board: &str) -> Result<Vec<PartView>, ApiError> {
    let board = workbench.board(board)?;
    Ok(states(workbench, &board).await?.iter().map(view).collect())
}

/// Sets a property, in the machine if it is on, and in the record.
pub(crate) async fn set(workbench: &Arc<WorkbenchState>, request: PartsSet) -> Result<PartView, ApiError> {
    let board = workbench.board(&request.board)?;
    let wrong = |what: String| ApiError::new(ErrorCode::Usage, format!("{}: {what}.", board.name()));
    let description = described(workbench, &board)?;
    let Some(part) = description.parts.iter().find(|part| part.name == request.part) else {
        let known: Vec<&str> = description.parts.iter().map(|part| part.name.as_str()).collect();
        let known = match known[..] {
            [] => "it has none; `--part` adds one to a new board".to_owned(),
            _ => format!("it has: {}", known.join(", ")),
        };
        let text = format!("{} has no part {}; {known}.", board.name(), request.part);
        return Err(ApiError::new(ErrorCode::NotFound, text));
    };
    let value = Millionths::from_f64(request.value).ok_or_else(|| wrong("this is no number for a part".to_owned()))?;
    part.kind.check(&request.property, value).map_err(wrong)?;

    // The next machine takes the value from the record.
    {
        let mut state = board.state();
        if let Some(record) = state.record.emulated_mut() {
            let values = record.part_values.entry(request.part.clone()).or_default();
            values.insert(request.property.clone(), value);
        }
    }
    // One that is being switched on may have read the record before.
    let machine = match board.is_starting() {
        true => board.machine().await.ok(),
        false => board.state().machine.clone(),
    };
    if let Some(machine) = machine {
        let done = machine.set_part(&request.part, &request.property, value).await;
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(wrong(error.to_string())),
            // It was switched off meanwhile.
            Err(_gone) => {}
        }
    }
    boards::save(workbench, None).await?;
    let mut data = Map::new();
    data.insert("part".into(), json!(request.part));
    data.insert("property".into(), json!(request.property));
    data.insert("value".into(), json!(value.to_f64()));
    let text = format!("{}.{} of {} is {value}.", request.part, request.property, board.name());
    workbench.publish(EventName::PartSet, Some(&board), text, data);
    let states = states(workbench, &board).await?;
    let state = states.iter().find(|state| state.name == request.part);
    state
        .map(view)
        .ok_or_else(|| ApiError::internal(format!("{} lost the part {}.", board.name(), request.part)))
}

fn described(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Description, ApiError> {
    wired(&board.description(), &board.emulated()?, &workbench.dir.parts()).map_err(ApiError::internal)
}

async fn states(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Vec<PartState>, ApiError> {
    // A physical board has none, and says so.
    board.emulated()?;
    let machine = board.state().machine.clone();
    if let Some(machine) = machine {
        let listed = machine
            .inspect(|machine| machine.parts().map_or_else(Vec::new, |parts| parts.list()))
            .await;
        if let Ok(states) = listed {
            return Ok(states);
        }
    }
    let description = described(workbench, board)?;
    let parts = Parts::of(&description);
    let mut states = parts.map_or_else(Vec::new, |parts| parts.list(VirtualTime::ZERO));
    states.iter_mut().for_each(|state| state.picture = None);
    Ok(states)
}

fn view(state: &PartState) -> PartView {
    let properties = state.properties.iter().map(|property| PartProperty {
        name: property.name.clone(),
        unit: property.unit.clone(),
        min: property.min.to_f64(),
        max: property.max.to_f64(),
        value: property.value.to_f64(),
        reading: property.reading,
    });
    let dot = |dot: &u8| if *dot == 0 { ' ' } else { '#' };
    PartView {
        name: state.name.clone(),
        kind: state.kind.clone(),
        title: state.title.clone(),
        place: state.place.clone(),
        stopped: state.stopped.clone(),
        properties: properties.collect(),
        picture: state.picture.as_ref().map(|picture| PartPicture {
            width: picture.width,
            rows: picture
                .dots
                .chunks(usize::from(picture.width.max(1)))
                .map(|row| row.iter().map(dot).collect())
                .collect(),
        }),
    }
}
