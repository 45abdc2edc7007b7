//! One transaction of the store: rows, events and audit entries together.

use super::{
    DesiredApp, DeviceRecord, Durability, Model, PackageRecord, PairingRecord, Store, Writer, events, model::word,
};
use crate::{
    config::PairingMode,
    domain::{
        Deployment, DeploymentId, DeploymentTarget, DeviceChange, DeviceId, Digest, EventKind, GatewayEvent,
        InstanceView, PackageId,
    },
    error::StoreError,
};
use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};
use std::sync::Arc;
use tokio::sync::MutexGuard;

/// An open transaction. Dropping it without [`Transaction::commit`] changes nothing.
pub(crate) struct Transaction<'a> {
    /// The time of all changes in it, in milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    store: &'a Store,
    writer: MutexGuard<'a, Writer>,
    revision: u64,
    audit_tip: (u64, Digest),
    staged: Vec<Change>,
    events: Vec<Arc<GatewayEvent>>,
}

/// A change of the model, applied after the commit.
enum Change {
    Device(Box<DeviceRecord>),
    DeviceGone(DeviceId),
    Instance(DeviceId, InstanceView),
    InstanceGone(DeviceId, String),
    DesiredApp(DeviceId, DesiredApp),
    DesiredGone(DeviceId, String),
    Package(Arc<PackageRecord>),
    Deployment(Deployment),
    Target(DeploymentId, DeploymentTarget),
    Pairing(PairingRecord),
    PairingGone(Digest),
    Mode(PairingMode),
}

impl<'a> Transaction<'a> {
    pub(super) async fn begin(store: &'a Store, durability: Durability) -> Result<Self, StoreError> {
        let mut writer = store.writer.lock().await;
        // A transaction whose future was dropped halfway left its BEGIN behind.
        let _ = sqlx::raw_sql("ROLLBACK").execute(writer.connection()?).await;
        if writer.in_doubt {
            store.catch_up(&mut writer).await?;
        }
        if writer.durability != durability {
            // SQLite takes this between transactions only.
            let pragma = match durability {
                Durability::Process => "PRAGMA synchronous = NORMAL",
                Durability::Power => "PRAGMA synchronous = FULL",
            };
            sqlx::raw_sql(pragma)
                .execute(writer.connection()?)
                .await
                .map_err(|error| store.error(error))?;
            writer.durability = durability;
        }
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(writer.connection()?)
            .await
            .map_err(|error| store.error(error))?;
        let audit_tip = writer.audit_tip;
        Ok(Self {
            time_ms: store.unix_ms(),
            revision: store.read().revision,
            store,
            writer,
            audit_tip,
            staged: Vec::new(),
            events: Vec::new(),
        })
    }

