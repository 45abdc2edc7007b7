//! What the parts of a running workbench share: gateway, fleet, subscribers, and the pump that turns what the gateway
//! tells into updates.

use crate::{
    api::{ActivityEntry, ApiError, BoardView, ErrorCode, Event, EventName, Update},
    board_task::{StartupLimiter, Images},
    data_dir::OwnedDir,
    debugger::Debuggers,
    fleet::{self, FleetBoard, Fleet},
    gateway_events::{self, Notification},
    update_throttle::{self, UpdateThrottle, now_ms},
    pairing::PairingWindow,
    profile::Profiles,
};
use drydock_client::Hub;
use drydock_emulator::runner::Runner;
use drydock_gateway::{DeviceChange, DeviceId, EventKind, EventMessage, Gateway, StreamItem};
use serde_json::{Map, Value};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Activity entries that are kept.
const ACTIVITY: usize = 1000;

pub(crate) struct WorkbenchState {
    pub(crate) dir: OwnedDir,
    pub(crate) gateway: Gateway,
    pub(crate) runner: Runner,
    pub(crate) fleet: Fleet,
    pub(crate) hub: Hub,
    pub(crate) throttle: UpdateThrottle,
    pub(crate) startup: StartupLimiter,
    pub(crate) profiles: Profiles,
    pub(crate) debuggers: Debuggers,
    pub(crate) pairing: PairingWindow,
    /// Firmware that was read, by kind of board.
    pub(crate) images: Images,
    /// The gateway's revision that subscribers were told last.
    revision: AtomicU64,
    activity: Mutex<VecDeque<ActivityEntry>>,
}

