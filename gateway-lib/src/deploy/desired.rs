//! The desired state: the operators' requests, and the records of these and of their deployments as devices report.

use super::Deployments;
use crate::{
    domain::{
        AppState, Deployment, DeploymentId, DeploymentTarget, DeviceId, DeviceState, InstanceView, PackageId,
        TargetStatus,
    },
    error::{DeployError, StoreError, UploadError},
    package::{Misfit, Requirements, Signing, check_fit, manifest},
    pairing::known,
    session::DeviceSession,
    store::{DesiredApp, DeviceRecord, Model, PackageRecord},
};
use drydock_protocol::device_to_gateway::{Refusal, RefusalCode};
use std::sync::Arc;

impl Deployments {
    pub(crate) async fn deploy(
        &self,
        devices: &[DeviceId],
        package: &PackageId,
        start: bool,
    ) -> Result<Deployment, DeployError> {
        let package = &self.above_what_was_there(devices, package).await?;
        let mut tx = self.store.begin_durable().await?;
        let (records, package, id) = {
            let model = tx.model();
            let unknown = || DeployError::UnknownPackage {
                package: package.clone(),
            };
            let package = model.packages.get(package).cloned().ok_or_else(unknown)?;
            let mut records: Vec<DeviceRecord> = Vec::new();
            for device in devices {
                let record = known(&model, device)?;
                // A board that has not enrolled yet gets the package when it connects, and is checked then.
                if record.enrolled_ms.is_some() {
                    self.check_fits(record, &package)?;
                }
                if !records.iter().any(|known| known.id == record.id) {
                    records.push(record.clone());
                }
            }
            let latest = model.deployments.keys().next_back().map_or(0, |latest| latest.0);
            (records, package, DeploymentId(latest + 1))
        };
        let targets = records.iter().map(|record| DeploymentTarget {
            device: record.id.clone(),
            status: TargetStatus::Waiting,
            detail: waiting_detail(record).to_owned(),
            changed_ms: tx.time_ms,
        });
        let deployment = Deployment {
            id,
            package: package.view.id.clone(),
            app: package.view.app.clone(),
            start,
            created_ms: tx.time_ms,
            targets: targets.collect(),
        };
        tx.deployment(deployment.clone()).await?;
        for record in &records {
            let before = record.desired.get(&package.view.app);
            if let Some(superseded) = before.and_then(|desired| desired.deployment) {
                let detail = format!("deployment {id} took its place");
                tx.move_target(superseded, &record.id, TargetStatus::Superseded, &detail)
                    .await?;
            }
            let desired = DesiredApp {
                app: package.view.app.clone(),
                package: Some(package.view.id.clone()),
                run: start,
                start_once: start,
                asked: true,
                deployment: Some(id),
                previous: before.and_then(fallback_of),
            };
            tx.desired(&record.id, desired).await?;
        }
        let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
        let detail = format!("to {}", names.join(", "));
        tx.audit("operator", "package.deployed", &package.view.id.0, &detail)
            .await?;
        tx.commit().await?;
        records.iter().for_each(|record| self.wake(&record.id));
        Ok(deployment)
    }

    /// The package to send. It is signed again if a device had it, or a later one, and removed it: the device remembers the sequence.
    async fn above_what_was_there(&self, devices: &[DeviceId], id: &PackageId) -> Result<PackageId, DeployError> {
        let known = {
            let model = self.store.read();
            model
                .packages
                .get(id)
                .filter(|package| devices.iter().any(|device| had(&model, device, package)))
                .cloned()
        };
        match known {
            Some(known) => Ok(self
                .packages
                .sign_again(&known, Signing::Anew)
                .await
                .map_err(signing_error)?
                .id),
            None => Ok(id.clone()),
        }
    }

    pub(crate) async fn rollback(
        &self,
        device: &DeviceId,
        app: &str,
        to_version: &str,
    ) -> Result<Deployment, DeployError> {
        let (old, run) = {
            let model = self.store.read();
            let record = known(&model, device)?;
            let present = record.desired.get(app).filter(|desired| desired.package.is_some());
            let run = present.is_none_or(|desired| desired.run);
            let versions = model.versions(app);
            let old = versions
                .into_iter()
                .find(|package| package.view.version == to_version)
                .cloned();
            (old, run)
        };
        let old = old.ok_or_else(|| DeployError::UnknownVersion {
            app: app.to_owned(),
            version: to_version.to_owned(),
        })?;
        let signing = Signing::Rollback(old.view.id.clone());
        let package = self.packages.sign_again(&old, signing).await.map_err(signing_error)?;
        self.deploy(std::slice::from_ref(device), &package.id, run).await
    }

