//! Virtual parts on emulated boards: which ones a board has, and their values.
//!
//! Parts that a user added and values that a user set are in the board's record: a machine that is switched on again has
//! them. What a program wrote to a part (registers, memories) lasts as long as the machine, and is in its snapshots.

use crate::{
    api::{
        ApiError, ErrorCode, EventName, PartAdd, PartPicture, PartProperty, PartView, PartsPlay, PartsSet, PartsTable,
    },
    boards,
    data_dir::replace,
    fleet::{EmulatedRecord, FleetBoard, PartRecord},
    part_contents::file::Contents,
    state::WorkbenchState,
};
use drydock_assets::{
    Board as Description, Millionths, Part, PartChoice, PartContent, PartKind, PartProgram, part_kinds,
};
use drydock_embedded::part_modules;
use drydock_emulator::{
    PartState, PartTable, TableFileError, VirtualTime, builtin,
    parts::{Parts, program},
};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
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

/// The modules that ship with Drydock as parts: name of the kind, and the bytes.
pub fn shipped_modules() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    part_modules().iter().map(|module| (module.name, module.wasm))
}

/// The kind that ships as a module with this name.
fn shipped(name: &str) -> Option<PartKind> {
    let module = part_modules().iter().find(|module| module.name == name)?;
    program::kind(module.name, module.wasm).ok()
}

/// All kinds that Drydock has: those of the emulator's own, and the modules that ship.
pub(crate) fn all_kinds() -> Vec<PartKind> {
    part_kinds().iter().cloned().chain(all_shipped()).collect()
}

fn all_shipped() -> impl Iterator<Item = PartKind> {
    part_modules().iter().filter_map(|module| shipped(module.name))
}

/// A module that is to be kept: the SHA-256 of its content, and the content.
pub(crate) type Module = (String, Arc<[u8]>);

/// Parts that are added to a board.
#[derive(Default)]
pub(crate) struct NewParts {
    /// Their records.
    pub(crate) records: Vec<PartRecord>,
    /// The modules among them.
    pub(crate) modules: Vec<Module>,
    /// What they keep, if they were given a file.
    pub(crate) contents: Contents,
    /// The table that values follow from the start.
    pub(crate) table: Option<PartTable>,
}

