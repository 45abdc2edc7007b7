//! The store's content in memory, which queries read. Only [`super::Transaction`] changes it, after the database has
//! committed the change.

use crate::{
    config::PairingMode,
    domain::{
        Deployment, DeploymentId, DeploymentTarget, DesiredAppView, DeviceId, DeviceState, DeviceView, Digest,
        FaultView, InstanceView, PackageId, PackageView, ResetReason,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Everything but events, audit and telemetry.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) revision: u64,
    pub(crate) pairing: PairingMode,
    pub(crate) devices: BTreeMap<DeviceId, DeviceRecord>,
    pub(crate) packages: BTreeMap<PackageId, Arc<PackageRecord>>,
    pub(crate) deployments: BTreeMap<DeploymentId, Deployment>,
    pub(crate) pairings: BTreeMap<Digest, PairingRecord>,
}

/// A device with its desired and its reported apps.
#[derive(Debug, Clone)]
pub(crate) struct DeviceRecord {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) board: String,
    pub(crate) chip_id: String,
    pub(crate) state: DeviceState,
    pub(crate) firmware: String,
    pub(crate) last_heard_ms: Option<u64>,
    pub(crate) session_seq: u64,
    pub(crate) boot_count: u32,
    pub(crate) reset_reason: Option<ResetReason>,
    pub(crate) last_fault: Option<FaultView>,
    pub(crate) heap_bytes: Option<u32>,
    pub(crate) store_bytes: Option<u32>,
    pub(crate) store_free_bytes: Option<u32>,
    pub(crate) enrolled_ms: Option<u64>,
    /// Serial and key hash of its certificate. `None` if it is not enrolled, or revoked.
    pub(crate) certificate: Option<(String, Digest)>,
    pub(crate) instances: BTreeMap<String, InstanceView>,
    pub(crate) desired: BTreeMap<String, DesiredApp>,
}

/// The desired state of one app on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredApp {
    pub(crate) app: String,
    /// `None` if the app must be removed.
    pub(crate) package: Option<PackageId>,
    pub(crate) run: bool,
    /// A start was requested and not carried out yet, regardless of the state in which the app ended.
    pub(crate) start_once: bool,
    pub(crate) deployment: Option<DeploymentId>,
    /// The previous desired package and whether it ran; restored if the device refuses this one.
    pub(crate) previous: Option<(PackageId, bool)>,
}

/// A package with the bytes that are sent.
#[derive(Debug)]
pub(crate) struct PackageRecord {
    pub(crate) view: PackageView,
    pub(crate) envelope: Vec<u8>,
}

/// A one-time token, known by its hash.
#[derive(Debug, Clone)]
pub(crate) struct PairingRecord {
    pub(crate) token_hash: Digest,
    pub(crate) device: DeviceId,
    /// The chip that it is bound to, hexadecimal; empty: any.
    pub(crate) chip_id: String,
    pub(crate) expires_ms: u64,
    pub(crate) used: bool,
    /// Whether the device was enrolled before and gets a new certificate.
    pub(crate) again: bool,
    /// Whether it is for a machine that this Drydock created: it is valid while pairing is off.
    pub(crate) own: bool,
}

impl Model {
    pub(crate) fn empty(pairing: PairingMode) -> Self {
        Self {
            revision: 0,
            pairing,
            devices: BTreeMap::new(),
            packages: BTreeMap::new(),
            deployments: BTreeMap::new(),
            pairings: BTreeMap::new(),
        }
    }