    pub(crate) async fn cancel(&self, id: DeploymentId) -> Result<Deployment, DeployError> {
        let mut tx = self.store.begin_durable().await?;
        let deployment = tx.model().deployments.get(&id).cloned();
        let deployment = deployment.ok_or(DeployError::UnknownDeployment(id))?;
        let open = deployment.targets.iter().filter(|target| !target.status.is_final());
        let open: Vec<DeviceId> = open.map(|target| target.device.clone()).collect();
        for device in &open {
            tx.move_target(id, device, TargetStatus::Cancelled, "cancelled by the operator")
                .await?;
            let record = tx.model().devices.get(device).cloned();
            let Some((desired, record)) =
                record.and_then(|record| Some((record.desired.get(&deployment.app)?.clone(), record)))
            else {
                continue;
            };
            if desired.deployment != Some(id) {
                continue;
            }
            match (desired.previous, record.instances.contains_key(&desired.app)) {
                (Some(previous), _) => tx.desired(device, DesiredApp::restored(&desired.app, previous)).await?,
                // The board keeps what it has.
                (None, true) => tx.remove_desired(device, &desired.app).await?,
                // The board may be committing it: it must not stay.
                (None, false) => tx.desired(device, DesiredApp::gone(&desired.app)).await?,
            }
        }
        if !open.is_empty() {
            tx.audit("operator", "deployment.cancelled", &id.to_string(), &deployment.app)
                .await?;
        }
        tx.commit().await?;
        open.iter().for_each(|device| self.wake(device));
        let model = self.store.read();
        model
            .deployments
            .get(&id)
            .cloned()
            .ok_or(DeployError::UnknownDeployment(id))
    }

