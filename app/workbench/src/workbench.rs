//! The workbench: opens a data directory, answers requests and tells what changes.

use crate::{
    api::{
        ApiError, Empty, ErrorCode, Event, EventName, Exported, Fleet, MetricsExport, MetricsQuery, Request, Response,
        Series, SystemInfo, Text,
    },
    apps::{self, Action, with_sources},
    state::WorkbenchState,
    boards,
    charts::{self, ChartError},
    data_dir::{OpenError, OwnedDir},
    debugger,
    diagnostics::diagnostics,
    fleet, forks, logging, monitor,
    owner::{Server, Serves, answer_panics},
    update_throttle::now_ms,
    pairing, profile, series, snapshots,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_client::{DataDir, Updates};
use drydock_emulator::runner::Runner;
use drydock_gateway::{AuditEntry, AuditError, AuditTip, Gateway, PairingMode};
use serde_json::Map;
use std::{net::SocketAddr, sync::Arc};
use tokio::task::JoinSet;

/// How a workbench is opened.
#[derive(Debug, Clone, Default)]
pub struct WorkbenchConfig {
    /// The data directory.
    pub data: DataDir,
    /// Write a log into the data directory.
    pub log: bool,
    /// Do not switch on the boards that were on: only look at what is kept of them.
    pub leave_boards_off: bool,
    /// Let boards connect over TCP here.
    pub listen: Option<SocketAddr>,
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
        let mut tasks = JoinSet::new();
        for record in records {
            boards::restore(&workbench, record, !config.leave_boards_off);
        }
        tasks.spawn(Arc::clone(&workbench).follow_gateway());
        tasks.spawn(Arc::clone(&workbench).follow_transfers());
        tasks.spawn(Arc::clone(&workbench).publish_changes());
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

    /// What changes from now on.
    pub fn subscribe(&self) -> Updates {
        self.workbench.hub.subscribe()
    }

    /// What the end of the run before left undone, if that was no clean end. It was told before anybody could subscribe.
    pub fn recovered(&self) -> Option<&Event> {
        self.recovered.as_ref()
    }

    /// Switches the machines off, keeps what must survive and closes the data directory.
    pub async fn shutdown(mut self) {
        self.server.take();
        self.workbench.debuggers.close_all();
        self.workbench.pairing.end();
        boards::end_all(&self.workbench).await;
        self.workbench.gateway.close().await;
        self.tasks.shutdown().await;
        self.workbench.hub.close();
        self.workbench.dir.close();
        tracing::info!("closed");
    }
}

/// Reads and checks the audit trail of a data directory, whoever owns it.
///
/// # Errors
/// [`AuditError`].
pub async fn read_audit_trail(which: &DataDir, each: impl FnMut(AuditEntry)) -> Result<AuditTip, AuditError> {
    let directory = which.path().unwrap_or_default().join("gateway");
    Gateway::read_audit_trail(&directory, each).await
}

/// The workbench as the socket's clients see it.
struct ApiService(Arc<WorkbenchState>);

impl Serves for ApiService {
    async fn call(&self, request: Request) -> Result<Response, ApiError> {
        call(&self.0, request).await
    }

    fn subscribe(&self) -> Updates {
        self.0.hub.subscribe()
    }
}

async fn call(workbench: &Arc<WorkbenchState>, request: Request) -> Result<Response, ApiError> {
    use Request as Q;
    use Response as R;
    Ok(match request {
        Q::SystemInfo(_) => R::SystemInfo(system_info(workbench)),
        Q::Diagnostics(_) => R::Diagnostics(Text {
            text: diagnostics(workbench),
        }),
        Q::BoardKinds(_) => R::BoardKinds(boards::kinds()),
        Q::BoardList(_) => R::BoardList(Fleet {
            revision: workbench.revision(),
            boards: workbench.fleet.all().iter().map(|board| workbench.view(board)).collect(),
        }),
        Q::BoardGet(board) => R::BoardGet(workbench.view(&*workbench.board(&board.board)?)),
        Q::BoardAdd(add) => R::BoardAdd(boards::add(workbench, add).await?),
        Q::BoardRemove(board) => R::BoardRemove(boards::remove(workbench, &board.board).await?),
        Q::BoardRename(rename) => R::BoardRename(boards::rename(workbench, rename).await?),
        Q::BoardPower(power) => R::BoardPower(boards::power(workbench, power).await?),
        Q::BoardButton(button) => R::BoardButton(boards::button(workbench, button).await?),
        Q::MachinePace(pace) => R::MachinePace(boards::pace(workbench, &pace).await?),
        Q::MachineStep(step) => R::MachineStep(boards::step(workbench, &step)?),
        Q::SnapshotList(board) => R::SnapshotList(snapshots::list(workbench, &board.board)?),
        Q::SnapshotTake(take) => R::SnapshotTake(snapshots::take(workbench, take).await?),
        Q::SnapshotRestore(restore) => R::SnapshotRestore(snapshots::restore(workbench, restore).await?),
        Q::SnapshotDelete(snapshot) => R::SnapshotDelete(snapshots::delete(workbench, &snapshot)?),
        Q::SnapshotExport(export) => R::SnapshotExport(snapshots::export(workbench, export).await?),
        Q::SnapshotImport(import) => R::SnapshotImport(snapshots::import(workbench, import).await?),
        Q::BoardFork(fork) => R::BoardFork(forks::fork(workbench, fork).await?),
        Q::ProfileStart(start) => R::ProfileStart(profile::start(workbench, start).await?),
        Q::ProfileView(query) => R::ProfileView(profile::look(workbench, query).await?),
        Q::ProfileStop(stop) => R::ProfileStop(profile::stop(workbench, stop).await?),
        Q::ProfileExport(export) => R::ProfileExport(profile::export(workbench, export).await?),
        Q::GdbOpen(open) => R::GdbOpen(debugger::open(workbench, open).await?),
        Q::GdbView(board) => R::GdbView(debugger::view(workbench, &board.board)?),
        Q::GdbClose(board) => R::GdbClose(debugger::close(workbench, &board.board).await?),
        Q::MonitorView(board) => R::MonitorView(monitor::view(workbench, &board.board).await?),
        Q::MonitorExecute(line) => R::MonitorExecute(monitor::execute(workbench, line).await?),
        Q::AppSamples(_) => R::AppSamples(apps::samples()),
        Q::AppPreview(preview) => R::AppPreview(apps::preview(workbench, preview).await?),
        Q::AppDeploy(deploy) => R::AppDeploy(apps::deploy(workbench, deploy).await?),
        Q::AppStart(app) => R::AppStart(apps::act(workbench, Action::Start, &app).await?),
        Q::AppStop(app) => R::AppStop(apps::act(workbench, Action::Stop, &app).await?),
        Q::AppRemove(app) => R::AppRemove(apps::act(workbench, Action::Remove, &app).await?),
        Q::AppCancel(app) => R::AppCancel(apps::act(workbench, Action::Cancel, &app).await?),
        Q::LogsQuery(query) => {
            let board = workbench.board(&query.board)?;
            fleet::read_logs(&board, &workbench.gateway);
            workbench.throttle.post(&board);
            let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
            R::LogsQuery(board.state().console.query(query.after, query.source.as_deref(), limit))
        }
        Q::MetricsQuery(query) => R::MetricsQuery(metrics(workbench, &query)?),
        Q::MetricsExport(export) => R::MetricsExport(export_chart(workbench, export).await?),
        Q::ActivityList(query) => {
            let board = query.board.as_deref().map(|board| workbench.board(board)).transpose()?;
            let name = board.map(|board| board.name());
            R::ActivityList(workbench.activity(query.before, query.limit as usize, name.as_deref()))
        }
        Q::PairingSet(request) => R::PairingSet(pairing::set(workbench, request).await?),
        Q::WindowShow(_) => {
            workbench.publish(
                EventName::WindowShow,
                None,
                "Another start of Drydock asks for the window.",
                Map::new(),
            );
            R::WindowShow(Empty {})
        }
    })
}

pub(crate) fn system_info(workbench: &WorkbenchState) -> SystemInfo {
    let gateway = workbench.gateway.info();
    SystemInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("DRYDOCK_COMMIT").into(),
        schema: gateway.schema,
        data_dir: workbench.dir.path().display().to_string(),
        temporary: workbench.dir.is_temporary(),
        gateway: gateway.name,
        sessions: u32::try_from(gateway.sessions).unwrap_or(u32::MAX),
        pairing: gateway.pairing == PairingMode::On,
        engines: boards::engines(None),
        listening: gateway.listening.first().map(ToString::to_string),
    }
}

