//! Maps the gateway's events to the workbench's events (docs/cli.md).

use crate::{
    api::{Event, EventName},
    fleet::FleetBoard,
};
use drydock_gateway::{
    AppState, DeploymentTarget, DeviceChange, DeviceView, EventKind, Gateway, InstanceView, PackageId, TargetStatus,
};
use serde_json::{Map, Value, json};

/// The content of an event, before it has a time and a revision.
pub(crate) struct Notification {
    pub(crate) event: EventName,
    pub(crate) app: Option<String>,
    pub(crate) text: String,
    pub(crate) data: Map<String, Value>,
}

impl Notification {
    fn new(event: EventName, text: impl Into<String>) -> Self {
        Self {
            event,
            app: None,
            text: text.into(),
            data: Map::new(),
        }
    }

    fn app(self, app: &str) -> Self {
        Self {
            app: Some(app.into()),
            ..self
        }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }

    /// The event, once its board is known.
    pub(crate) fn into_event(self, board: Option<&FleetBoard>, revision: Option<u64>, time_ms: u64) -> Event {
        Event {
            event: self.event,
            revision,
            time_ms,
            board: board.map(FleetBoard::name),
            app: self.app,
            text: self.text,
            data: self.data,
        }
    }
}

/// The workbench event of a gateway event; `None` for those that only concern the gateway.
pub(crate) fn notification(kind: &EventKind, gateway: &Gateway) -> Option<Notification> {
    let notification = match kind {
        EventKind::GatewayOpened { recovered } if recovered.is_empty() => return None,
        EventKind::GatewayOpened { recovered } => {
            Notification::new(EventName::GatewayRecovered, format!("{}.", recovered.join("; ")))
                .with("sentences", json!(recovered))
        }
        EventKind::PairingSwitched { mode } => {
            let mode = format!("{mode:?}").to_lowercase();
            Notification::new(EventName::GatewayPairing, format!("Pairing is {mode}.")).with("pairing", mode)
        }
        EventKind::DeviceChanged { device, change } => device_changed(device, *change)?,
        EventKind::DeviceForgotten { .. } | EventKind::DeploymentCreated { .. } | EventKind::DesiredChanged { .. } => {
            return None;
        }
        EventKind::EnrollmentRefused { peer, reason, .. } => Notification::new(
            EventName::DeviceRefused,
            format!("Enrollment over {peer} was refused: {reason}."),
        ),
        EventKind::ConnectionRefused { peer, reason } => Notification::new(
            EventName::ConnectionRefused,
            format!("A connection over {peer} was refused: {reason}."),
        ),
        EventKind::InstanceChanged { instance, .. } => instance_changed(instance),
        EventKind::InstanceRemoved { app, .. } => {
            Notification::new(EventName::AppRemoved, format!("{app} was removed.")).app(app)
        }
        EventKind::PackageSigned { package } => Notification::new(
            EventName::PackageSigned,
            format!("{} {} was signed.", package.app, package.version),
        )
        .app(&package.app)
        .with("version", package.version.clone())
        .with("digest", package.digest.to_string()),
        EventKind::DeploymentMoved { package, target, .. } => deployment_moved(package, target, gateway)?,
        EventKind::ReportDoubted { app, reason, .. } => Notification::new(
            EventName::Error,
            format!("The board's report was not believed: {reason}."),
        )
        .app(app)
        .with("code", "refused"),
        EventKind::RequestRefused { app, reason, .. } => Notification::new(EventName::Error, reason.clone())
            .app(app)
            .with("code", "refused"),
    };
    Some(notification)
}