    /// The content before this change. It cannot change in the meantime.
    pub(crate) fn model(&self) -> std::sync::RwLockReadGuard<'_, Model> {
        self.store.read()
    }

    /// Writes a device and publishes the change.
    pub(crate) async fn device(&mut self, record: DeviceRecord, change: DeviceChange) -> Result<(), StoreError> {
        self.device_silently(record.clone()).await?;
        let device = Box::new(record.view());
        self.publish(EventKind::DeviceChanged { device, change }).await
    }

    /// Writes a device without an event, because the next event about it says the same.
    pub(crate) async fn device_silently(&mut self, record: DeviceRecord) -> Result<(), StoreError> {
        let fault = record.last_fault.as_ref().map(json).transpose()?;
        let (serial, key) = record.certificate.clone().unzip();
        self.run(
            sqlx::query("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(record.id.0.clone())
                .bind(record.name.clone())
                .bind(record.board.clone())
                .bind(record.chip_id.clone())
                .bind(word(&record.state))
                .bind(record.firmware.clone())
                .bind(record.last_heard_ms.map(u64::cast_signed))
                .bind(record.session_seq.cast_signed())
                .bind(record.boot_count)
                .bind(record.reset_reason.as_ref().map(word))
                .bind(fault)
                .bind(record.heap_bytes)
                .bind(record.store_bytes)
                .bind(record.store_free_bytes)
                .bind(record.enrolled_ms.map(u64::cast_signed))
                .bind(serial)
                .bind(key.map(|key| key.0.to_vec())),
        )
        .await?;
        self.staged.push(Change::Device(Box::new(record)));
        Ok(())
    }

    /// Drops a device that never enrolled.
    pub(crate) async fn forget_device(&mut self, device: DeviceId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM devices WHERE id = ?",
            "DELETE FROM wishes WHERE device = ?",
        ] {
            self.run(sqlx::query(sql).bind(device.0.clone())).await?;
        }
        self.staged.push(Change::DeviceGone(device.clone()));
        self.publish(EventKind::DeviceForgotten { device }).await
    }

    /// Writes what a device reports about an app.
    pub(crate) async fn instance(&mut self, device: &DeviceId, instance: InstanceView) -> Result<(), StoreError> {
        self.instance_silently(device, instance.clone()).await?;
        let device = device.clone();
        self.publish(EventKind::InstanceChanged { device, instance }).await
    }

    /// Writes what a device says about an app without an event, where the state that people see stays the same.
    pub(crate) async fn instance_silently(
        &mut self,
        device: &DeviceId,
        instance: InstanceView,
    ) -> Result<(), StoreError> {
        let failure = instance.failure.as_ref().map(json).transpose()?;
        self.run(
            sqlx::query("INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(device.0.clone())
                .bind(instance.app.clone())
                .bind(instance.version.clone())
                .bind(instance.sequence.cast_signed())
                .bind(instance.digest.to_string())
                .bind(word(&instance.state))
                .bind(failure)
                .bind(instance.autostart)
                .bind(instance.uptime_ms.cast_signed())
                .bind(instance.reported_ms.cast_signed()),
        )
        .await?;
        self.staged.push(Change::Instance(device.clone(), instance));
        Ok(())
    }

    /// Drops an app that a device has no more.
    pub(crate) async fn remove_instance(&mut self, device: &DeviceId, app: &str) -> Result<(), StoreError> {
        self.run(
            sqlx::query("DELETE FROM instances WHERE device = ? AND app = ?")
                .bind(device.0.clone())
                .bind(app.to_owned()),
        )
        .await?;
        self.staged.push(Change::InstanceGone(device.clone(), app.to_owned()));
        let (device, app) = (device.clone(), app.to_owned());
        self.publish(EventKind::InstanceRemoved { device, app }).await
    }

    /// Writes the desired state of an app. The table keeps its first name, `wishes`.
    pub(crate) async fn desired(&mut self, device: &DeviceId, desired: DesiredApp) -> Result<(), StoreError> {
        let (previous_package, previous_run) = desired.previous.clone().unzip();
        self.run(
            sqlx::query("INSERT OR REPLACE INTO wishes VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(device.0.clone())
                .bind(desired.app.clone())
                .bind(desired.package.clone().map(|package| package.0))
                .bind(desired.run)
                .bind(desired.start_once)
                .bind(desired.deployment.map(|deployment| deployment.0.cast_signed()))
                .bind(previous_package.map(|package: PackageId| package.0))
                .bind(previous_run.unwrap_or(false)),
        )
        .await?;
        let kind = EventKind::DesiredChanged {
            device: device.clone(),
            desired: Some(desired.view()),
            app: desired.app.clone(),
        };
        self.staged.push(Change::DesiredApp(device.clone(), desired));
        self.publish(kind).await
    }

    /// Drops the desired state of an app.
    pub(crate) async fn remove_desired(&mut self, device: &DeviceId, app: &str) -> Result<(), StoreError> {
        self.run(
            sqlx::query("DELETE FROM wishes WHERE device = ? AND app = ?")
                .bind(device.0.clone())
                .bind(app.to_owned()),
        )
        .await?;
        self.staged.push(Change::DesiredGone(device.clone(), app.to_owned()));
        let (device, app) = (device.clone(), app.to_owned());
        self.publish(EventKind::DesiredChanged {
            device,
            desired: None,
            app,
        })
        .await
    }

    /// Writes a signed package.
    pub(crate) async fn package(&mut self, record: Arc<PackageRecord>) -> Result<(), StoreError> {
        let view = record.view.clone();
        self.run(
            sqlx::query("INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?)")
                .bind(view.id.0.clone())
                .bind(view.app.clone())
                .bind(view.sequence.cast_signed())
                .bind(view.signed_ms.cast_signed())
                .bind(view.rollback_of.clone().map(|package| package.0))
                .bind(record.envelope.clone()),
        )
        .await?;
        self.staged.push(Change::Package(record));
        self.publish(EventKind::PackageSigned { package: view }).await
    }

    /// Writes a new deployment.
    pub(crate) async fn deployment(&mut self, deployment: Deployment) -> Result<(), StoreError> {
        self.run(
            sqlx::query("INSERT INTO deployments VALUES (?, ?, ?, ?, ?)")
                .bind(deployment.id.0.cast_signed())
                .bind(deployment.package.0.clone())
                .bind(deployment.app.clone())
                .bind(deployment.start)
                .bind(deployment.created_ms.cast_signed()),
        )
        .await?;
        for target in &deployment.targets {
            self.write_target(deployment.id, target).await?;
        }
        self.staged.push(Change::Deployment(deployment.clone()));
        self.publish(EventKind::DeploymentCreated { deployment }).await
    }

    /// Writes the progress of a deployment on a device.
    pub(crate) async fn target(&mut self, id: DeploymentId, target: DeploymentTarget) -> Result<(), StoreError> {
        let package = self
            .model()
            .deployments
            .get(&id)
            .map(|deployment| deployment.package.clone());
        self.write_target(id, &target).await?;
        self.staged.push(Change::Target(id, target.clone()));
        match package {
            Some(package) => {
                self.publish(EventKind::DeploymentMoved {
                    deployment: id,
                    package,
                    target,
                })
                .await
            }
            None => Ok(()),
        }
    }

    /// Writes a token.
    pub(crate) async fn pairing(&mut self, pairing: PairingRecord) -> Result<(), StoreError> {
        self.run(
            sqlx::query("INSERT OR REPLACE INTO pairings VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(pairing.token_hash.0.to_vec())
                .bind(pairing.device.0.clone())
                .bind(pairing.chip_id.clone())
                .bind(pairing.expires_ms.cast_signed())
                .bind(pairing.used)
                .bind(pairing.again)
                .bind(pairing.own),
        )
        .await?;
        self.staged.push(Change::Pairing(pairing));
        Ok(())
    }

    /// Drops a token.
    pub(crate) async fn remove_pairing(&mut self, token_hash: Digest) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM pairings WHERE token_hash = ?").bind(token_hash.0.to_vec()))
            .await?;
        self.staged.push(Change::PairingGone(token_hash));
        Ok(())
    }

    /// Switches pairing.
    pub(crate) async fn mode(&mut self, mode: PairingMode) -> Result<(), StoreError> {
        self.staged.push(Change::Mode(mode));
        self.publish(EventKind::PairingSwitched { mode }).await
    }

    /// Adds an event.
    pub(crate) async fn publish(&mut self, kind: EventKind) -> Result<(), StoreError> {
        self.revision += 1;
        let event = GatewayEvent {
            revision: self.revision,
            time_ms: self.time_ms,
            kind,
        };
        events::write(self.writer.connection()?, &event)
            .await
            .map_err(|error| self.store.error(error))?;
        self.events.push(Arc::new(event));
        Ok(())
    }

    /// Commits everything at once.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let kept = self.store.events_kept;
        let pruned = self.events.iter().any(|event| event.revision % 1_000 == 0);
        if pruned {
            events::prune(self.writer.connection()?, self.revision, kept)
                .await
                .map_err(|error| self.store.error(error))?;
        }
        let is_audited = self.audit_tip != self.writer.audit_tip;
        if is_audited {
            self.sign_audit_head().await?;
        }
        self.writer.in_doubt = true;
        sqlx::raw_sql("COMMIT")
            .execute(self.writer.connection()?)
            .await
            .map_err(|error| self.store.error(error))?;
        // No await from here on: nothing may happen between the commit and the update of the model.
        self.writer.in_doubt = false;
        self.writer.audit_tip = self.audit_tip;
        {
            let mut model = self
                .store
                .model
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            model.revision = self.revision;
            for change in std::mem::take(&mut self.staged) {
                change.apply(&mut model);
            }
        }
        self.store.bus.publish(std::mem::take(&mut self.events));
        Ok(())
    }

    /// The signature of an end of the audit trail; `None` before a key was given.
    pub(super) fn audit_signature(&self, entries: u64, hash: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(signer) = self.store.audit_signer.get() else {
            return Ok(None);
        };
        signer.sign(entries, hash).map(Some).map_err(|_| StoreError::Unsigned)
    }

    pub(super) fn audit_tip(&self) -> (u64, Digest) {
        self.audit_tip
    }

    pub(super) fn set_audit_tip(&mut self, tip: (u64, Digest)) {
        self.audit_tip = tip;
    }

    pub(super) async fn run(&mut self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<(), StoreError> {
        query
            .execute(self.writer.connection()?)
            .await
            .map_err(|error| self.store.error(error))?;
        Ok(())
    }

    async fn write_target(&mut self, id: DeploymentId, target: &DeploymentTarget) -> Result<(), StoreError> {
        self.run(
            sqlx::query("INSERT OR REPLACE INTO deployment_targets VALUES (?, ?, ?, ?, ?)")
                .bind(id.0.cast_signed())
                .bind(target.device.0.clone())
                .bind(word(&target.status))
                .bind(target.detail.clone())
                .bind(target.changed_ms.cast_signed()),
        )
        .await
    }
}

impl Change {
    fn apply(self, model: &mut Model) {
        match self {
            Self::Device(mut record) => {
                // Reported and desired apps have changes of their own.
                if let Some(known) = model.devices.remove(&record.id) {
                    record.instances = known.instances;
                    record.desired = known.desired;
                }
                model.devices.insert(record.id.clone(), *record);
            }
            Self::DeviceGone(device) => {
                model.devices.remove(&device);
            }
            Self::Instance(device, instance) => {
                if let Some(record) = model.devices.get_mut(&device) {
                    record.instances.insert(instance.app.clone(), instance);
                }
            }
            Self::InstanceGone(device, app) => {
                if let Some(record) = model.devices.get_mut(&device) {
                    record.instances.remove(&app);
                }
            }
            Self::DesiredApp(device, desired) => {
                if let Some(record) = model.devices.get_mut(&device) {
                    record.desired.insert(desired.app.clone(), desired);
                }
            }
            Self::DesiredGone(device, app) => {
                if let Some(record) = model.devices.get_mut(&device) {
                    record.desired.remove(&app);
                }
            }
            Self::Package(record) => {
                model.packages.insert(record.view.id.clone(), record);
            }
            Self::Deployment(deployment) => {
                model.deployments.insert(deployment.id, deployment);
            }
            Self::Target(id, target) => {
                let deployment = model.deployments.get_mut(&id);
                let slot = deployment.and_then(|deployment| {
                    deployment
                        .targets
                        .iter_mut()
                        .find(|known| known.device == target.device)
                });
                if let Some(slot) = slot {
                    *slot = target;
                }
            }
            Self::Pairing(pairing) => {
                model.pairings.insert(pairing.token_hash, pairing);
            }
            Self::PairingGone(token_hash) => {
                model.pairings.remove(&token_hash);
            }
            Self::Mode(mode) => model.pairing = mode,
        }
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable {
        what: error.to_string(),
    })
}
