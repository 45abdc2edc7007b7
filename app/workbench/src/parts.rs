//! Virtual parts on emulated boards: which ones a board has, and their values.
//!
//! Parts that a user added and values that a user set are in the board's record: a machine that is switched on again has
//! them. What a program wrote to a part (registers, memories) lasts as long as the machine, and is in its snapshots.

use crate::{
    api::{ApiError, ErrorCode, EventName, PartAdd, PartPicture, PartProperty, PartView, PartsSet},
    boards,
    fleet::{EmulatedRecord, FleetBoard, PartRecord},
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, Millionths, PartChoice, part_kinds};
use drydock_emulator::{PartState, builtin, parts::Parts};
use serde_json::{Map, json};
use std::sync::Arc;

/// The board with the parts and values of its record.
///
/// # Errors
/// A sentence: a part of the record does not fit the board's description.
pub(crate) fn wired(description: &Description, record: &EmulatedRecord) -> Result<Description, String> {
    let mut board = description.clone();
    for part in &record.parts {
        add(&mut board, &part.choice()).map_err(|problems| problems.join("; "))?;
    }
    for part in &mut board.parts {
        if let Some(values) = record.part_values.get(&part.name) {
            part.values
                .extend(values.iter().map(|(name, value)| (name.clone(), *value)));
        }
    }
    Ok(board)
}

/// The records of parts that are added to a board.
///
/// # Errors
/// Everything that is wrong with them, for people.
pub(crate) fn records(description: &Description, engine: &str, parts: &[PartAdd]) -> Result<Vec<PartRecord>, ApiError> {
    if engine != builtin::engine::NAME && !parts.is_empty() {
        let text = format!(
            "The engine {engine} has no virtual parts; leave them out, or use the engine {}.",
            builtin::engine::NAME
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let mut board = description.clone();
    let mut problems = Vec::new();
    let mut records = Vec::new();
    for part in parts {
        let choice = PartChoice {
            kind: part.kind.clone(),
            name: part.name.clone(),
            bus: part.bus.clone(),
            address: part.address,
            select: part.select.clone(),
            pin: part.pin.clone(),
            values: part.values.clone(),
        };
        match add(&mut board, &choice) {
            Ok(()) => records.extend(board.parts.last().map(PartRecord::of)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    match &problems[..] {
        [] => Ok(records),
        _ => {
            let text = format!(
                "{} does not take this part: {}.",
                description.title,
                problems.join("; ")
            );
            Err(ApiError::new(ErrorCode::Usage, text))
        }
    }
}

fn add(board: &mut Description, choice: &PartChoice) -> Result<(), Vec<String>> {
    board.add_part(choice, part_kinds())
}

/// The parts of a board and their values.
pub(crate) async fn list(workbench: &WorkbenchState, board: &str) -> Result<Vec<PartView>, ApiError> {
    let board = workbench.board(board)?;
    Ok(states(&board).await?.iter().map(view).collect())
}

/// Sets a property, in the machine if it is on, and in the record.
pub(crate) async fn set(workbench: &Arc<WorkbenchState>, request: PartsSet) -> Result<PartView, ApiError> {
    let board = workbench.board(&request.board)?;
    let wrong = |what: String| ApiError::new(ErrorCode::Usage, format!("{}: {what}.", board.name()));
    let description = described(&board)?;
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
    let states = states(&board).await?;
    let state = states.iter().find(|state| state.name == request.part);
    state
        .map(view)
        .ok_or_else(|| ApiError::internal(format!("{} lost the part {}.", board.name(), request.part)))
}

fn described(board: &FleetBoard) -> Result<Description, ApiError> {
    wired(&board.description, &board.emulated()?).map_err(ApiError::internal)
}

async fn states(board: &FleetBoard) -> Result<Vec<PartState>, ApiError> {
    let description = described(board)?;
    let machine = board.state().machine.clone();
    if let Some(machine) = machine {
        let listed = machine
            .inspect(|machine| machine.parts().map_or_else(Vec::new, |parts| parts.list()))
            .await;
        if let Ok(states) = listed {
            return Ok(states);
        }
    }
    let mut states = Parts::of(&description).map_or_else(Vec::new, |parts| parts.list());
    states.iter_mut().for_each(|state| state.picture = None);
    Ok(states)
}

fn view(state: &PartState) -> PartView {
    let kind = part_kinds().iter().find(|kind| kind.name == state.kind);
    let properties = state.properties.iter().map(|property| PartProperty {
        name: property.name.clone(),
        unit: property.unit.clone(),
        min: property.min.to_f64(),
        max: property.max.to_f64(),
        value: property.value.to_f64(),
    });
    let dot = |dot: &u8| if *dot == 0 { ' ' } else { '#' };
    PartView {
        name: state.name.clone(),
        kind: state.kind.clone(),
        title: kind.map_or_else(|| state.kind.clone(), |kind| kind.title.clone()),
        place: state.place.clone(),
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
