//! The open GDB servers: one for each board or debug probe that the user opened one for.

use crate::api::{GdbState, GdbView};
use drydock_assets::Core;
use drydock_gdb::{GdbServer, StopSwitch};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// The servers, by the id of the board or of the probe.
#[derive(Default)]
pub(crate) struct DebugServers(Mutex<HashMap<String, DebugServer>>);

/// A server that was opened. Its thread serves one debugger after the other.
pub(crate) struct DebugServer {
    address: SocketAddr,
    /// What a debugger should load, if that is known.
    program: Option<PathBuf>,
    core: Core,
    attached: Arc<AtomicBool>,
    stop: StopSwitch,
    failure: LastFailure,
    thread: JoinHandle<()>,
}

/// Why the last debugger's session failed; `None` if it did not.
#[derive(Clone, Default)]
pub(crate) struct LastFailure(Arc<Mutex<Option<String>>>);

impl LastFailure {
    pub(crate) fn set(&self, text: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl DebugServer {
    /// Starts the thread of a server.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        server: GdbServer,
        program: Option<PathBuf>,
        core: Core,
        serve: impl FnOnce(GdbServer, LastFailure) + Send + 'static,
    ) -> io::Result<Self> {
        let (address, attached, stop) = (server.address()?, server.attached(), server.stop_switch());
        let failure = LastFailure::default();
        let told = failure.clone();
        let thread = std::thread::Builder::new()
            .name("gdb".into())
            .spawn(move || serve(server, told))?;
        Ok(Self {
            address,
            program,
            core,
            attached,
            stop,
            failure,
            thread,
        })
    }

    /// Where debuggers connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and waits until nothing is held any more. It blocks.
    pub(crate) fn end(self) {
        self.stop.stop();
        // A thread that panicked holds nothing either.
        let _ = self.thread.join();
    }

    /// The command that starts a debugger; on Debian `gdb-multiarch` knows both architectures.
    fn command(&self) -> String {
        let architecture = match self.core {
            Core::CortexM4f => "arm",
            Core::Rv32imac => "riscv:rv32",
        };
        let program = self.program.as_ref().map(|program| format!(" '{}'", program.display()));
        format!(
            "gdb-multiarch -ex 'set architecture {architecture}' -ex 'target remote {}'{}",
            self.address,
            program.unwrap_or_default()
        )
    }
}

impl DebugServers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, DebugServer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the server of a board or a probe is.
    pub(crate) fn view(&self, id: &str, name: String) -> GdbView {
        let servers = self.lock();
        let server = servers.get(id).filter(|server| !server.thread.is_finished());
        let state = match server {
            None => GdbState::Closed,
            Some(server) if server.attached.load(Ordering::Acquire) => GdbState::Attached,
            Some(_) => GdbState::Waiting,
        };
        GdbView {
            board: name,
            state,
            address: server.map(|server| server.address.to_string()),
            program: server
                .and_then(|server| server.program.as_ref())
                .map(|program| program.display().to_string()),
            command: server.map(DebugServer::command),
            text: server.and_then(|server| server.failure.get()),
        }
    }

    /// The board was removed: closes its server.
    pub(crate) fn forget(&self, board: &str) {
        if let Some(server) = self.lock().remove(board) {
            server.stop.stop();
        }
    }

    /// Adds a server.
    pub(crate) fn insert(&self, id: &str, server: DebugServer) {
        self.lock().insert(id.to_owned(), server);
    }

    /// Takes a server out.
    pub(crate) fn remove(&self, id: &str) -> Option<DebugServer> {
        self.lock().remove(id)
    }

    /// Closes all servers, and waits until no board is held any more. It blocks.
    pub(crate) fn close_all(&self) {
        let servers: Vec<DebugServer> = self.lock().drain().map(|(_, server)| server).collect();
        for server in &servers {
            server.stop.stop();
        }
        servers.into_iter().for_each(DebugServer::end);
    }
}
