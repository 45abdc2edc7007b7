//! Follows the gateway: its events become updates, events and activity of the workbench.

use crate::{
    activity,
    api::Update,
    fleet::{self, FleetBoard, NewLine},
    gateway_events::{self, Notification},
    state::WorkbenchState,
    update_throttle,
};
use drydock_gateway::{DeviceChange, DeviceId, EventKind, EventMessage, StreamItem};
use std::sync::Arc;

impl WorkbenchState {
    /// Reads the gateway's events until it closes.
    pub(crate) async fn follow_gateway(self: Arc<Self>) {
        let mut from = self.gateway.snapshot().revision.saturating_sub(activity::KEPT as u64);
        let mut live_from = self.gateway.snapshot().revision;
        loop {
            let mut events = self.gateway.subscribe(from);
            loop {
                match events.next().await {
                    Some(EventMessage::Event(event)) => {
                        self.reached(event.revision);
                        self.take(&event, event.revision > live_from);
                    }
                    Some(EventMessage::Resync) => break,
                    None => return,
                }
            }
            from = self.gateway.snapshot().revision;
            live_from = from;
            self.reached(from);
            self.hub.publish(&Update::Resync);
            for board in self.fleet.all() {
                self.throttle.touch(&board);
            }
        }
    }

    /// Marks boards whose transfers move, until the gateway closes.
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
                self.before_event(board, &event.kind, event.time_ms);
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

    /// Log lines that a device sent before its report of an app must reach subscribers before the event.
    fn before_event(&self, board: &Arc<FleetBoard>, kind: &EventKind, time_ms: u64) {
        match kind {
            EventKind::InstanceChanged { .. } | EventKind::InstanceRemoved { .. } => {
                fleet::read_logs(board, &self.gateway);
                // The app's log also shows why the app failed.
                if let EventKind::InstanceChanged { instance, .. } = kind
                    && let Some(text) = gateway_events::last_line(instance)
                {
                    let line = NewLine {
                        time_ms,
                        uptime_ms: Some(instance.uptime_ms),
                        source: instance.app.clone(),
                        level: "error",
                        text,
                    };
                    board.state().log(0, line);
                }
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
}

/// The device that a fact is about.
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
