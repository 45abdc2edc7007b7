//! The life of a workbench: opens a data directory, starts its parts, and ends them in order.

#[cfg(test)]
mod cable_tests;
#[cfg(test)]
mod cable_torture;
#[cfg(test)]
mod defmt_tests;
#[cfg(test)]
mod dfu_tests;
mod dispatch;
#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod guest_programs;
#[cfg(test)]
mod own_firmware_tests;
#[cfg(test)]
mod own_kinds_tests;
#[cfg(test)]
mod own_link_tests;
#[cfg(test)]
mod parts_tests;
#[cfg(test)]
mod pin_tests;
#[cfg(test)]
mod post_mortem_tests;
#[cfg(test)]
mod probe_gdb_tests;
#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod recent_tests;
#[cfg(test)]
mod recording_tests;
#[cfg(test)]
mod test_fleet;
#[cfg(test)]
mod tests;

use crate::{
    api::{ApiError, ErrorCode, Event, Request, Response},
    boards,
    data_dir::{OpenError, OwnedDir},
    errors::with_sources,
    fleet, logging,
    owner::{Server, answer_panics},
    recordings,
    state::WorkbenchState,
};
use dispatch::{ApiService, call};
use drydock_client::{DataDir, Updates};
use drydock_emulator::runner::Runner;
use drydock_gateway::{AuditEntry, AuditError, AuditHead, AuditTip, Gateway};
use std::{net::SocketAddr, sync::Arc};
use tokio::task::JoinSet;

/// How a workbench is opened.
#[derive(Debug, Clone, Default)]
pub struct WorkbenchConfig {
    /// The data directory.
    pub data: DataDir,
    /// Write a log into the data directory.
    pub log: bool,
    /// Do not switch on the boards that were on: only read their records.
    pub leave_boards_off: bool,
    /// Let boards connect over TCP here.
    pub listen: Option<SocketAddr>,
    /// Keep the last hour of the boards: for owners that stay.
    pub keep_recent: bool,
    /// Let the debug probes and serial adapters of virtual boards be as slow as a wire and a chip. Otherwise they are as
    /// fast as this host.
    pub slow_virtual_wires: bool,
}

/// Version and commit of Drydock.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("DRYDOCK_COMMIT"), ")");

/// Why a workbench could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The data directory.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] drydock_gateway::OpenError),
    /// The port to listen on.
    #[error(transparent)]
    Listen(#[from] drydock_gateway::ListenError),
    /// The list of boards, the log or the socket.
    #[error("{0}")]
    Start(String),
}

impl From<WorkbenchError> for ApiError {
    fn from(error: WorkbenchError) -> Self {
        with_sources(ErrorCode::Internal, &error)
    }
}

/// An open data directory, its gateway and its boards.
pub struct Workbench {
    workbench: Arc<WorkbenchState>,
    tasks: JoinSet<()>,
    server: Option<Server>,
    recovered: Option<Event>,
}

impl Workbench {
    /// Opens a data directory, starts its gateway, switches its boards on and opens its socket.
    ///
    /// # Errors
    /// [`WorkbenchError`]; [`OpenError::Owned`] if another process owns the directory: attach to that one.
    pub async fn open(config: WorkbenchConfig) -> Result<Self, WorkbenchError> {
        let dir = OwnedDir::open(&config.data)?;
        if config.log
            && let Err(error) = logging::log_to(dir.path())
        {
            return Err(WorkbenchError::Start(format!("the log cannot be written: {error}")));
        }
        let records = fleet::read(dir.path()).map_err(|error| WorkbenchError::Start(error.to_string()))?;
        let unclean = dir.was_left_unclean();
        let gateway = Gateway::open(boards::gateway_config(dir.path())).await?;
        if let Some(address) = config.listen {
            gateway.listen(address).await?;
        }
        let runner = Runner::new()
            .map_err(|error| WorkbenchError::Start(format!("this system gives no threads for machines: {error}")))?;
        let workbench = Arc::new(WorkbenchState::new(dir, gateway, runner));
        workbench.hardware.desk.slow_wires(config.slow_virtual_wires);
        let mut tasks = JoinSet::new();
        if config.keep_recent {
            recordings::recent::begin(&workbench);
            tasks.spawn(recordings::recent::run(Arc::clone(&workbench)));
        }
        for record in records {
            boards::restore(&workbench, record, !config.leave_boards_off);
        }
        tasks.spawn(Arc::clone(&workbench).follow_gateway());
        tasks.spawn(Arc::clone(&workbench).follow_transfers());
        tasks.spawn(Arc::clone(&workbench).publish_changes());
        tasks.spawn(Arc::clone(&workbench).follow_hardware());
        let server = Server::open(&workbench.dir, Arc::new(ApiService(Arc::clone(&workbench))))
            .map_err(|error| WorkbenchError::Start(format!("the owner's socket cannot be opened: {error}")))?;
        let recovered = unclean.then(|| workbench.publish_recovery());
        tracing::info!(data = %workbench.dir.path().display(), unclean, "open");
        Ok(Self {
            workbench,
            tasks,
            server: Some(server),
            recovered,
        })
    }

    /// Carries out a request.
    ///
    /// # Errors
    /// [`ApiError`], as it is shown to the user.
    pub async fn call(&self, request: Request) -> Result<Response, ApiError> {
        answer_panics(request.method(), call(&self.workbench, request)).await
    }

    /// Updates from now on.
    pub fn subscribe(&self) -> Updates {
        self.workbench.hub.subscribe()
    }

    /// What the previous run left undone, if it ended uncleanly. This event was published before anybody could
    /// subscribe.
    pub fn recovered(&self) -> Option<&Event> {
        self.recovered.as_ref()
    }

    /// Switches the machines off, saves their data and closes the data directory.
    pub async fn shutdown(mut self) {
        self.server.take();
        let workbench = Arc::clone(&self.workbench);
        // A board that a debugger holds must run on. Only a server that panicked fails here.
        let _ = tokio::task::spawn_blocking(move || workbench.debuggers.close_all()).await;
        self.workbench.jobs.end_all().await;
        self.workbench.pairing.end();
        boards::end_all(&self.workbench).await;
        recordings::end_all(&self.workbench).await;
        self.workbench.gateway.close().await;
        self.tasks.shutdown().await;
        self.workbench.hardware.close();
        self.workbench.hub.close();
        self.workbench.dir.close();
        tracing::info!("closed");
    }
}

/// Reads and checks the audit trail of a data directory, even if another process owns it. It must hold the expected head.
///
/// # Errors
/// [`AuditError`].
pub async fn read_audit_trail(
    which: &DataDir,
    expected: Option<AuditHead>,
    each: impl FnMut(AuditEntry),
) -> Result<AuditTip, AuditError> {
    let directory = which.path().unwrap_or_default().join("gateway");
    Gateway::read_audit_trail(&directory, expected, each).await
}
