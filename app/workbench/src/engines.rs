//! The emulator's engines, and the choice of an engine for a board.

use crate::{
    api::{ApiError, EngineView, ErrorCode, Pace},
    errors::usage,
};
use drydock_assets::Board as Description;
use drydock_emulator::{Availability, Engine, runner};

/// All engines, or those that support a kind of board.
pub(crate) fn engines(board: Option<&Description>) -> Vec<EngineView> {
    drydock_emulator::engines()
        .into_iter()
        .filter(|engine| board.is_none_or(|board| engine.supports(board)))
        .map(|engine| {
            let (available, detail) = match engine.availability() {
                Availability::Available { version } => (true, version),
                Availability::Unavailable { reason } => (false, reason),
            };
            EngineView {
                name: engine.name().into(),
                available,
                detail,
            }
        })
        .collect()
}

/// The engine of a record, if it can be used.
pub(crate) fn engine(name: &str, board: &Description) -> Result<Box<dyn Engine>, ApiError> {
    let title = &board.title;
    let engines = drydock_emulator::engines();
    let names: Vec<&str> = engines.iter().map(|engine| engine.name()).collect();
    let names = names.join(", ");
    let Some(engine) = engines.into_iter().find(|engine| engine.name() == name) else {
        return Err(usage(format!("There is no engine {name}; there are: {names}.")));
    };
    if !engine.supports(board) {
        return Err(ApiError::new(
            ErrorCode::Refused,
            format!("The engine {name} has no model of the {title}; leave --engine out for one that has."),
        ));
    }
    match engine.availability() {
        Availability::Available { .. } => Ok(engine),
        Availability::Unavailable { reason } => Err(ApiError::new(
            ErrorCode::Refused,
            format!("The engine {name} cannot be used here: {reason}."),
        )),
    }
}

/// The engine of a board if the user named none: the first that has a model of it.
pub(crate) fn engine_for(board: &Description) -> String {
    let engine = drydock_emulator::engines()
        .into_iter()
        .find(|engine| engine.supports(board));
    engine.map_or_else(|| "builtin".into(), |engine| engine.name().into())
}

/// The pace as the runner calls it.
pub(crate) fn runner_pace(pace: Pace) -> runner::Pace {
    match pace {
        Pace::Realtime => runner::Pace::Realtime,
        Pace::Max => runner::Pace::Max,
        Pace::Lockstep => runner::Pace::Lockstep,
    }
}
