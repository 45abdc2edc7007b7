//! The pure part: from desired and reported state to the next step for each app of a device.

use crate::{
    domain::{AppState, DeploymentId},
    store::{DesiredApp, DeviceRecord, Model, PackageRecord},
};
use std::sync::Arc;

/// The next step for one app.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Send the package.
    Transfer {
        package: Arc<PackageRecord>,
        deployment: Option<DeploymentId>,
        start: bool,
    },
    /// Ask the device to start the app.
    Start,
    /// Ask the device to stop the app.
    Stop,
    /// Ask the device to remove the app.
    Remove,
    /// The device has the desired state: record that.
    MarkReconciled,
}

impl Step {
    /// The kind of step, in a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "transfer",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::MarkReconciled => "mark reconciled",
        }
    }
}

/// The next step towards the desired state. `None` if there is nothing to do, or if the device must report first.
pub(super) fn step(model: &Model, device: &DeviceRecord, desired: &DesiredApp) -> Option<Step> {
    let instance = device.instances.get(&desired.app);
    let Some(package) = &desired.package else {
        // The desired state stays: a board that has the app again, because its flash is older than the removal, loses it
        // again.
        return instance.is_some().then_some(Step::Remove);
    };
    // Packages are never removed. An unknown one cannot be sent.
    let package = model.packages.get(package)?;
    let Some(instance) = instance.filter(|instance| package.is(instance)) else {
        return Some(Step::Transfer {
            package: package.clone(),
            deployment: desired.deployment,
            start: desired.run,
        });
    };
    let state = instance.state;
    if desired.run {
        let ended = matches!(state, AppState::Exited | AppState::Failed);
        match state {
            AppState::Installed | AppState::Stopped => Some(Step::Start),
            _ if ended && desired.start_once => Some(Step::Start),
            AppState::Running | AppState::Exited | AppState::Failed if is_unmarked(model, device, desired) => {
                Some(Step::MarkReconciled)
            }
            _ => None,
        }
    } else if state.is_active() || instance.autostart {
        Some(Step::Stop)
    } else {
        is_unmarked(model, device, desired).then_some(Step::MarkReconciled)
    }
}

/// Whether a desired state that the device has still has to be recorded as reached.
fn is_unmarked(model: &Model, device: &DeviceRecord, desired: &DesiredApp) -> bool {
    let open = desired
        .deployment
        .and_then(|deployment| model.target(deployment, &device.id));
    desired.start_once || desired.previous.is_some() || open.is_some_and(|target| !target.status.is_final())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::PairingMode,
        domain::{DeviceId, Digest, InstanceView, PackageId, PackageView},
    };

    const DESIRED: u64 = 3;

    fn check(sequence: Option<u64>, state: AppState, autostart: bool, desired: (bool, bool, bool), expected: &str) {
        let mut model = Model::empty(PairingMode::On);
        let package = package();
        model.packages.insert(package.view.id.clone(), Arc::new(package));
        let mut device = DeviceRecord::pending(DeviceId::from("dev-1"), "bench-1".into(), String::new());
        if let Some(sequence) = sequence {
            device
                .instances
                .insert("blink".into(), instance(sequence, state, autostart));
        }
        let (present, run, start_once) = desired;
        let desired = DesiredApp {
            app: "blink".into(),
            package: present.then(|| PackageId::new("blink", DESIRED)),
            run,
            start_once,
            deployment: None,
            previous: None,
        };
        let step = step(&model, &device, &desired);
        let name = step.map_or("nothing", |step| step.name());
        assert_eq!(name, expected, "{sequence:?} {state:?} {desired:?}");
    }

    #[test]
    fn closes_every_gap() {
        use AppState::{Exited, Failed, Installed, Running, Starting, Stopped};
        let (run, stop, remove) = ((true, true, false), (true, false, false), (false, false, false));
        let restart = (true, true, true);
        check(None, Installed, false, run, "transfer");
        check(Some(2), Running, true, run, "transfer");
        check(Some(4), Running, true, run, "transfer");
        check(Some(DESIRED), Installed, false, run, "start");
        check(Some(DESIRED), Stopped, false, run, "start");
        check(Some(DESIRED), Starting, true, run, "nothing");
        check(Some(DESIRED), Running, true, run, "nothing");
        check(Some(DESIRED), Failed, true, run, "nothing");
        check(Some(DESIRED), Exited, true, run, "nothing");
        check(Some(DESIRED), Failed, true, restart, "start");
        check(Some(DESIRED), Exited, true, restart, "start");
        check(Some(DESIRED), Running, true, restart, "mark reconciled");
        check(None, Installed, false, stop, "transfer");
        check(Some(DESIRED), Running, true, stop, "stop");
        check(Some(DESIRED), Failed, true, stop, "stop");
        check(Some(DESIRED), Failed, false, stop, "nothing");
        check(Some(DESIRED), Installed, false, stop, "nothing");
        check(Some(2), Running, true, remove, "remove");
        check(None, Installed, false, remove, "nothing");
    }

    fn package() -> PackageRecord {
        PackageRecord {
            view: PackageView {
                id: PackageId::new("blink", DESIRED),
                app: "blink".into(),
                version: "1.0.0".into(),
                sequence: DESIRED,
                digest: Digest([7; 32]),
                size_bytes: 1,
                memory_bytes: 0,
                stack_bytes: 0,
                heap_bytes: 0,
                callback_ms: 1,
                capabilities: vec![],
                targets: vec![],
                signed_ms: 0,
                rollback_of: None,
            },
            envelope: vec![],
        }
    }

    fn instance(sequence: u64, state: AppState, autostart: bool) -> InstanceView {
        InstanceView {
            app: "blink".into(),
            version: "1.0.0".into(),
            sequence,
            digest: Digest([7; 32]),
            state,
            failure: None,
            autostart,
            uptime_ms: 0,
            reported_ms: 0,
        }
    }
}
