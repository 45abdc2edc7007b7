//! GDB servers: one on the loopback address for each emulated board and each debug probe that the user opened one for.
//! While a debugger holds a machine, the machine's virtual time stops, and with it all time-outs of its link and session.
//! A physical board has no such time: its link may be lost while it is held.

use crate::{
    api::{ApiError, ErrorCode, EventName, GdbOpen, GdbState, GdbView, is_probe_id},
    data_dir::write_whole,
    debug_servers::{DebugServer, LastFailure},
    errors::{sentence, usage, with_sources},
    fleet::{FleetBoard, PortUser},
    hardware::{board_behind, lease},
    own_firmware,
    state::WorkbenchState,
};
use drydock_assets::{Board as Description, Core};
use drydock_emulator::gdb::{GdbTarget, Held};
use drydock_gdb::{End, GdbError, GdbServer};
use drydock_hardware::probe::ProbedTarget;
use serde_json::{Map, Value, json};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

/// Lets debuggers connect to a board's machine, or to the board behind a probe.
pub(crate) async fn open(workbench: &Arc<WorkbenchState>, request: GdbOpen) -> Result<GdbView, ApiError> {
    if is_probe_id(&request.board) {
        return open_probe(workbench, request).await;
    }
    let board = workbench.board(&request.board)?;
    if request.kind.is_some() || request.elf.is_some() {
        return Err(usage(format!(
            "{} is a board of the fleet: its kind and its program are known; name them for a debug probe only.",
            board.name()
        )));
    }
    let machine = board.machine().await?;
    if let Some(known) = already(workbench, &board.id, &board.name(), request.port)? {
        return Ok(known);
    }
    let server = bind(request.port)?;
    let program = match own_firmware::record_of(&board) {
        Some(own) => own.is_elf().then(|| own.file(&workbench.dir.board(&board.id))),
        None => Some(write_program(workbench, &board.description()).await?),
    };
    let (weak, of) = (Arc::downgrade(workbench), Arc::clone(&board));
    let serve = move |mut server: GdbServer, failure: LastFailure| {
        let target = || GdbTarget::new(Held::new(machine.clone()));
        serve_all(
            &weak,
            &failure,
            || server.serve(target()),
            |workbench, why| {
                let text = match why {
                    None => format!("The debugger of {} went; the board goes on as before.", of.name()),
                    Some(why) => format!("The debugger of {} went: {why}.", of.name()),
                };
                workbench.publish(EventName::GdbDetached, Some(&of), text, Map::new());
            },
        );
    };
    let server = start(server, program, board.description().chip.core, serve)?;
    let address = server.address();
    workbench.debuggers.insert(&board.id, server);
    let mut data = Map::new();
    data.insert("address".into(), json!(address.to_string()));
    let text = format!("{} waits for a debugger at {address}.", board.name());
    workbench.publish(EventName::GdbOpened, Some(&board), text, data);
    Ok(workbench.debuggers.view(&board.id, board.name()))
}

async fn open_probe(workbench: &Arc<WorkbenchState>, request: GdbOpen) -> Result<GdbView, ApiError> {
    let probe = request.board;
    let elf = request.elf.map(PathBuf::from);
    if elf.as_deref().is_some_and(|elf| !elf.is_absolute() || !elf.is_file()) {
        return Err(usage(
            "Give the absolute path of the ELF file of the program that runs.",
        ));
    }
    if let Some(known) = already(workbench, &probe, &probe, request.port)? {
        return Ok(known);
    }
    let board = board_behind(workbench, &probe, request.kind.as_deref()).await?;
    let lease = lease(workbench, &probe, PortUser::Debugger)?;
    let server = bind(request.port)?;
    let target = ProbedTarget::new(&workbench.hardware.probes, &probe, &board);
    let checked = tokio::task::spawn_blocking(move || target.check());
    checked
        .await
        .map_err(|error| ApiError::internal(format!("The probe cannot be used: {error}.")))?
        .map_err(|error| with_sources(ErrorCode::Board, &error))?;
    let program = match elf {
        Some(elf) => Some(elf),
        // The program on the board may be any.
        None if drydock_embedded::firmware(board.firmware_name()).is_err() => None,
        None => Some(write_program(workbench, &board).await?),
    };
    let core = board.chip.core;
    let (weak, probes, id) = (
        Arc::downgrade(workbench),
        Arc::clone(&workbench.hardware.probes),
        probe.clone(),
    );
    let serve = move |mut server: GdbServer, failure: LastFailure| {
        let _lease = lease;
        let target = || ProbedTarget::new(&probes, &id, &board);
        serve_all(
            &weak,
            &failure,
            || server.serve(target()),
            |workbench, why| {
                let text = match why {
                    None => format!("The debugger at {id} went; the board runs on."),
                    Some(why) => format!("The debugger at {id} went: {why}."),
                };
                workbench.publish(EventName::GdbDetached, None, text, about(&id));
            },
        );
    };
    let server = start(server, program, core, serve)?;
    let address = server.address();
    workbench.debuggers.insert(&probe, server);
    let mut data = about(&probe);
    data.insert("address".into(), json!(address.to_string()));
    let text = format!("The board behind {probe} waits for a debugger at {address}.");
    workbench.publish(EventName::GdbOpened, None, text, data);
    Ok(workbench.debuggers.view(&probe, probe.clone()))
}