fn metrics(workbench: &WorkbenchState, query: &MetricsQuery) -> Result<Vec<Series>, ApiError> {
    let board = workbench.board(&query.board)?;
    let window_ms = (query.window_s.max(0.0) * 1000.0) as u64;
    let samples = fleet::metrics_since(&board, &workbench.gateway, now_ms().saturating_sub(window_ms));
    Ok(series::series(&samples, &query.series, query.max_points.max(3)))
}

async fn export_chart(workbench: &WorkbenchState, export: MetricsExport) -> Result<Exported, ApiError> {
    let board = workbench.board(&export.query.board)?;
    let name = board.name();
    let series = metrics(workbench, &export.query)?;
    let title = format!("{name}, {}", board.description.title);
    let drawn = tokio::task::spawn_blocking(move || charts::draw(&title, &series, export.format, export.dark)).await;
    let chart = drawn
        .map_err(|error| ApiError::internal(format!("The chart could not be drawn: {error}.")))?
        .map_err(|error| match error {
            ChartError::Empty => {
                let text = format!("{name} has sent no metrics in this time; see whether it is connected.");
                ApiError::new(ErrorCode::NotFound, text)
            }
            ChartError::Draw(_) => with_sources(ErrorCode::Internal, &error),
        })?;
    match export.path {
        None => Ok(Exported {
            path: None,
            base64: Some(BASE64_STANDARD.encode(chart)),
        }),
        Some(path) => {
            tokio::fs::write(&path, chart)
                .await
                .map_err(|error| ApiError::new(ErrorCode::Usage, format!("{path} cannot be written: {error}.")))?;
            Ok(Exported {
                path: Some(path),
                base64: None,
            })
        }
    }
}

#[cfg(test)]
mod tests;
