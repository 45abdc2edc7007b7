//! GDB servers of emulated boards: one on the loopback address for each board that the user opened one for. While a
//! debugger holds a machine, the machine's virtual time stops, and with it all time-outs of its link and session.

use crate::{
    api::{ApiError, ErrorCode, EventName, GdbOpen, GdbState, GdbView},
    data_dir::write_whole,
    debug_servers::DebugServer,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_emulator::gdb::{End, GdbServer, GdbTarget, Held};
use serde_json::{Map, json};
use std::{io, path::PathBuf, sync::Arc};

/// Lets debuggers connect to a board's machine.
pub(crate) async fn open(workbench: &Arc<WorkbenchState>, request: GdbOpen) -> Result<GdbView, ApiError> {
    let board = workbench.board(&request.board)?;
    let machine = board.machine().await?;
    let known = workbench.debuggers.view(&board);
    if known.state != GdbState::Closed {
        let port = known.address.as_deref().and_then(|address| address.rsplit(':').next());
        if request
            .port
            .is_none_or(|asked| Some(asked.to_string().as_str()) == port)
        {
            return Ok(known);
        }
        let text = format!(
            "{} waits for a debugger at {} already; close it first.",
            board.name(),
            known.address.unwrap_or_default()
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let port = request.port.unwrap_or(0);
    let taken = |error: io::Error| {
        let text = format!("Port {port} of the loopback address cannot be opened: {error}; choose another one.");
        ApiError::new(ErrorCode::Board, text)
    };
    let mut server = GdbServer::bind(port).map_err(taken)?;
    let address = server.address().map_err(taken)?;
    let program = write_program(workbench, &board).await?;
    let (attached, stop) = (server.attached(), server.stop_switch());
    let (weak, of) = (Arc::downgrade(workbench), Arc::clone(&board));
    let serve = move || {
        // One debugger after the other, until the server is closed or the machine has ended.
        loop {
            match server.serve(GdbTarget::new(Held::new(machine.clone()))) {
                Ok(End::Stopped) => return,
                Ok(End::Detached | End::Killed) => {}
                Err(error) => tracing::info!(%error, board = of.name(), "a debugger's session ended"),
            }
            let Some(workbench) = weak.upgrade() else { return };
            let text = format!("The debugger of {} went; the board goes on as before.", of.name());
            workbench.publish(EventName::GdbDetached, Some(&of), text, Map::new());
        }
    };
    let thread = std::thread::Builder::new()
        .name("gdb".into())
        .spawn(serve)
        .map_err(|error| ApiError::internal(format!("This system gives no thread: {error}.")))?;
    let server = DebugServer {
        address,
        program,
        attached,
        stop,
        thread,
    };
    workbench.debuggers.insert(&board.id, server);
    let mut data = Map::new();
    data.insert("address".into(), json!(address.to_string()));
    let text = format!("{} waits for a debugger at {address}.", board.name());
    workbench.publish(EventName::GdbOpened, Some(&board), text, data);
    Ok(workbench.debuggers.view(&board))
}

/// How the server of a board is.
pub(crate) fn view(workbench: &WorkbenchState, board: &str) -> Result<GdbView, ApiError> {
    Ok(workbench.debuggers.view(&*workbench.board(board)?))
}

/// Closes the server of a board. A connected debugger is detached, and the board continues.
pub(crate) async fn close(workbench: &WorkbenchState, board: &str) -> Result<GdbView, ApiError> {
    let board = workbench.board(board)?;
    let server = workbench.debuggers.remove(&board.id);
    if let Some(server) = server {
        server.stop.stop();
        // Until the thread ends, the machine may still be held.
        let _ = tokio::task::spawn_blocking(move || server.thread.join()).await;
        let text = format!("{} no longer takes debuggers.", board.name());
        workbench.publish(EventName::GdbClosed, Some(&board), text, Map::new());
    }
    Ok(workbench.debuggers.view(&board))
}

/// Writes the firmware with its symbols to a file that a debugger can read.
async fn write_program(workbench: &WorkbenchState, board: &FleetBoard) -> Result<PathBuf, ApiError> {
    let kind = &board.description.name;
    let firmware = drydock_embedded::firmware(kind).map_err(|error| {
        let text = format!("{} has no firmware here: {error}.", board.description.title);
        ApiError::new(ErrorCode::Refused, text)
    })?;
    let path = workbench.dir.path().join("debug").join(format!("{kind}.elf"));
    let (file, bytes) = (path.clone(), firmware.elf);
    let written = tokio::task::spawn_blocking(move || {
        // A debugger may have an unchanged file open: it is not written again.
        match std::fs::read(&file) {
            Ok(there) if there == bytes => Ok(()),
            _ => write_whole(&file, bytes),
        }
    });
    let written = written.await.map_err(io::Error::other).and_then(|written| written);
    written.map_err(|error| ApiError::internal(format!("{} cannot be written: {error}.", path.display())))?;
    Ok(path)
}
