//! The registry: operators change devices, sessions report about them.

mod reports;

use crate::{
    domain::{DeviceChange, DeviceId, DeviceState, DeviceView, FaultView},
    error::{DeviceError, StoreError},
    pairing::{check_name, known},
    pki::{DeviceCertificate, TrustedDevices},
    session::{DeviceSession, EndReason, SessionTable},
    store::{DeviceRecord, Store},
    telemetry::Telemetry,
};
use drydock_protocol::{
    device_to_gateway::{Hello, Reply},
    envelope::Kind,
    gateway_to_device::Configure,
};
pub(crate) use reports::MAX_DOUBTS;
use reports::{cut, differs};
use std::sync::{Arc, atomic::Ordering};

/// The devices: operators change them, sessions report about them.
pub(crate) struct Registry {
    pub(crate) store: Arc<Store>,
    pub(crate) sessions: Arc<SessionTable>,
    pub(crate) trusted: Arc<TrustedDevices>,
    pub(crate) telemetry: Arc<Telemetry>,
}

impl Registry {
    pub(crate) fn devices(&self) -> Vec<DeviceView> {
        let mut devices: Vec<_> = self.store.read().devices.values().map(DeviceRecord::view).collect();
        devices.iter_mut().for_each(|device| self.add_live(device));
        devices.sort_by(|a, b| a.name.cmp(&b.name));
        devices
    }

    pub(crate) fn device(&self, device: &DeviceId) -> Option<DeviceView> {
        let mut view = self.store.read().devices.get(device)?.view();
        self.add_live(&mut view);
        Some(view)
    }

    /// Adds what only the live session knows.
    pub(crate) fn add_live(&self, view: &mut DeviceView) {
        if let Some(session) = self.sessions.get(&view.id) {
            view.session_id = Some(session.id);
            view.peer = Some(session.peer.clone());
            view.last_heard_ms = Some(session.heard_unix_ms());
            view.heard_ms_ago = Some(session.silence_ms());
            view.uptime_ms = Some(session.uptime_ms.load(Ordering::Relaxed));
        }
    }

    pub(crate) async fn rename_device(&self, device: &DeviceId, name: &str) -> Result<(), DeviceError> {
        let mut tx = self.store.begin().await?;
        let mut record = known(&tx.model(), device)?.clone();
        let name = check_name(&tx.model(), name, Some(device)).map_err(|reason| DeviceError::Name { reason })?;
        let detail = format!("from {} to {name}", record.name);
        record.name = name;
        tx.device(record, DeviceChange::Renamed).await?;
        tx.audit("operator", "device.renamed", &device.0, &detail).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn retire_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        let mut tx = self.store.begin_durable().await?;
        let mut record = known(&tx.model(), device)?.clone();
        if record.certificate.is_none() && record.enrolled_ms.is_none() {
            // Never enrolled: nothing to remember.
            tx.drop_desired(&record, "the device was removed").await?;
            tx.drop_pairings_of(device).await?;
            tx.audit("operator", "pairing.cancelled", &device.0, &record.name)
                .await?;
            tx.forget_device(device.clone()).await?;
            tx.commit().await?;
            self.telemetry.forget(device);
            return Ok(());
        }
        tx.drop_pairings_of(device).await?;
        let detail = format!("{} with chip {}", record.name, record.chip_id);
        tx.drop_desired(&record, "the device was retired").await?;
        record.state = DeviceState::Retired;
        record.certificate = None;
        record.chip_id.clear();
        tx.device(record, DeviceChange::Retired).await?;
        tx.audit("operator", "device.retired", &device.0, &detail).await?;
        tx.commit().await?;
        self.end_session_of(device);
        self.telemetry.forget(device);
        Ok(())
    }