    pub(crate) async fn start_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        self.change_desired(device, app, "app.started", |desired| {
            (desired.run, desired.start_once) = (true, true);
        })
        .await
    }

    pub(crate) async fn stop_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        self.change_desired(device, app, "app.stopped", |desired| {
            (desired.run, desired.start_once) = (false, false);
        })
        .await
    }

    pub(crate) async fn remove_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        if self.is_being_removed(device, app) {
            return Ok(());
        }
        self.change_desired(device, app, "app.removed", |desired| {
            desired.package = None;
            (desired.run, desired.start_once) = (false, false);
            (desired.deployment, desired.previous) = (None, None);
        })
        .await
    }

    fn is_being_removed(&self, device: &DeviceId, app: &str) -> bool {
        let model = self.store.read();
        let desired = model.devices.get(device).and_then(|device| device.desired.get(app));
        desired.is_some_and(|desired| desired.package.is_none() && desired.asked)
    }

    async fn change_desired(
        &self,
        device: &DeviceId,
        app: &str,
        action: &str,
        change: impl FnOnce(&mut DesiredApp),
    ) -> Result<(), DeployError> {
        let mut tx = self.store.begin_durable().await?;
        let (record, mut desired) = {
            let model = tx.model();
            let record = known(&model, device)?.clone();
            let desired = record
                .desired
                .get(app)
                .filter(|desired| desired.package.is_some())
                .cloned();
            let desired = desired.or_else(|| desired_of_instance(&model, record.instances.get(app)?));
            let desired = desired.ok_or_else(|| DeployError::NoSuchApp {
                device: record.name.clone(),
                app: app.to_owned(),
            })?;
            (record, desired)
        };
        let before = desired.clone();
        change(&mut desired);
        desired.asked = true;
        if let Some(deployment) = before.deployment.filter(|_| desired.deployment.is_none()) {
            let detail = "the app is to be removed";
            tx.move_target(deployment, device, TargetStatus::Superseded, detail)
                .await?;
        }
        tx.desired(device, desired).await?;
        tx.audit("operator", action, app, &format!("on {}", record.name))
            .await?;
        tx.commit().await?;
        self.wake(device);
        Ok(())
    }

    /// The device has the desired state: records that.
    pub(super) async fn mark_reconciled(
        &self,
        session: &DeviceSession,
        desired: &DesiredApp,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        if self.desired_of(&tx.model(), session, &desired.app).as_ref() != Some(desired) {
            return Ok(());
        }
        if let Some(deployment) = desired.deployment {
            let instance = {
                let model = tx.model();
                let device = model.devices.get(&session.device);
                device.and_then(|device| device.instances.get(&desired.app)).cloned()
            };
            let detail = instance.map(|instance| done_detail(&instance)).unwrap_or_default();
            tx.move_target(deployment, &session.device, TargetStatus::Done, &detail)
                .await?;
        }
        let reconciled = DesiredApp {
            start_once: false,
            asked: false,
            previous: None,
            ..desired.clone()
        };
        tx.desired(&session.device, reconciled).await?;
        tx.commit().await
    }

    /// The device took a request to start.
    pub(super) async fn start_taken(&self, session: &DeviceSession, app: &str) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let desired = self.desired_of(&tx.model(), session, app);
        if let Some(desired) = desired.filter(|desired| desired.start_once) {
            let taken = DesiredApp {
                start_once: false,
                ..desired
            };
            tx.desired(&session.device, taken).await?;
        }
        tx.commit().await
    }

    /// The device says that it does not have an app. `removed`: it had it until now.
    pub(super) async fn is_gone(&self, session: &DeviceSession, app: &str, removed: bool) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let is_known = {
            let model = tx.model();
            let device = model.devices.get(&session.device);
            device.is_some_and(|device| device.instances.contains_key(app))
        };
        if removed || is_known {
            tx.remove_instance(&session.device, app).await?;
        }
        let desired = self.desired_of(&tx.model(), session, app);
        if let Some(desired) = desired.filter(|desired| desired.package.is_none() && desired.asked) {
            let carried_out = DesiredApp {
                asked: false,
                ..desired
            };
            tx.desired(&session.device, carried_out).await?;
        }
        tx.commit().await
    }

    /// The device took a request to stop: the app does not run after a reset. A report follows only if it ran until now.
    pub(super) async fn stop_taken(&self, session: &DeviceSession, app: &str) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let instance = {
            let model = tx.model();
            let device = model.devices.get(&session.device);
            device.and_then(|device| device.instances.get(app)).cloned()
        };
        if let Some(instance) = instance.filter(|instance| instance.autostart && !instance.state.is_active()) {
            let stopped = InstanceView {
                autostart: false,
                ..instance
            };
            tx.instance_silently(&session.device, stopped).await?;
        }
        tx.commit().await
    }

    /// Records the progress of a transfer. A failure to record is logged only; the next step records again.
    pub(super) async fn target_moved(
        &self,
        session: &DeviceSession,
        deployment: Option<DeploymentId>,
        status: TargetStatus,
        detail: &str,
    ) {
        let Some(deployment) = deployment else { return };
        let written = async {
            let mut tx = self.store.begin().await?;
            tx.move_target(deployment, &session.device, status, detail).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, %deployment, "the progress of a deployment could not be written down");
        }
    }

    pub(super) fn desired_of(&self, model: &Model, session: &DeviceSession, app: &str) -> Option<DesiredApp> {
        model.devices.get(&session.device)?.desired.get(app).cloned()
    }

    /// The package that a device reports for an app, and whether it runs.
    pub(super) fn package_of_instance(
        &self,
        model: &Model,
        session: &DeviceSession,
        app: &str,
    ) -> Option<(PackageId, bool)> {
        let desired = desired_of_instance(model, model.devices.get(&session.device)?.instances.get(app)?)?;
        Some((desired.package?, desired.run))
    }

    /// Whether a package can be desired on a device.
    pub(super) fn check_target(&self, device: &DeviceId, package: &PackageId) -> Result<(), DeployError> {
        let model = self.store.read();
        let unknown = || DeployError::UnknownPackage {
            package: package.clone(),
        };
        let package = model.packages.get(package).ok_or_else(unknown)?;
        let record = known(&model, device)?;
        match record.enrolled_ms {
            Some(_) => self.check_fits(record, package),
            None => Ok(()),
        }
    }

    fn check_fits(&self, record: &DeviceRecord, package: &Arc<PackageRecord>) -> Result<(), DeployError> {
        let manifest = manifest(package).ok_or_else(|| StoreError::Unreadable {
            what: format!("the manifest of {}", package.view.id),
        })?;
        let requirements = Requirements::of_manifest(&manifest, &manifest.targets);
        let fit = check_fit(&self.packages.board_limits(record), &requirements);
        fit.map_err(|Misfit { sentence, .. }| DeployError::DoesNotFit { sentence })
    }

    fn wake(&self, device: &DeviceId) {
        if let Some(session) = self.sessions.get(device) {
            session.wake.notify_one();
        }
    }
}

