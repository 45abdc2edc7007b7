//! Forks: boards made from another one. Each has its own identity: a seed derived from the parent's, the chip id
//! derived from that seed, and its own entry in the registry. It has the same desired apps, which it gets once it has
//! enrolled.

use crate::{
    api::{ApiError, BoardFork, BoardView, ErrorCode, EventName},
    boards,
    errors::with_sources,
    fleet::{BoardRecord, FleetBoard, derived_seed},
    own_firmware, snapshots,
    state::WorkbenchState,
};
use drydock_emulator::MachineSnapshot;
use drydock_gateway::DeviceId;
use serde_json::{Map, json};
use std::sync::Arc;

/// Limit of forks per request.
const FORKS_MAX: u32 = 1_000;

/// Makes boards after the model of another.
pub(crate) async fn fork(workbench: &Arc<WorkbenchState>, request: BoardFork) -> Result<Vec<BoardView>, ApiError> {
    let parent = workbench.board(&request.board)?;
    let count = request.count.unwrap_or(1);
    if !(1..=FORKS_MAX).contains(&count) {
        let text = format!("{count} is no number of forks; make 1 to {FORKS_MAX} at once.");
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    if request.from.is_some() && !request.unlinked {
        let text = "Only an unlinked fork goes on from a snapshot; one that enrolls starts from its own flash.";
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    let origin = match (request.unlinked, request.from) {
        (false, _) => None,
        (true, Some(from)) => Some(snapshots::state_of(workbench, &parent, from).await?),
        (true, None) => Some(snapshots::now(&parent).await?.0),
    };
    let names = names(workbench, &parent, request.name, count)?;
    let mut views = Vec::new();
    for name in names {
        let board = make(workbench, &parent, name, origin.clone()).await?;
        views.push(workbench.view(&board));
    }
    Ok(views)
}

/// Names that are free, as many as are wanted.
fn names(
    workbench: &WorkbenchState,
    parent: &FleetBoard,
    wanted: Option<String>,
    count: u32,
) -> Result<Vec<String>, ApiError> {
    if let (Some(name), 1) = (&wanted, count) {
        return Ok(vec![boards::free_name(workbench, name.clone())?]);
    }
    let stem = wanted.unwrap_or_else(|| format!("{}-fork", parent.name()));
    let stem = boards::free_name(workbench, stem.clone())
        .map(|_| stem.clone())
        .or_else(|error| {
            // A taken name is not an error here: the forks get numbers.
            if workbench.fleet.find(stem.trim()).is_some() {
                Ok(stem)
            } else {
                Err(error)
            }
        })?;
    let numbered = (1..).map(|number| format!("{}-{number}", stem.trim()));
    let free = numbered.filter(|name| workbench.fleet.find(name).is_none());
    Ok(free.take(count as usize).collect())
}

async fn make(
    workbench: &Arc<WorkbenchState>,
    parent: &FleetBoard,
    name: String,
    origin: Option<Arc<MachineSnapshot>>,
) -> Result<Arc<FleetBoard>, ApiError> {
    parent.check_kind()?;
    let model = parent.state().record.clone();
    let seed = free_seed(workbench, &model.name, &parent.emulated()?.seed)?;
    let name = boards::reserve_name(workbench, name)?;
    let (id, device) = boards::place(workbench, name.text()).await?;
    let unlinked = origin.is_some();
    let mut record = BoardRecord {
        id: id.text().to_owned(),
        name: name.text().to_owned(),
        device: device.clone(),
        // The state of an unlinked fork ends with this run. The fork stays off in the next run, because it would boot
        // with a link.
        on: !unlinked,
        ..model
    };
    if let Some(emulated) = record.emulated_mut() {
        emulated.seed.clone_from(&seed);
    }
    if let Some(own) = record.emulated().and_then(|emulated| emulated.firmware.as_ref()) {
        let (from, to) = (workbench.dir.board(&parent.id), workbench.dir.board(&record.id));
        own_firmware::copy(own, &from, &to).map_err(|error| {
            ApiError::internal(format!("The firmware of {} cannot be copied: {error}.", parent.name()))
        })?;
    }
    boards::save(workbench, Some(&record)).await?;
    let entered = boards::enter(workbench, record, parent.kind().clone(), true);
    was_forked(workbench, parent, &entered.board, &seed, unlinked);
    let board = entered.begin(workbench, origin);
    desire_the_same(workbench, parent, &device).await?;
    Ok(board)
}

/// Publishes that a board was made after another.
fn was_forked(workbench: &WorkbenchState, parent: &FleetBoard, board: &Arc<FleetBoard>, seed: &str, unlinked: bool) {
    let mut data = Map::new();
    data.insert("parent".into(), json!(parent.name()));
    data.insert("kind".into(), json!(board.description().name));
    data.insert("seed".into(), json!(seed));
    data.insert("unlinked".into(), json!(unlinked));
    let text = if unlinked {
        format!("{} goes on where {} is, without a link.", board.name(), parent.name())
    } else {
        format!("{} was made after the model of {}.", board.name(), parent.name())
    };
    workbench.publish(EventName::BoardForked, Some(board), text, data);
    workbench.throttle.touch(board);
}

/// The first seed derived from the parent's that no board has.
fn free_seed(workbench: &WorkbenchState, parent: &str, parent_seed: &str) -> Result<String, ApiError> {
    let taken: Vec<String> = workbench
        .fleet
        .all()
        .iter()
        .filter_map(|board| Some(board.state().record.emulated()?.seed.clone()))
        .collect();
    let derived = (1..=u32::MAX).map_while(|number| derived_seed(parent_seed, number));
    let free = derived.into_iter().find(|seed| !taken.contains(seed));
    free.ok_or_else(|| ApiError::internal(format!("The seed of {parent} cannot be read.")))
}

/// Gives a fork the desired apps of its parent.
async fn desire_the_same(workbench: &WorkbenchState, parent: &FleetBoard, device: &DeviceId) -> Result<(), ApiError> {
    let parent = parent.state().record.device.clone();
    let desired_apps = workbench
        .gateway
        .device(&parent)
        .map_or_else(Vec::new, |parent| parent.desired);
    for desired in desired_apps {
        let Some(package) = desired.package else { continue };
        let deployed = workbench
            .gateway
            .deploy(std::slice::from_ref(device), &package, desired.run)
            .await;
        deployed.map_err(|error| with_sources(ErrorCode::Refused, &error))?;
    }
    Ok(())
}