impl WorkbenchState {
    pub(crate) fn new(dir: OwnedDir, gateway: Gateway, runner: Runner) -> Self {
        Self {
            runner,
            dir,
            gateway,
            fleet: Fleet::default(),
            hub: Hub::default(),
            throttle: UpdateThrottle::default(),
            startup: StartupLimiter::default(),
            profiles: Profiles::default(),
            debuggers: Debuggers::default(),
            pairing: PairingWindow::default(),
            images: Images::default(),
            revision: AtomicU64::new(0),
            activity: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(crate) fn view(&self, board: &FleetBoard) -> BoardView {
        fleet::board_view(board, &self.gateway)
    }

    /// How a board is now; that it is gone, if it was removed while something of it was still to be told.
    fn show(&self, board: &FleetBoard) -> Update {
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
        self.publish(Event {
            event,
            revision: None,
            time_ms: now_ms(),
            board: board.map(FleetBoard::name),
            app: None,
            text: text.into(),
            data,
        });
    }

    /// Tells what the end of the run before left undone.
    pub(crate) fn publish_recovery(&self) -> Event {
        let sentences = self.gateway.info().recovered;
        let text = if sentences.is_empty() {
            "Drydock was not closed the last time; nothing was left undone.".to_owned()
        } else {
            format!("Drydock was not closed the last time: {}.", sentences.join("; "))
        };
        tracing::warn!("{text}");
        let event = Event {
            event: EventName::WorkbenchRecovered,
            revision: None,
            time_ms: now_ms(),
            board: None,
            app: None,
            text,
            data: Map::new(),
        };
        self.publish_event(event.clone());
        event
    }

    /// Tells subscribers for ever what changes of the boards.
    pub(crate) async fn publish_changes(self: Arc<Self>) {
        let workbench = Arc::clone(&self);
        self.throttle.run(&self.hub, move |board| workbench.show(board)).await;
    }

    /// Reads the gateway's events for ever.
    pub(crate) async fn follow_gateway(self: Arc<Self>) {
        let mut from = self.gateway.snapshot().revision.saturating_sub(ACTIVITY as u64);
        let mut live_from = self.gateway.snapshot().revision;
        loop {
            let mut events = self.gateway.subscribe(from);
            loop {
                match events.next().await {
                    Some(EventMessage::Event(event)) => {
                        self.revision.fetch_max(event.revision, Ordering::AcqRel);
                        self.take(&event, event.revision > live_from);
                    }
                    Some(EventMessage::Resync) => break,
                    None => return,
                }
            }
            from = self.gateway.snapshot().revision;
            live_from = from;
            self.revision.fetch_max(from, Ordering::AcqRel);
            self.hub.publish(&Update::Resync);
            for board in self.fleet.all() {
                self.throttle.touch(&board);
            }
        }
    }

    /// Marks boards whose transfers move, for ever.
    pub(crate) async fn follow_transfers(self: Arc<Self>) {
        let mut transfers = self.gateway.follow_transfers();
        while let Some(item) = transfers.next().await {
            if let StreamItem::Item(progress) = item
                && let Some(board) = self.fleet.of_device(&progress.device)
            {
                self.throttle.touch(&board);
            }
        }
    }

    fn take(&self, event: &drydock_gateway::GatewayEvent, live: bool) {
        let board = device_of(&event.kind).and_then(|device| self.fleet.of_device(device));
        if let Some(board) = &board {
            board.state().flash_changed = true;
            if live {
                self.before_event(board, &event.kind);
            }
            self.throttle.touch(board);
        }
        let Some(notification) = gateway_events::notification(&event.kind, &self.gateway) else {
            return;
        };
        let Notification { event: name, .. } = &notification;
        tracing::info!(
            event = name.as_str(),
            board = board.as_ref().map(|board| board.name()),
            app = notification.app,
            "{}",
            notification.text
        );
        let event = notification.into_event(board.as_deref(), Some(event.revision), event.time_ms);
        if live {
            self.publish_event(event);
        } else {
            self.remember(&event);
        }
    }

    /// What a device wrote before it reported an app must reach subscribers before the event does.
    fn before_event(&self, board: &Arc<FleetBoard>, kind: &EventKind) {
        match kind {
            EventKind::InstanceChanged { .. } | EventKind::InstanceRemoved { .. } => {
                fleet::read_logs(board, &self.gateway);
                update_throttle::publish(&self.hub, board, |board| self.show(board));
            }
            EventKind::DeviceChanged {
                change: DeviceChange::Connected,
                ..
            } => {
                board.state().metrics = None;
                self.startup.release(&board.id);
            }
            _ => {}
        }
    }

    fn publish_event(&self, event: Event) {
        self.remember(&event);
        self.hub.publish(&Update::Event(event));
    }

    fn remember(&self, event: &Event) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        if activity.len() == ACTIVITY {
            activity.pop_front();
        }
        activity.push_back(ActivityEntry {
            revision: event.revision.unwrap_or_else(|| self.revision()),
            time_ms: event.time_ms,
            event: event.event.clone(),
            board: event.board.clone(),
            text: event.text.clone(),
        });
    }

    /// What happened, newest first.
    pub(crate) fn activity(&self, before: Option<u64>, limit: usize, board: Option<&str>) -> Vec<ActivityEntry> {
        let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity
            .iter()
            .rev()
            .filter(|entry| before.is_none_or(|before| entry.revision < before))
            .filter(|entry| board.is_none_or(|board| entry.board.as_deref() == Some(board)))
            .take(limit)
            .cloned()
            .collect()
    }
}

/// The device that an event is about.
fn device_of(kind: &EventKind) -> Option<&DeviceId> {
    match kind {
        EventKind::DeviceChanged { device, .. } => Some(&device.id),
        EventKind::DeviceForgotten { device }
        | EventKind::InstanceChanged { device, .. }
        | EventKind::InstanceRemoved { device, .. }
        | EventKind::DesiredChanged { device, .. }
        | EventKind::ReportDoubted { device, .. }
        | EventKind::RequestRefused { device, .. } => Some(device),
        EventKind::EnrollmentRefused { device, .. } => device.as_ref(),
        EventKind::DeploymentMoved { target, .. } => Some(&target.device),
        EventKind::GatewayOpened { .. }
        | EventKind::PairingSwitched { .. }
        | EventKind::ConnectionRefused { .. }
        | EventKind::PackageSigned { .. }
        | EventKind::DeploymentCreated { .. } => None,
    }
}