/// Parts that are added to a board, checked, with their files.
///
/// # Errors
/// Everything that is wrong with them, for people.
pub(crate) async fn records(
    description: &Description,
    engine: &str,
    parts: &[PartAdd],
    table: Option<&str>,
) -> Result<NewParts, ApiError> {
    if engine != builtin::engine::NAME && !parts.is_empty() {
        let text = format!(
            "The engine {engine} has no virtual parts; leave them out, or use the engine {}.",
            builtin::engine::NAME
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let (board, parts) = (description.clone(), parts.to_vec());
    let table = table.map(PathBuf::from);
    let read = tokio::task::spawn_blocking(move || checked(board, &parts, table.as_deref())).await;
    read.map_err(|error| ApiError::internal(format!("The parts cannot be read: {error}.")))?
}

fn checked(mut board: Description, parts: &[PartAdd], table: Option<&Path>) -> Result<NewParts, ApiError> {
    let mut problems = Vec::new();
    let mut new = NewParts::default();
    for part in parts {
        let kind = match &part.module {
            None => shipped(&part.kind),
            Some(path) => Some(read_module(&part.kind, Path::new(path))?),
        };
        let mut choice = PartChoice {
            kind: part.kind.clone(),
            name: part.name.clone(),
            bus: part.bus.clone(),
            address: part.address,
            select: part.select.clone(),
            pin: part.pin.clone(),
            uart: part.uart.clone(),
            pins: part.pins.clone(),
            values: part.values.clone(),
            file: part.file.clone(),
            content: None,
        };
        if let Err(what) = choice.read_file(Path::new("/")) {
            problems.push(what);
            continue;
        }
        match add(&mut board, &choice, kind.as_ref()) {
            Ok(()) => {
                let added = board.parts.last_mut();
                // What is kept comes from the board's own file from now on.
                let content = added.and_then(|part| Some((part.name.clone(), part.content.take()?)));
                new.contents
                    .extend(content.map(|(name, PartContent(bytes))| (name, bytes.to_vec())));
                let record = board.parts.last().map(PartRecord::of);
                let program = kind.and_then(|kind| kind.program);
                new.records.extend(record.map(|record| match program {
                    None => record,
                    Some(PartProgram(bytes)) => {
                        let sha256: String = Sha256::digest(&bytes)
                            .iter()
                            .map(|byte| format!("{byte:02x}"))
                            .collect();
                        new.modules.push((sha256.clone(), bytes));
                        record.with_module(sha256)
                    }
                }));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    match &problems[..] {
        [] => {
            new.table = table.map(|path| read_table(path, &board)).transpose()?;
            Ok(new)
        }
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

/// Deletes the modules that no board has any more. Nobody adds a board meanwhile.
pub(crate) async fn collect_modules(workbench: &Arc<WorkbenchState>) {
    let _nobody_adds = workbench.adding.write().await;
    let mut used = BTreeSet::new();
    for board in workbench.fleet.all() {
        let state = board.state();
        let parts = state.record.emulated().into_iter().flat_map(|record| &record.parts);
        used.extend(parts.filter_map(|part| part.kind().1.map(str::to_owned)));
    }
    let folder = workbench.dir.parts();
    let collected = tokio::task::spawn_blocking(move || collect(&folder, &used));
    if let Ok(Err(error)) = collected.await {
        tracing::warn!(%error, "modules of removed boards stay");
    }
}

fn collect(folder: &Path, used: &BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let is_module = path.extension().is_some_and(|extension| extension == "wasm");
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if is_module && !used.contains(name.as_ref()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
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
        None => board.add_part(choice, &all_kinds()),
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
    let part = find(&board, &description, &request.part)?;
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
    one(workbench, &board, &request.part).await
}

/// A part as it is now.
pub(crate) async fn one(workbench: &WorkbenchState, board: &FleetBoard, part: &str) -> Result<PartView, ApiError> {
    let states = states(workbench, board).await?;
    let state = states.iter().find(|state| state.name == part);
    state
        .map(view)
        .ok_or_else(|| ApiError::internal(format!("{} lost the part {part}.", board.name())))
}

/// The part of a name.
///
/// # Errors
/// There is none, with the names that exist.
pub(crate) fn find<'d>(board: &FleetBoard, description: &'d Description, name: &str) -> Result<&'d Part, ApiError> {
    description.parts.iter().find(|part| part.name == name).ok_or_else(|| {
        let known: Vec<&str> = description.parts.iter().map(|part| part.name.as_str()).collect();
        let known = match known[..] {
            [] => "it has none; `--part` adds one to a new board".to_owned(),
            _ => format!("it has: {}", known.join(", ")),
        };
        let text = format!("{} has no part {name}; {known}.", board.name());
        ApiError::new(ErrorCode::NotFound, text)
    })
}

/// Lets values follow a file, in the machine that runs now. The record keeps nothing of it: a table ends with its machine.
pub(crate) async fn play(workbench: &Arc<WorkbenchState>, request: PartsPlay) -> Result<PartsTable, ApiError> {
    let board = workbench.board(&request.board)?;
    let description = described(workbench, &board)?;
    let off = || {
        let text = format!(
            "{} is off, and a table follows the time of a running board; switch it on and try again.",
            board.name()
        );
        ApiError::new(ErrorCode::Refused, text)
    };
    let machine = match board.is_starting() {
        true => board.machine().await.ok(),
        false => board.state().machine.clone(),
    };
    let machine = machine.ok_or_else(off)?;
    let table = match request.file {
        None => None,
        Some(file) => {
            let read = tokio::task::spawn_blocking(move || read_table(Path::new(&file), &description)).await;
            Some(read.map_err(|error| ApiError::internal(format!("The table cannot be read: {error}.")))??)
        }
    };
    let view = table.as_ref().map_or_else(PartsTable::default, |table| PartsTable {
        values: table
            .columns()
            .map(|(part, property)| format!("{part}.{property}"))
            .collect(),
        rows: u32::try_from(table.rows()).unwrap_or(u32::MAX),
        lasts_s: table.lasts().as_ns() as f64 / 1e9,
    });
    match machine.play_table(table).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let text = format!("{}: {error}.", board.name());
            return Err(ApiError::new(ErrorCode::Refused, text));
        }
        Err(_gone) => return Err(off()),
    }
    let mut data = Map::new();
    data.insert("values".into(), json!(view.values));
    data.insert("rows".into(), json!(view.rows));
    data.insert("lasts_s".into(), json!(view.lasts_s));
    let text = match view.rows {
        0 => format!("Values of {} no longer follow a table.", board.name()),
        rows => format!(
            "A table of {rows} rows sets {} of {}.",
            view.values.join(", "),
            board.name()
        ),
    };
    workbench.publish(EventName::PartTable, Some(&board), text, data);
    Ok(view)
}

fn read_table(path: &Path, board: &Description) -> Result<PartTable, ApiError> {
    PartTable::read_file(path, &board.parts).map_err(|error| match &error {
        TableFileError::Unreadable { .. } => ApiError::new(ErrorCode::NotFound, format!("{error}.")),
        TableFileError::Invalid { .. } => ApiError::new(ErrorCode::Usage, format!("The table does not fit: {error}.")),
    })
}

pub(crate) fn described(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Description, ApiError> {
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
    for state in &mut states {
        state.picture = None;
        state.lights.clear();
    }
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
        lights: state
            .lights
            .iter()
            .map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"))
            .collect(),
        content_bytes: state.content_bytes,
    }
}
