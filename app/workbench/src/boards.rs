//! Boards of the fleet: kinds and engines; adding, switching, renaming and removing boards.

use crate::{
    api::{
        ApiError, BoardAdd, BoardButton, BoardKindView, BoardPower, BoardRename, BoardView, Empty, ErrorCode,
        EventName, MachinePace, MachineStep, PowerAction, RecordingFile, RecordingStart,
    },
    board_task, board_terminals,
    engines::{engine, engine_for, engines, runner_pace},
    errors::{usage, with_sources},
    fleet::{BoardKind, BoardRecord, Command, EmulatedRecord, FleetBoard, HostRecord, Reservation, parse_seed},
    link_noise::parse_noise,
    own_firmware, own_kinds, part_contents, parts, recordings,
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, BoardFile};
use drydock_embedded::{FirmwareImage, NotBuilt};
use drydock_emulator::{MachineSnapshot, Seed, runner::RunState};
use drydock_gateway::{BoardSpec, DeviceId, DeviceState, GatewayConfig, PairingMode};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;

/// RAM that a board's firmware uses, in bytes. An estimate until the device reports its heap.
const FIRMWARE_RAM_BYTES: u32 = 96 * 1024;

/// Log lines of a device that the gateway keeps. They are moved on arrival to the board's console, which keeps the
/// others.
const LOGS_KEPT: usize = 512;

/// How long a board that the user created keeps its place in the registry before it enrolls: it may stay switched off for
/// years. The token that belongs to it is never handed out.
const PLACE_TTL: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The gateway's configuration for a data directory and the boards that have firmware: boards of users are to it what they
/// extend.
pub(crate) fn gateway_config(directory: &Path) -> GatewayConfig {
    let mut config = GatewayConfig::new(directory.join("gateway"));
    config.pairing = PairingMode::Off;
    config.limits.logs_kept = LOGS_KEPT;
    config.boards = drydock_assets::boards().iter().map(board_spec).collect();
    config.boards.push(board_spec(&drydock_assets::qemu_board()));
    config
}

fn board_spec(board: &Description) -> BoardSpec {
    BoardSpec {
        id: board.name.clone(),
        title: board.title.clone(),
        heap_bytes: ram_bytes(board).saturating_sub(FIRMWARE_RAM_BYTES),
        store_bytes: board.flash_area("store").map_or(0, |area| area.bytes),
        pins: board.app_pins.clone(),
        led_pins: board.app_leds(),
    }
}

/// RAM for data, in bytes.
fn ram_bytes(board: &Description) -> u32 {
    let data = board.chip.ram.iter().filter(|ram| !ram.instructions);
    data.map(|ram| ram.bytes).sum()
}

/// Kinds of boards that can be added, and files of the user's own that are broken.
pub(crate) fn kinds(workbench: &WorkbenchState) -> Vec<BoardKindView> {
    let own = workbench.own_kinds.files();
    let mut kinds: Vec<BoardKindView> = own_kinds::known(workbench)
        .into_iter()
        .map(|board| kind_view(own_kinds::file_of(workbench, &board.name), board))
        .collect();
    // Kinds without a limit come first: the first one is the default for a new user.
    kinds.sort_by_key(|kind| !kind.limit.is_empty());
    kinds.extend(own.iter().filter_map(broken));
    kinds
}

/// A kind in lists. `file` is that of a user's board.
pub(crate) fn kind_view(file: Option<String>, board: Description) -> BoardKindView {
    BoardKindView {
        title: board.title.clone(),
        chip: board.chip.title.clone(),
        flash_bytes: board.chip.flash.bytes,
        ram_bytes: ram_bytes(&board),
        addable: drydock_embedded::firmware(board.firmware_name()).is_ok(),
        limit: limit(&board),
        takes_apps: board.limit.as_ref().is_none_or(|limit| limit.apps),
        enrolls: board.limit.as_ref().is_none_or(|limit| limit.enrolls),
        app_pins: Some(board.app_pins.clone()),
        flashing: board.flashing.iter().map(|way| way.method.to_string()).collect(),
        engines: engines(Some(&board)),
        extends: board.extends,
        problems: Vec::new(),
        file,
        id: board.name,
    }
}

