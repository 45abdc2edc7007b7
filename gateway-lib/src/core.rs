//! What all rooms of the gateway share, and how it is put together.

use crate::{
    clock::Clock,
    config::{BoardSpec, GatewayConfig, SessionLimits},
    deploy::Transfers,
    domain::{DeviceChange, DeviceId, DeviceState, EventKind, TargetStatus},
    error::{OpenError, StoreError},
    gateway::GatewayInfo,
    pki::{self, Authority, DeviceCertificate, DeviceVerifier, TrustedDevices},
    session::SessionTable,
    store::{SCHEMA, Store},
    telemetry::Telemetry,
    tls::TlsConfigs,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The gateway without its door.
pub(crate) struct Core {
    pub(crate) store: Arc<Store>,
    pub(crate) authority: Authority,
    pub(crate) trusted: Arc<TrustedDevices>,
    pub(crate) verifier: Arc<DeviceVerifier>,
    pub(crate) tls: TlsConfigs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: SessionLimits,
    pub(crate) boards: Vec<BoardSpec>,
    pub(crate) sessions: SessionTable,
    pub(crate) telemetry: Telemetry,
    pub(crate) transfers: Transfers,
    pub(crate) refusals: RefusalBudget,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) handshakes: Arc<Semaphore>,
    pub(crate) listening: Mutex<Vec<SocketAddr>>,
    /// Cancelled when the gateway ends.
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    recovered: Vec<String>,
}

impl Core {
    pub(crate) async fn open(config: GatewayConfig) -> Result<Arc<Self>, OpenError> {
        let store = Arc::new(Store::open(&config).await?);
        let keys = config.data_dir.join("pki");
        let keys_error = |reason: String| OpenError::Keys {
            path: keys.clone(),
            reason,
        };
        let enrolled = store.read().devices.values().any(|device| device.certificate.is_some());
        if enrolled && !keys.exists() {
            return Err(keys_error("they are missing".to_owned()));
        }
        let authority = Authority::open(&keys, config.clock.unix_ms())?;
        let trusted = Arc::new(TrustedDevices::default());
        let verifier =
            pki::device_verifier(&authority, trusted.clone()).map_err(|error| keys_error(error.to_string()))?;
        let tls = TlsConfigs::new(&authority, verifier.clone(), config.clock.clone())
            .map_err(|error| keys_error(error.to_string()))?;
        for device in store.read().devices.values() {
            if let Some((serial, key)) = device.certificate.clone() {
                let device = device.id.clone();
                trusted.trust(DeviceCertificate { device, serial, key });
            }
        }
        let recovered = recover(&store).await?;
        let limits = config.limits;
        Ok(Arc::new(Self {
            store,
            authority,
            trusted,
            verifier,
            tls,
            clock: config.clock,
            sessions: SessionTable::default(),
            telemetry: Telemetry::new(limits.metrics_kept, limits.logs_kept),
            transfers: Transfers::default(),
            refusals: RefusalBudget::default(),
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            handshakes: Arc::new(Semaphore::new(limits.max_handshakes)),
            listening: Mutex::new(Vec::new()),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            boards: config.boards,
            limits,
            recovered,
        }))
    }

    pub(crate) fn info(&self) -> GatewayInfo {
        GatewayInfo {
            id: self.authority.id.clone(),
            name: self.authority.gateway_name(),
            anchor_der: self.authority.root.to_vec(),
            pin: self.authority.gateway_pin,
            publisher_key: self.authority.publisher_key().to_vec(),
            listening: self.listening().clone(),
            sessions: self.sessions.len(),
            schema: SCHEMA,
            pairing: self.store.read().pairing,
            recovered: self.recovered.clone(),
        }
    }

    pub(crate) fn listening(&self) -> std::sync::MutexGuard<'_, Vec<SocketAddr>> {
        self.listening.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Ends sessions and listeners, and waits until their ends are written.
    pub(crate) async fn close(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }

    /// How people call a device.
    pub(crate) fn name_of(&self, device: &DeviceId) -> String {
        let model = self.store.read();
        model
            .devices
            .get(device)
            .map_or_else(|| device.0.clone(), |record| record.name.clone())
    }
}

/// Refusals that are recorded in a minute: whoever can reach the port must not be able to fill the disk.
const REFUSALS_PER_MINUTE: u32 = 300;

/// How many refusals were recorded lately.
#[derive(Default)]
pub(crate) struct RefusalBudget(Mutex<(u64, u32)>);

impl RefusalBudget {
    /// Whether one more may be recorded now.
    pub(crate) fn allow(&self, now_ms: u64) -> bool {
        let mut window = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now_ms.saturating_sub(window.0) > 60_000 {
            *window = (now_ms, 0);
        }
        window.1 = window.1.saturating_add(1);
        window.1 <= REFUSALS_PER_MINUTE
    }
}

/// Mends what an end without farewell left behind, and says it in sentences.
async fn recover(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut tx = store.begin().await?;
    let mut sentences = Vec::new();
    let (devices, deployments) = {
        let model = tx.model();
        let devices: Vec<_> = model.devices.values().cloned().collect();
        let deployments: Vec<_> = model.deployments.values().cloned().collect();
        (devices, deployments)
    };
    for mut device in devices.iter().cloned() {
        let (state, change) = match device.state {
            DeviceState::Connected | DeviceState::Unreachable => {
                (DeviceState::Disconnected, DeviceChange::Disconnected)
            }
            DeviceState::Enrolling => (DeviceState::Pending, DeviceChange::Paired),
            _ => continue,
        };
        sentences.push(match state {
            DeviceState::Pending => format!(
                "{} was enrolling when Drydock ended; it has to begin again",
                device.name
            ),
            _ => format!("{} was connected when Drydock ended without closing", device.name),
        });
        device.state = state;
        tx.device(device, change).await?;
    }
    for deployment in deployments {
        for mut target in deployment.targets {
            if !matches!(target.status, TargetStatus::Transferring | TargetStatus::Committing) {
                continue;
            }
            let name = devices.iter().find(|device| device.id == target.device);
            let name = name.map_or(target.device.0.as_str(), |device| &device.name);
            let sentence = format!(
                "{} was on its way to {name} when Drydock ended; it is sent again when the board returns",
                deployment.app
            );
            target.status = TargetStatus::Waiting;
            target.detail.clone_from(&sentence);
            target.changed_ms = tx.time_ms;
            sentences.push(sentence);
            tx.target(deployment.id, target).await?;
        }
    }
    let recovered = sentences.clone();
    tx.publish(EventKind::GatewayOpened { recovered }).await?;
    let detail = if sentences.is_empty() {
        "after a clean end".to_owned()
    } else {
        sentences.join("; ")
    };
    tx.audit("gateway", "gateway.opened", "", &detail).await?;
    tx.commit().await?;
    remove_unfinished_modules(store);
    Ok(sentences)
}

/// Half-written module files of an earlier run.
fn remove_unfinished_modules(store: &Store) {
    let Ok(entries) = std::fs::read_dir(store.modules_dir()) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "unfinished") {
            let _ = std::fs::remove_file(path);
        }
    }
}