fn device_changed(device: &DeviceView, change: DeviceChange) -> Option<Notification> {
    let (event, text) = match change {
        DeviceChange::Enrolled => (EventName::DeviceEnrolled, "The board has an identity."),
        DeviceChange::Connected => (EventName::DeviceConnected, "The board is connected."),
        DeviceChange::Superseded => (
            EventName::DeviceSuperseded,
            "A newer session took the place of the one before.",
        ),
        DeviceChange::Unreachable => (EventName::DeviceUnreachable, "The board is silent."),
        DeviceChange::Returned => (EventName::DeviceReturned, "The board is heard again."),
        DeviceChange::Disconnected => (EventName::DeviceDisconnected, "The board's session ended."),
        DeviceChange::Revoked => (EventName::DeviceRevoked, "The board's certificate was revoked."),
        DeviceChange::Retired => (EventName::DeviceRetired, "The board was taken out of service."),
        DeviceChange::Wiped => (
            EventName::DeviceWiped,
            "The gateway ordered the board to erase its identity.",
        ),
        DeviceChange::ChipReleased => (
            EventName::DeviceChipReleased,
            "The chip id may be bound to another key.",
        ),
        DeviceChange::Paired | DeviceChange::Enrolling | DeviceChange::Renamed => return None,
    };
    let mut notification = Notification::new(event, text).with("device", device.id.0.clone());
    if change == DeviceChange::Connected {
        notification = notification
            .with("firmware", device.firmware.clone())
            .with("reset_reason", device.reset_reason.map(|reason| json!(reason)));
        if let Some(fault) = &device.last_fault {
            notification = notification.with("last_fault", json!(fault));
        }
    }
    Some(notification)
}

fn instance_changed(instance: &InstanceView) -> Notification {
    let app = &instance.app;
    let name = format!("{app} {}", instance.version);
    let notification = |event, text| {
        Notification::new(event, text)
            .app(app)
            .with("version", instance.version.clone())
            .with("uptime_ms", instance.uptime_ms)
    };
    match (instance.state, &instance.failure) {
        (AppState::Installed, _) => notification(EventName::AppInstalled, format!("{name} is on the board.")),
        (AppState::Starting, _) => notification(EventName::AppStarting, format!("{name} starts.")),
        (AppState::Running, _) => notification(EventName::AppRunning, format!("{name} is running.")),
        (AppState::Stopped, _) => notification(EventName::AppStopped, format!("{name} was stopped.")),
        (AppState::Exited, _) => {
            notification(EventName::AppExited, format!("{name} ended itself with 0.")).with("exit_code", 0)
        }
        (AppState::Failed, Some(failure)) if failure.reason == "exit-code" => {
            let code = failure.exit_code.unwrap_or(1);
            notification(EventName::AppExited, format!("{name} ended itself with {code}.")).with("exit_code", code)
        }
        (AppState::Failed, failure) => {
            let (reason, export, detail) = failure.as_ref().map_or(("unknown", "", ""), |failure| {
                (
                    failure.reason.as_str(),
                    failure.export.as_str(),
                    failure.detail.as_str(),
                )
            });
            let place = if export.is_empty() {
                String::new()
            } else {
                format!(" in {export}")
            };
            notification(
                EventName::AppTrapped,
                format!("{name} failed{place}: {reason} ({detail}); the board runs on."),
            )
            .with("reason", reason)
            .with("export", export)
            .with("detail", detail)
        }
    }
}

/// The last log line of an app that failed: the reason. `None` for an app that did not fail.
pub(crate) fn last_line(instance: &InstanceView) -> Option<String> {
    (instance.state == AppState::Failed).then(|| instance_changed(instance).text)
}

fn deployment_moved(package: &PackageId, target: &DeploymentTarget, gateway: &Gateway) -> Option<Notification> {
    let app = package.0.split('#').next().unwrap_or_default();
    let version = version_of(app, package, gateway).unwrap_or_default();
    let notification = |event, text: String| Notification::new(event, text).app(app).with("version", version.clone());
    match target.status {
        TargetStatus::Transferring => {
            let size = gateway
                .versions(app)
                .into_iter()
                .find(|known| known.id == *package)
                .map_or(0, |known| known.size_bytes);
            Some(
                notification(EventName::AppDeploying, format!("{app} {version} is on its way."))
                    .with("size_bytes", size),
            )
        }
        TargetStatus::Refused => {
            Some(notification(EventName::AppRefused, target.detail.clone()).with("code", "refused"))
        }
        TargetStatus::Cancelled => Some(notification(
            EventName::AppCancelled,
            format!("The deployment of {app} {version} was cancelled."),
        )),
        TargetStatus::Waiting | TargetStatus::Committing | TargetStatus::Done | TargetStatus::Superseded => None,
    }
}

fn version_of(app: &str, package: &PackageId, gateway: &Gateway) -> Option<String> {
    let versions = gateway.versions(app);
    versions
        .into_iter()
        .find(|known| known.id == *package)
        .map(|known| known.version)
}