/// A file that describes no board, among the kinds.
fn broken(file: &BoardFile) -> Option<BoardKindView> {
    let invalid = file.board.as_ref().err()?;
    let problems = invalid.to_string().lines().map(Into::into).collect();
    Some(BoardKindView {
        limit: format!("The file describes no board: {}.", invalid.first()),
        problems,
        addable: false,
        ..kind_view(
            Some(file.path.display().to_string()),
            Description::missing(&file.name()),
        )
    })
}

/// Drydock's firmware for a kind of board.
///
/// # Errors
/// There is none, in a sentence.
pub(crate) fn ours(board: &Description) -> Result<FirmwareImage, ApiError> {
    match drydock_embedded::firmware(board.firmware_name()) {
        Ok(image) => Ok(image),
        Err(NotBuilt::NoPort { .. }) if is_bare(board) => {
            let text = format!(
                "{} is a board of your own that names a chip, so it runs programs of your own only; give it one with --firmware.",
                board.name
            );
            Err(ApiError::new(ErrorCode::Refused, text))
        }
        Err(error) => Err(with_sources(ErrorCode::Refused, &error)),
    }
}

/// Whether it is a user's board that extends none, so that no firmware of Drydock's runs on it.
fn is_bare(board: &Description) -> bool {
    board.extends.is_none() && drydock_assets::board(&board.name).is_none()
}

/// A sentence about what does not work on a board.
fn limit(board: &Description) -> String {
    let missing = drydock_embedded::firmware(board.firmware_name())
        .err()
        .filter(|_| !is_bare(board))
        .map(|missing| format!("{missing}."));
    let text = || {
        board
            .limit
            .as_ref()
            .map(|limit| format!("On this board {}.", limit.text))
    };
    missing.or_else(text).unwrap_or_default()
}

/// Adds an emulated board and switches it on.
pub(crate) async fn add(workbench: &Arc<WorkbenchState>, request: BoardAdd) -> Result<BoardView, ApiError> {
    let (description, kind) = match &request.kind_file {
        Some(path) => {
            let board = own_kinds::read(path)?;
            (board.clone(), BoardKind::once(board))
        }
        None => {
            let board = own_kinds::find(workbench, &request.kind)?;
            (board.clone(), BoardKind::kept(board))
        }
    };
    let engine_name = request.engine.unwrap_or_else(|| engine_for(&description));
    engine(&engine_name, &description)?;
    let firmware = match request.firmware {
        Some(file) => Some(own_firmware::read(file, &description, &engine_name).await?),
        None => {
            ours(&description)?;
            None
        }
    };
    let _adding = workbench.adding.read().await;
    let table = request.part_values.as_deref();
    let parts = parts::records(&description, &engine_name, &request.parts, table).await?;
    let seed = match request.seed {
        Some(text) => {
            parse_seed(&text).ok_or_else(|| usage(format!("{text} is no seed; write up to 64 hexadecimal digits.")))?
        }
        None => Seed(random()?),
    };
    if let Some(noise) = &request.link_noise {
        parse_noise(noise).ok_or_else(|| {
            usage(format!(
                "{noise} is no link noise; write the share of damaged frames, as in 0.01 or 0.01:7."
            ))
        })?;
    }
    let name = match request.name {
        Some(name) => reserve_name(workbench, name)?,
        None => workbench.fleet.reserve_numbered("bench"),
    };
    let (id, device) = place(workbench, name.text()).await?;
    let firmware = match firmware {
        Some(firmware) => Some(own_firmware::keep(workbench, id.text(), firmware).await?),
        None => None,
    };
    parts::keep(workbench, parts.modules).await?;
    part_contents::keep_new(workbench, id.text(), parts.contents).await?;
    let record = BoardRecord {
        id: id.text().to_owned(),
        name: name.text().to_owned(),
        labels: BTreeSet::new(),
        kind: description.name.clone(),
        device,
        on: true,
        host: HostRecord::Emulated(Box::new(EmulatedRecord {
            engine: engine_name,
            pace: request.pace,
            seed: format!("{seed:?}"),
            link_noise: request.link_noise,
            firmware,
            parts: parts.records,
            part_values: BTreeMap::new(),
            part_table: parts.table.map(Arc::new),
        })),
    };
    save(workbench, Some(&record)).await?;
    let seed = json!(format!("{seed:?}"));
    let entered = enter(workbench, record, kind, true);
    was_added(workbench, &entered.board, Some(seed));
    let recorded = match request.record {
        Some(RecordingFile { file, overwrite }) => {
            let start = RecordingStart {
                boards: vec![entered.board.id.clone()],
                file: Some(file),
                overwrite,
                max_bytes: None,
            };
            recordings::start(workbench, start).await.map(|_| ())
        }
        None => Ok(()),
    };
    let board = entered.begin(workbench, None);
    if let Err(error) = recorded {
        remove(workbench, &board.id).await?;
        return Err(error);
    }
    Ok(workbench.view(&board))
}