    /// Packages of an app, latest first.
    pub(crate) fn versions<'a>(&'a self, app: &str) -> Vec<&'a Arc<PackageRecord>> {
        let mut versions: Vec<_> = self
            .packages
            .values()
            .filter(|package| package.view.app == app)
            .collect();
        versions.sort_by_key(|package| std::cmp::Reverse(package.view.sequence));
        versions
    }

    /// Name of a device for people; its id if it is not known.
    pub(crate) fn name_of(&self, device: &DeviceId) -> String {
        let record = self.devices.get(device);
        record.map_or_else(|| device.0.clone(), |record| record.name.clone())
    }

    /// The device that is not retired and has this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&DeviceRecord> {
        self.live_devices().find(|device| device.name == name)
    }

    /// The device that is not retired and is bound to this chip.
    pub(crate) fn by_chip(&self, chip_id: &str) -> Option<&DeviceRecord> {
        self.live_devices()
            .find(|device| !chip_id.is_empty() && device.chip_id == chip_id)
    }

    pub(crate) fn target(&self, deployment: DeploymentId, device: &DeviceId) -> Option<&DeploymentTarget> {
        self.deployments
            .get(&deployment)?
            .targets
            .iter()
            .find(|target| target.device == *device)
    }

    fn live_devices(&self) -> impl Iterator<Item = &DeviceRecord> {
        self.devices
            .values()
            .filter(|device| device.state != DeviceState::Retired)
    }
}

impl DeviceRecord {
    pub(crate) fn pending(id: DeviceId, name: String, chip_id: String) -> Self {
        Self {
            id,
            name,
            board: String::new(),
            chip_id,
            state: DeviceState::Pending,
            firmware: String::new(),
            last_heard_ms: None,
            session_seq: 0,
            boot_count: 0,
            reset_reason: None,
            last_fault: None,
            heap_bytes: None,
            store_bytes: None,
            store_free_bytes: None,
            enrolled_ms: None,
            certificate: None,
            instances: BTreeMap::new(),
            desired: BTreeMap::new(),
        }
    }

    /// The view without what only a live session knows.
    pub(crate) fn view(&self) -> DeviceView {
        DeviceView {
            id: self.id.clone(),
            name: self.name.clone(),
            board: self.board.clone(),
            chip_id: self.chip_id.clone(),
            state: self.state,
            last_heard_ms: self.last_heard_ms,
            heard_ms_ago: None,
            firmware: self.firmware.clone(),
            session_id: None,
            peer: None,
            uptime_ms: None,
            boot_count: self.boot_count,
            reset_reason: self.reset_reason,
            last_fault: self.last_fault.clone(),
            heap_bytes: self.heap_bytes,
            store_bytes: self.store_bytes,
            store_free_bytes: self.store_free_bytes,
            enrolled_ms: self.enrolled_ms,
            certificate_serial: self.certificate.as_ref().map(|(serial, _)| serial.clone()),
            apps: self.instances.values().cloned().collect(),
            desired: self.open_desired().map(DesiredApp::view).collect(),
        }
    }
}

impl DeviceRecord {
    /// The desired apps without the removals that have been carried out. Those stay stored, so that an app that comes back
    /// with older flash is removed again.
    fn open_desired(&self) -> impl Iterator<Item = &DesiredApp> {
        let is_open = |desired: &&DesiredApp| desired.package.is_some() || self.instances.contains_key(&desired.app);
        self.desired.values().filter(is_open)
    }
}

impl DesiredApp {
    pub(crate) fn view(&self) -> DesiredAppView {
        DesiredAppView {
            app: self.app.clone(),
            package: self.package.clone(),
            run: self.run,
        }
    }
}

impl PackageRecord {
    /// Whether an instance is this very package.
    pub(crate) fn is(&self, instance: &InstanceView) -> bool {
        self.view.sequence == instance.sequence && self.view.digest == instance.digest
    }
}

/// The database's text for an enum, the same as in JSON.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("{other:?} is no word"),
    }
}

/// The enum of a word of the database.
pub(super) fn from_word<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AppState;

    #[test]
    fn words_return() {
        for state in [
            AppState::Installed,
            AppState::Starting,
            AppState::Running,
            AppState::Failed,
        ] {
            assert_eq!(from_word(&word(&state)), Some(state));
        }
        assert_eq!(word(&DeviceState::Unreachable), "unreachable");
        assert_eq!(from_word::<DeviceState>("nonsense"), None);
    }
}
