//! The open GDB servers: one for each board that the user opened one for.

use crate::{
    api::{GdbState, GdbView},
    fleet::FleetBoard,
};
use drydock_assets::Core;
use drydock_emulator::gdb::StopSwitch;
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// The servers, by the board's id.
#[derive(Default)]
pub(crate) struct DebugServers(Mutex<HashMap<String, DebugServer>>);

pub(crate) struct DebugServer {
    pub(crate) address: SocketAddr,
    pub(crate) program: PathBuf,
    pub(crate) attached: Arc<AtomicBool>,
    pub(crate) stop: StopSwitch,
    pub(crate) thread: JoinHandle<()>,
}

impl DebugServers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, DebugServer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the server of a board is.
    pub(crate) fn view(&self, board: &FleetBoard) -> GdbView {
        let servers = self.lock();
        let server = servers.get(&board.id).filter(|server| !server.thread.is_finished());
        let state = match server {
            None => GdbState::Closed,
            Some(server) if server.attached.load(Ordering::Acquire) => GdbState::Attached,
            Some(_) => GdbState::Waiting,
        };
        GdbView {
            board: board.name(),
            state,
            address: server.map(|server| server.address.to_string()),
            program: server.map(|server| server.program.display().to_string()),
            command: server.map(|server| command(board, server)),
        }
    }

    /// The board was removed: closes its server.
    pub(crate) fn forget(&self, board: &str) {
        if let Some(server) = self.lock().remove(board) {
            server.stop.stop();
        }
    }

    /// Adds the server of a board.
    pub(crate) fn insert(&self, board: &str, server: DebugServer) {
        self.lock().insert(board.to_owned(), server);
    }

    /// Takes the server of a board out.
    pub(crate) fn remove(&self, board: &str) -> Option<DebugServer> {
        self.lock().remove(board)
    }

    /// Closes all servers.
    pub(crate) fn close_all(&self) {
        for (_, server) in self.lock().drain() {
            server.stop.stop();
        }
    }
}

/// The command that starts a debugger for a board; on Debian `gdb-multiarch` knows both architectures.
fn command(board: &FleetBoard, server: &DebugServer) -> String {
    let architecture = match board.description.chip.core {
        Core::CortexM4f => "arm",
        Core::Rv32imac => "riscv:rv32",
    };
    format!(
        "gdb-multiarch -ex 'set architecture {architecture}' -ex 'target remote {}' '{}'",
        server.address,
        server.program.display()
    )
}
