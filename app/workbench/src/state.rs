//! The state that the parts of a running workbench share: the gateway, the fleet and its machines, and how changes are
//! published.
//!
//! This module depends on parts that do not know it. The modules that carry out requests (`boards`, `apps`,
//! `snapshots`, …) and the tasks of boards depend on this module, not the other way round.

use crate::{
    activity::Activity,
    api::{ApiError, BoardView, ErrorCode, Event, EventName, Update},
    clock::now_ms,
    data_dir::OwnedDir,
    debug_servers::DebugServers,
    finished_profiles::FinishedProfiles,
    firmware_images::FirmwareImages,
    fleet::{self, Fleet, FleetBoard},
    hardware::HardwareState,
    jobs::Jobs,
    own_kinds::OwnKinds,
    pairing_window::PairingWindow,
    recordings::Recordings,
    samplings::Samplings,
    startup_limiter::StartupLimiter,
    update_throttle::UpdateThrottle,
};
use drydock_client::Hub;
use drydock_emulator::runner::Runner;
use drydock_gateway::Gateway;
use serde_json::{Map, Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) struct WorkbenchState {
    pub(crate) dir: OwnedDir,
    pub(crate) own_kinds: OwnKinds,
    /// Held while a board is added whose files no record names yet; whoever deletes such files waits.
    pub(crate) adding: tokio::sync::RwLock<()>,
    pub(crate) gateway: Gateway,
    pub(crate) runner: Runner,
    pub(crate) fleet: Fleet,
    pub(crate) hub: Hub,
    pub(crate) throttle: UpdateThrottle,
    pub(crate) startup: StartupLimiter,
    pub(crate) profiles: FinishedProfiles,
    pub(crate) samplings: Samplings,
    pub(crate) debuggers: DebugServers,
    pub(crate) pairing: PairingWindow,
    /// Firmware that was read, by kind of board.
    pub(crate) images: FirmwareImages,
    /// Revision of the gateway that its events were read up to.
    revision: AtomicU64,
    pub(crate) activity: Activity,
    pub(crate) hardware: HardwareState,
    pub(crate) jobs: Jobs,
    pub(crate) recordings: Recordings,
}

impl WorkbenchState {
    pub(crate) fn new(dir: OwnedDir, gateway: Gateway, runner: Runner) -> Self {
        let hub = Hub::default();
        Self {
            hardware: HardwareState::new(),
            jobs: Jobs::open(dir.path(), &hub),
            own_kinds: OwnKinds::new(dir.path()),
            adding: tokio::sync::RwLock::default(),
            runner,
            dir,
            gateway,
            fleet: Fleet::default(),
            hub,
            throttle: UpdateThrottle::default(),
            startup: StartupLimiter::default(),
            profiles: FinishedProfiles::default(),
            samplings: Samplings::default(),
            debuggers: DebugServers::default(),
            pairing: PairingWindow::default(),
            images: FirmwareImages::default(),
            revision: AtomicU64::new(0),
            activity: Activity::default(),
            recordings: Recordings::default(),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(crate) fn view(&self, board: &FleetBoard) -> BoardView {
        fleet::board_view(board, &self.gateway)
    }

    /// The board's current view, or its removal: it may have been removed while updates about it were pending.
    pub(crate) fn show(&self, board: &FleetBoard) -> Update {
        let revision = self.revision();
        match self.fleet.find(&board.id) {
            Some(board) => Update::Board {
                revision,
                board: Box::new(self.view(&board)),
            },
            None => Update::BoardRemoved {
                revision,
                board: board.id.clone(),
            },
        }
    }

    /// The board with this id or name.
    pub(crate) fn board(&self, id_or_name: &str) -> Result<Arc<FleetBoard>, ApiError> {
        self.fleet.find(id_or_name).ok_or_else(|| {
            let names: Vec<String> = self.fleet.all().iter().map(|board| board.name()).collect();
            let hint = match names.as_slice() {
                [] => "there are no boards yet; add one first".into(),
                names => format!("there are: {}", names.join(", ")),
            };
            ApiError::new(ErrorCode::NotFound, format!("There is no board {id_or_name}; {hint}."))
        })
    }

    /// Publishes an event of the workbench itself.
    pub(crate) fn publish(
        &self,
        event: EventName,
        board: Option<&FleetBoard>,
        text: impl Into<String>,
        data: Map<String, Value>,
    ) {
        self.publish_event(Event {
            event,
            revision: None,
            time_ms: now_ms(),
            board: board.map(FleetBoard::name),
            app: None,
            text: text.into(),
            data,
        });
    }

    /// Publishes what the previous run left undone.
    pub(crate) fn publish_recovery(&self) -> Event {
        let sentences = self.gateway.info().recovered;
        let text = if sentences.is_empty() {
            "Drydock was not closed the last time; nothing was left undone.".to_owned()
        } else {
            format!("Drydock was not closed the last time: {}.", sentences.join("; "))
        };
        tracing::warn!("{text}");
        let mut data = Map::new();
        data.insert("sentences".into(), json!(sentences));
        let event = Event {
            event: EventName::WorkbenchRecovered,
            revision: None,
            time_ms: now_ms(),
            board: None,
            app: None,
            text,
            data,
        };
        self.publish_event(event.clone());
        event
    }

    /// Publishes changes of the boards until the task is ended.
    pub(crate) async fn publish_changes(self: Arc<Self>) {
        let workbench = Arc::clone(&self);
        self.throttle.run(&self.hub, move |board| workbench.show(board)).await;
    }

    /// Publishes an event and notes it in the activity.
    pub(crate) fn publish_event(&self, event: Event) {
        self.remember(&event);
        self.hub.publish(&Update::Event(event));
    }

    /// Notes an event in the activity, without publishing it.
    pub(crate) fn remember(&self, event: &Event) {
        let names = || self.fleet.all().iter().map(|board| board.name()).collect();
        self.activity.push(event, self.revision(), names);
    }

    /// The gateway's events have been read up to this revision.
    pub(crate) fn reached(&self, revision: u64) {
        self.revision.fetch_max(revision, Ordering::AcqRel);
    }
}