/// Whether this package, or a later one of its app, was sent to a device that does not have the app now.
fn had(model: &Model, device: &DeviceId, package: &PackageRecord) -> bool {
    let app = &package.view.app;
    let has_it = |record: &DeviceRecord| record.instances.contains_key(app);
    let sequence = |id: &PackageId| model.packages.get(id).map_or(0, |package| package.view.sequence);
    !model.devices.get(device).is_some_and(has_it)
        && model.deployments.values().any(|deployment| {
            let target = deployment.targets.iter().find(|target| target.device == *device);
            deployment.app == *app
                && target.is_some_and(|target| target.status != TargetStatus::Waiting)
                && sequence(&deployment.package) >= package.view.sequence
        })
}

fn signing_error(error: UploadError) -> DeployError {
    match error {
        UploadError::Refused { sentence, .. } => DeployError::DoesNotFit { sentence },
        UploadError::Store(error) => error.into(),
        error @ UploadError::OlderVersion { .. } => DeployError::DoesNotFit {
            sentence: error.to_string(),
        },
    }
}

/// A device's refusal as a sentence for people, with the remedy.
pub(super) fn refusal_sentence(device: &str, app: &str, refusal: &Refusal) -> String {
    let way_out = match refusal.code {
        RefusalCode::StoreFull => "remove an app or build a smaller one",
        RefusalCode::NoMemory => "stop another app or link this one with less memory",
        RefusalCode::TooManyApps => {
            "remove an app; a board that had 32 different ones takes new names only after it is wiped"
        }
        RefusalCode::WrongTarget | RefusalCode::Capability => "upload it for this board",
        RefusalCode::Downgrade => "deploy it again; if that does not help, wipe the board",
        RefusalCode::BadSignature => "enroll the device with this gateway",
        RefusalCode::Unsupported => "update the firmware",
        RefusalCode::NoSuchApp => "deploy it again",
        RefusalCode::InvalidModule => "fix the module and build it again",
        RefusalCode::Malformed | RefusalCode::BadDigest | RefusalCode::OutOfSequence | RefusalCode::StoreFailed => {
            "try again"
        }
    };
    format!("{device} refused {app}: {}; {way_out}.", refusal.detail)
}

/// The desired state that equals what a device reports, if the gateway has its package.
fn desired_of_instance(model: &Model, instance: &InstanceView) -> Option<DesiredApp> {
    let package = PackageId::new(&instance.app, instance.sequence);
    model.packages.get(&package).filter(|package| package.is(instance))?;
    Some(DesiredApp {
        app: instance.app.clone(),
        package: Some(package),
        run: instance.state.is_active(),
        start_once: false,
        asked: false,
        deployment: None,
        previous: None,
    })
}

/// The fallback if the device refuses: the previous desired package, or that one's own fallback.
fn fallback_of(desired: &DesiredApp) -> Option<(PackageId, bool)> {
    desired
        .previous
        .clone()
        .or_else(|| Some((desired.package.clone()?, desired.run)))
}

fn waiting_detail(record: &DeviceRecord) -> &'static str {
    match record.state {
        DeviceState::Connected => "about to be sent",
        _ => "waits for the board to connect",
    }
}

fn done_detail(instance: &InstanceView) -> String {
    match (&instance.state, &instance.failure) {
        (AppState::Failed, Some(failure)) => {
            format!("{} {} failed: {}", instance.app, instance.version, failure.detail)
        }
        (AppState::Exited, _) => format!("{} {} ran and ended", instance.app, instance.version),
        (AppState::Running | AppState::Starting, _) => format!("{} {} runs", instance.app, instance.version),
        _ => format!("{} {} is installed", instance.app, instance.version),
    }
}