/// Publishes that a board of this run was added.
pub(crate) fn was_added(workbench: &WorkbenchState, board: &Arc<FleetBoard>, seed: Option<Value>) {
    let mut data = Map::new();
    data.insert("kind".into(), json!(board.description().name));
    data.extend(seed.map(|seed| ("seed".into(), seed)));
    let text = format!("{} was added.", board.name());
    workbench.publish(EventName::BoardAdded, Some(board), text, data);
    workbench.throttle.touch(board);
}

/// Switches a board on or off, and keeps that.
pub(crate) async fn switch(workbench: &WorkbenchState, board: &Arc<FleetBoard>, on: bool) -> Result<(), ApiError> {
    let action = if on { PowerAction::On } else { PowerAction::Off };
    board.command(|reply| Command::Power(action, reply)).await?;
    board.state().record.on = on;
    save(workbench, None).await
}

/// Reserves a name by a pattern, in which `{n}` becomes the first free number.
pub(crate) fn reserve_pattern<'a>(workbench: &'a WorkbenchState, pattern: &str) -> Result<Reservation<'a>, ApiError> {
    if !pattern.contains("{n}") {
        return reserve_name(workbench, pattern.to_owned());
    }
    let names = (1..=u32::MAX).map(|number| pattern.replace("{n}", &number.to_string()));
    let mut reserved = names.filter_map(|name| match free_name(workbench, name.clone()) {
        Ok(name) => workbench.fleet.reserve(name).map(Ok),
        Err(_) if workbench.fleet.find(name.trim()).is_some() => None,
        Err(error) => Some(Err(error)),
    });
    reserved
        .next()
        .unwrap_or_else(|| Err(usage("There is no free number for this name.")))
}

/// A new board's id, and its place in the registry.
pub(crate) async fn place<'a>(
    workbench: &'a WorkbenchState,
    name: &str,
) -> Result<(Reservation<'a>, DeviceId), ApiError> {
    // Among a thousand boards, two draw the same id in one of thirty fleets.
    let id = loop {
        let id: [u8; 3] = random()?;
        let id = format!("b-{:02x}{:02x}{:02x}", id[0], id[1], id[2]);
        // The folder of a board that was removed may be left, with its flash.
        if !workbench.dir.board(&id).exists()
            && let Some(id) = workbench.fleet.reserve(id)
        {
            break id;
        }
    };
    let pairing = workbench.gateway.create_own_pairing(PLACE_TTL, name.to_owned()).await;
    let pairing = pairing.map_err(|error| with_sources(ErrorCode::Refused, &error))?;
    Ok((id, pairing.device))
}

/// Takes a board of an earlier run into the fleet, and switches it on if it was on.
pub(crate) fn restore(workbench: &Arc<WorkbenchState>, record: BoardRecord, switch_on: bool) {
    match own_kinds::of_record(workbench, &record.kind) {
        Ok(description) => {
            let on = record.on && switch_on;
            enter(workbench, record, BoardKind::kept(description), on).begin(workbench, None);
        }
        Err(problem) => {
            tracing::error!(
                board = record.name,
                kind = record.kind,
                problem,
                "the kind of a board cannot be used"
            );
            let kind = BoardKind::missing(&record.kind, problem);
            enter(workbench, record, kind, false).begin(workbench, None);
        }
    }
}