    pub(crate) async fn release_chip_id(&self, device: &DeviceId) -> Result<(), DeviceError> {
        let mut tx = self.store.begin_durable().await?;
        let mut record = known(&tx.model(), device)?.clone();
        let detail = format!("chip {}", record.chip_id);
        record.chip_id.clear();
        tx.device(record, DeviceChange::ChipReleased).await?;
        tx.audit("operator", "device.chip_released", &device.0, &detail).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn revoke_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        let mut tx = self.store.begin_durable().await?;
        let mut record = known(&tx.model(), device)?.clone();
        let Some((serial, _)) = record.certificate.take() else {
            return Err(DeviceError::NotEnrolled { name: record.name });
        };
        tx.device(record, DeviceChange::Revoked).await?;
        tx.audit(
            "operator",
            "certificate.revoked",
            &device.0,
            &format!("certificate {serial}"),
        )
        .await?;
        tx.commit().await?;
        self.end_session_of(device);
        Ok(())
    }

    pub(crate) async fn wipe_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        let session = self.live_session(device)?;
        self.expect_done(device, session.request_empty(Kind::Wipe).await)?;
        let saved = session.persist().await;
        saved.map_err(|_| DeviceError::NoAnswer {
            name: self.store.read().name_of(device),
        })?;
        let mut tx = self.store.begin_durable().await?;
        let mut record = known(&tx.model(), device)?.clone();
        tx.drop_desired(&record, "the device was wiped").await?;
        for app in record.instances.keys() {
            tx.remove_instance(device, app).await?;
        }
        record.instances.clear();
        record.desired.clear();
        record.certificate = None;
        tx.device(record, DeviceChange::Wiped).await?;
        tx.audit(
            "operator",
            "device.wiped",
            &device.0,
            "identity and apps were forgotten",
        )
        .await?;
        tx.commit().await?;
        self.end_session_of(device);
        Ok(())
    }

    pub(crate) async fn set_metrics_interval(&self, device: &DeviceId, interval_ms: u32) -> Result<(), DeviceError> {
        let session = self.live_session(device)?;
        let configure = Configure {
            metrics_interval_ms: interval_ms,
        };
        self.expect_done(device, session.request(Kind::Configure, &configure).await)?;
        session.keeps_interval(interval_ms);
        Ok(())
    }

    /// A device sent its hello: makes its session the current one. The error is one sentence.
    pub(crate) async fn connect<T>(
        &self,
        certificate: &DeviceCertificate,
        hello: Hello,
        make: impl FnOnce(u64) -> (Arc<DeviceSession>, T),
    ) -> Result<(Arc<DeviceSession>, T), String> {
        let failed = |error: StoreError| error.to_string();
        let mut tx = self.store.begin().await.map_err(failed)?;
        // Checked again under the writer lock: a revocation after the handshake counts.
        let shown = Some((certificate.serial.clone(), certificate.key));
        let record = tx.model().devices.get(&certificate.device).cloned();
        let Some(mut record) = record.filter(|record| record.certificate == shown) else {
            return Err(EndReason::Revoked.sentence().to_owned());
        };
        let rebooted = record.boot_count != hello.boot_count;
        let superseded = self.sessions.get(&record.id).is_some();
        record.session_seq += 1;
        record.state = DeviceState::Connected;
        record.last_heard_ms = Some(tx.time_ms);
        record.firmware = cut(hello.firmware, 64);
        record.boot_count = hello.boot_count;
        record.reset_reason = Some(hello.reset_reason.into());
        record.heap_bytes = Some(hello.heap_bytes);
        record.store_bytes = Some(hello.store_bytes);
        record.store_free_bytes = Some(hello.store_free_bytes);
        if let Some(fault) = hello.fault {
            record.last_fault = Some(FaultView {
                reason: fault.reason.into(),
                pc: fault.pc,
                lr: fault.lr,
                status: fault.status,
                address: fault.address,
                message: fault.message,
                told_ms: tx.time_ms,
            });
        }
        let (reported, doubts) = reports::of_hello(&tx.model(), hello.apps, tx.time_ms);
        let gone: Vec<String> = record
            .instances
            .keys()
            .filter(|app| !reported.contains_key(*app))
            .cloned()
            .collect();
        let before = std::mem::replace(&mut record.instances, reported.clone());
        let (id, device) = (record.session_seq, record.id.clone());
        let change = if superseded {
            DeviceChange::Superseded
        } else {
            DeviceChange::Connected
        };
        tx.device(record, change).await.map_err(failed)?;
        for app in gone {
            tx.remove_instance(&device, &app).await.map_err(failed)?;
        }
        for (app, instance) in reported {
            if before.get(&app).is_none_or(|known| differs(known, &instance)) {
                tx.instance(&device, instance).await.map_err(failed)?;
            }
        }
        for doubt in doubts {
            tx.record_doubt(&device, doubt).await.map_err(failed)?;
        }
        let (session, more) = make(id);
        session.uptime_ms.store(hello.uptime_ms, Ordering::Relaxed);
        if rebooted {
            self.telemetry.of(&device).rebooted();
        }
        // The new session is entered before the commit is visible: no reader sees the new state with the old session.
        self.sessions.enter(session.clone());
        if let Err(error) = tx.commit().await {
            self.sessions.leave(&session);
            return Err(failed(error));
        }
        Ok((session, more))
    }

    /// A session ended. If it is no longer the device's current one, nothing about the device changes.
    pub(crate) async fn disconnected(&self, session: &DeviceSession, sentence: &str) -> Result<(), StoreError> {
        tracing::info!(device = %session.device, session = session.id, sentence, "session ended");
        let mut tx = self.store.begin().await?;
        if !self.sessions.leave(session) {
            return Ok(());
        }
        let Some(mut record) = tx.model().devices.get(&session.device).cloned() else {
            return Ok(());
        };
        tx.put_back_targets(&record).await?;
        record.last_heard_ms = Some(session.heard_unix_ms());
        if record.state == DeviceState::Retired {
            tx.device_silently(record).await?;
            return tx.commit().await;
        }
        // After an idle timeout the device stays unreachable; only its connection is closed.
        let idle = session.end_reason() == Some(EndReason::Idle);
        record.state = if idle {
            DeviceState::Unreachable
        } else {
            DeviceState::Disconnected
        };
        tx.device(record, DeviceChange::Disconnected).await?;
        tx.commit().await
    }

    /// The heartbeat of a session is overdue.
    pub(crate) async fn fell_silent(&self, session: &DeviceSession) -> Result<(), StoreError> {
        self.change_state(session, DeviceState::Unreachable, DeviceChange::Unreachable)
            .await
    }

    /// A silent device was heard.
    pub(crate) async fn returned(&self, session: &DeviceSession) -> Result<(), StoreError> {
        self.change_state(session, DeviceState::Connected, DeviceChange::Returned)
            .await
    }

    pub(crate) fn live_session(&self, device: &DeviceId) -> Result<Arc<DeviceSession>, DeviceError> {
        let name = known(&self.store.read(), device)?.name.clone();
        self.sessions.get(device).ok_or(DeviceError::NotConnected { name })
    }

    pub(crate) fn is_current(&self, session: &DeviceSession) -> bool {
        self.sessions
            .get(&session.device)
            .is_some_and(|current| current.id == session.id)
    }

    fn expect_done(
        &self,
        device: &DeviceId,
        reply: Result<Reply, crate::session::NoAnswer>,
    ) -> Result<(), DeviceError> {
        let name = self.store.read().name_of(device);
        match reply {
            Ok(Reply::Done | Reply::ChunkTaken(_)) => Ok(()),
            Ok(Reply::Refused(refusal)) => Err(DeviceError::Refused {
                name,
                detail: refusal.detail,
            }),
            Err(_) => Err(DeviceError::NoAnswer { name }),
        }
    }

    fn end_session_of(&self, device: &DeviceId) {
        self.trusted.revoke(device);
        if let Some(session) = self.sessions.get(device) {
            session.end(EndReason::Revoked);
        }
    }

    async fn change_state(
        &self,
        session: &DeviceSession,
        state: DeviceState,
        change: DeviceChange,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let record = tx.model().devices.get(&session.device).cloned();
        let Some(mut record) = record.filter(|record| self.is_current(session) && record.state != state) else {
            return Ok(());
        };
        record.state = state;
        record.last_heard_ms = Some(session.heard_unix_ms());
        tx.device(record, change).await?;
        tx.commit().await
    }
}