fn about(probe: &str) -> Map<String, Value> {
    Map::from_iter([("probe".to_owned(), json!(probe))])
}

/// The server that is open already, if it fits.
fn already(workbench: &WorkbenchState, id: &str, name: &str, asked: Option<u16>) -> Result<Option<GdbView>, ApiError> {
    let known = workbench.debuggers.view(id, name.to_owned());
    if known.state == GdbState::Closed {
        return Ok(None);
    }
    let port = known.address.as_deref().and_then(|address| address.rsplit(':').next());
    if asked.is_none_or(|asked| Some(asked.to_string().as_str()) == port) {
        return Ok(Some(known));
    }
    let text = format!(
        "{name} waits for a debugger at {} already; close it first.",
        known.address.unwrap_or_default()
    );
    Err(ApiError::new(ErrorCode::Refused, text))
}

fn bind(port: Option<u16>) -> Result<GdbServer, ApiError> {
    let port = port.unwrap_or(0);
    GdbServer::bind(port).map_err(|error| {
        let text = format!("Port {port} of the loopback address cannot be opened: {error}; choose another one.");
        ApiError::new(ErrorCode::Board, text)
    })
}

fn start(
    server: GdbServer,
    program: Option<PathBuf>,
    core: Core,
    serve: impl FnOnce(GdbServer, LastFailure) + Send + 'static,
) -> Result<DebugServer, ApiError> {
    DebugServer::start(server, program, core, serve)
        .map_err(|error| ApiError::internal(format!("The port for debuggers cannot be served: {error}.")))
}

/// Serves one debugger after the other, until the server is closed or the machine has ended. `went` publishes how each
/// session ended: with a reason if it failed.
fn serve_all(
    workbench: &Weak<WorkbenchState>,
    failure: &LastFailure,
    mut serve: impl FnMut() -> Result<End, GdbError>,
    went: impl Fn(&WorkbenchState, Option<&str>),
) {
    loop {
        let why = match serve() {
            Ok(End::Stopped) => return,
            Ok(End::Detached | End::Killed) => None,
            // The sentence stands in another one.
            Err(GdbError::Gone(why)) => Some(why),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = &why {
            tracing::info!(%why, "a debugger's session ended");
        }
        failure.set(why.as_deref().map(sentence));
        let Some(workbench) = workbench.upgrade() else { return };
        went(&workbench, why.as_deref());
    }
}

/// How the server of a board or a probe is.
pub(crate) fn view(workbench: &WorkbenchState, board: &str) -> Result<GdbView, ApiError> {
    if is_probe_id(board) {
        return Ok(workbench.debuggers.view(board, board.to_owned()));
    }
    let board = workbench.board(board)?;
    Ok(workbench.debuggers.view(&board.id, board.name()))
}

/// Closes the server of a board or a probe. A connected debugger is detached, and the board continues.
pub(crate) async fn close(workbench: &WorkbenchState, board: &str) -> Result<GdbView, ApiError> {
    let fleet_board: Option<Arc<FleetBoard>> = match is_probe_id(board) {
        true => None,
        false => Some(workbench.board(board)?),
    };
    let (id, name) = match &fleet_board {
        Some(board) => (board.id.clone(), board.name()),
        None => (board.to_owned(), board.to_owned()),
    };
    if let Some(server) = workbench.debuggers.remove(&id) {
        // Until the thread ends, the board may still be held.
        let _ = tokio::task::spawn_blocking(move || server.end()).await;
        let data = if fleet_board.is_none() { about(&id) } else { Map::new() };
        let text = format!("{name} no longer takes debuggers.");
        workbench.publish(EventName::GdbClosed, fleet_board.as_deref(), text, data);
    }
    Ok(workbench.debuggers.view(&id, name))
}

/// Writes the firmware with its symbols to a file that a debugger can read.
async fn write_program(workbench: &WorkbenchState, board: &Description) -> Result<PathBuf, ApiError> {
    let kind = &board.name;
    let firmware = drydock_embedded::firmware(kind).map_err(|error| {
        let text = format!("{} has no firmware here: {error}.", board.title);
        ApiError::new(ErrorCode::Refused, text)
    })?;
    let path = workbench.dir.path().join("debug").join(format!("{kind}.elf"));
    let (file, bytes) = (path.clone(), firmware.elf);
    let written = tokio::task::spawn_blocking(move || write_unless_same(&file, bytes));
    let written = written.await.map_err(io::Error::other).and_then(|written| written);
    written.map_err(|error| ApiError::internal(format!("{} cannot be written: {error}.", path.display())))?;
    Ok(path)
}

/// A debugger may have an unchanged file open: it is not written again.
fn write_unless_same(file: &Path, bytes: &'static [u8]) -> io::Result<()> {
    match std::fs::read(file) {
        Ok(there) if there == bytes => Ok(()),
        _ => write_whole(file, bytes),
    }
}