/// A board of the fleet whose task does not run yet.
pub(crate) struct Entered {
    pub(crate) board: Arc<FleetBoard>,
    commands: mpsc::Receiver<Command>,
    on: bool,
}

/// Takes a board into the fleet. Whoever announces it does so before its task begins, which publishes what the board does.
pub(crate) fn enter(workbench: &Arc<WorkbenchState>, record: BoardRecord, kind: BoardKind, on: bool) -> Entered {
    let (board, commands) = FleetBoard::new(record, kind, on);
    workbench.fleet.insert(Arc::clone(&board));
    Entered { board, commands, on }
}

impl Entered {
    /// Starts the board's task.
    pub(crate) fn begin(
        self,
        workbench: &Arc<WorkbenchState>,
        origin: Option<Arc<MachineSnapshot>>,
    ) -> Arc<FleetBoard> {
        let Self { board, commands, on } = self;
        recordings::recent::board_entered(workbench, &board);
        let task = board_task::run(Arc::clone(workbench), Arc::clone(&board), commands, on, origin);
        tokio::spawn(task);
        board
    }
}

/// Removes a board: its machine, its device and its desired apps.
pub(crate) async fn remove(workbench: &Arc<WorkbenchState>, name: &str) -> Result<Empty, ApiError> {
    let board = workbench.board(name)?;
    board.command(Command::End).await?;
    workbench.fleet.remove(&board.id);
    workbench.profiles.forget(&board.id);
    workbench.debuggers.forget(&board.id);
    board_terminals::forget(workbench, &board.id);
    recordings::board_removed(workbench, &board.id).await;
    // Through the throttle, so that no pending update of the board comes after its removal.
    workbench.throttle.touch(&board);
    save(workbench, None).await?;
    let device = board.state().record.device.clone();
    if workbench
        .gateway
        .device(&device)
        .is_some_and(|device| device.state != DeviceState::Retired)
    {
        let retired = workbench.gateway.retire_device(&device).await;
        retired.map_err(|error| with_sources(ErrorCode::Internal, &error))?;
    }
    let files = workbench.dir.board(&board.id);
    if let Err(error) = tokio::fs::remove_dir_all(&files).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, files = %files.display(), "files of a removed board stay");
    }
    parts::collect_modules(workbench).await;
    workbench.publish(
        EventName::BoardRemoved,
        Some(&board),
        format!("{} was removed.", board.name()),
        Map::new(),
    );
    Ok(Empty {})
}

/// Renames a board.
pub(crate) async fn rename(workbench: &Arc<WorkbenchState>, request: BoardRename) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    let name = reserve_name(workbench, request.name)?;
    let device = board.state().record.device.clone();
    let renamed = workbench.gateway.rename_device(&device, name.text()).await;
    renamed.map_err(|error| with_sources(ErrorCode::Refused, &error))?;
    name.text().clone_into(&mut board.state().record.name);
    save(workbench, None).await?;
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Switches a machine.
pub(crate) async fn power(workbench: &Arc<WorkbenchState>, request: BoardPower) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    let on = match request.action {
        PowerAction::On => Some(true),
        PowerAction::Off => Some(false),
        PowerAction::Reset | PowerAction::Cut | PowerAction::Pause | PowerAction::Resume => None,
    };
    // A board that is off takes its kind's description as it is now; one that runs keeps its own.
    if on == Some(true) && board.state().machine.is_none() && !board.is_starting() {
        let refreshed = own_kinds::refresh(workbench, &board);
        workbench.throttle.touch(&board);
        refreshed.map_err(|_| ()).or_else(|()| board.check_kind())?;
    }
    // A board on a cable has no machine; its host says what it can do.
    if on.is_none() && board.emulated().is_ok() {
        board.machine().await?;
    }
    board.command(|reply| Command::Power(request.action, reply)).await?;
    if let Some(on) = on {
        board.state().record.on = on;
        save(workbench, None).await?;
    }
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Changes the pace of a machine's time; also for the next machine, if the board is off.
pub(crate) async fn pace(workbench: &Arc<WorkbenchState>, request: &MachinePace) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    board.emulated()?;
    {
        let mut state = board.state();
        if let Some(emulated) = state.record.emulated_mut() {
            emulated.pace = request.pace;
        }
        if let Some(machine) = &state.machine {
            machine.set_pace(runner_pace(request.pace));
        }
    }
    save(workbench, None).await?;
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Executes some instructions of a paused machine.
pub(crate) fn step(workbench: &Arc<WorkbenchState>, request: &MachineStep) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    board.emulated()?;
    let machine = board.state().machine.clone();
    let paused = machine.filter(|machine| machine.status().state == RunState::Paused);
    let Some(machine) = paused else {
        let text = format!("Time does not stand on {}; pause it first.", board.name());
        return Err(ApiError::new(ErrorCode::Refused, text));
    };
    machine.step(u64::from(request.count));
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Holds or releases a button.
pub(crate) async fn button(workbench: &Arc<WorkbenchState>, request: BoardButton) -> Result<Empty, ApiError> {
    let board = workbench.board(&request.board)?;
    let description = board.description();
    let buttons = &description.buttons;
    let Some(index) = buttons.iter().position(|button| button.name == request.button) else {
        let names: Vec<&str> = buttons.iter().map(|button| button.name.as_str()).collect();
        let text = format!(
            "{} has no button {}; it has: {}.",
            board.name(),
            request.button,
            names.join(", ")
        );
        return Err(ApiError::new(ErrorCode::NotFound, text));
    };
    board.machine().await?;
    board
        .command(|reply| Command::Button(index, request.pressed, reply))
        .await?;
    workbench.throttle.touch(&board);
    Ok(Empty {})
}

/// Ends all boards' machines and waits until their data is saved.
pub(crate) async fn end_all(workbench: &WorkbenchState) {
    let mut ends = tokio::task::JoinSet::new();
    for board in workbench.fleet.all() {
        ends.spawn(async move { board.command(Command::End).await });
    }
    while ends.join_next().await.is_some() {}
}

/// Writes the list of boards, and one that is about to be added.
pub(crate) async fn save(workbench: &WorkbenchState, new: Option<&BoardRecord>) -> Result<(), ApiError> {
    let saved = workbench.fleet.save(workbench.dir.path(), new).await;
    saved.map_err(|error| {
        let text = format!(
            "The list of boards cannot be written in {}: {error}. Free some space and try again.",
            workbench.dir.path().display()
        );
        ApiError::internal(text)
    })
}

/// Reserves a name that the user chose.
pub(crate) fn reserve_name(workbench: &WorkbenchState, name: String) -> Result<Reservation<'_>, ApiError> {
    let name = free_name(workbench, name)?;
    // Another board of this name may be in the making.
    let reserved = workbench.fleet.reserve(name.clone());
    reserved.ok_or_else(|| usage(format!("There is a board {name} already; choose another name.")))
}

pub(crate) fn free_name(workbench: &WorkbenchState, name: String) -> Result<String, ApiError> {
    let name = proper_name(&name)?;
    if workbench.fleet.find(&name).is_some() {
        return Err(usage(format!("There is a board {name} already; choose another name.")));
    }
    Ok(name)
}

/// A name without space around it, whether there is such a board or not.
pub(crate) fn proper_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_control()) {
        return Err(usage("A board's name has 1 to 64 printable characters."));
    }
    Ok(name.to_owned())
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::internal(format!("This system gives no random numbers: {error}.")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ram_of_a_kind_is_what_its_limit_says() {
        let kinds: Vec<BoardKindView> = drydock_assets::boards()
            .into_iter()
            .map(|board| kind_view(None, board))
            .collect();
        let hifive = kinds.iter().find(|kind| kind.id == "hifive1-revb").unwrap();
        assert_eq!(hifive.ram_bytes, 16 << 10, "the memory for instructions does not count");
        let nano = kinds.iter().find(|kind| kind.id == "nano33ble").unwrap();
        assert_eq!(nano.ram_bytes, 256 << 10);
    }
}
