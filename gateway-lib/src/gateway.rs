//! The gateway's public handle: every operation, forwarded to the service that carries it out.

use crate::{
    DeviceStorage,
    clock::Clock,
    config::{GatewayConfig, PairingMode},
    domain::*,
    error::*,
    package::packages_of,
    services::Services,
    store::{DeviceRecord, EventCursor, SCHEMA, read_trail},
    stream::*,
};
use drydock_protocol::types::Version;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// The gateway; all clones are the same gateway. It ends when [`Gateway::close`] is called or the last clone is
/// dropped.
#[derive(Clone)]
pub struct Gateway {
    services: Arc<Services>,
}

/// What a caller knows about a peer before the peer sends anything.
#[derive(Clone)]
pub struct PeerLabel {
    /// For people and logs, for example `emulated bench-1` or `127.0.0.1:51234`.
    pub label: String,
    /// Clock of the link. `None` uses the gateway's clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// The device's flash, if the host keeps it. `None` for a device that keeps its own.
    pub storage: Option<Arc<dyn DeviceStorage>>,
}

impl PeerLabel {
    /// A peer on the gateway's clock.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            clock: None,
            storage: None,
        }
    }

    /// The same peer on its own clock.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// The same peer, whose flash the host keeps.
    pub fn with_storage(self, storage: Arc<dyn DeviceStorage>) -> Self {
        Self {
            storage: Some(storage),
            ..self
        }
    }
}

/// A connection's task. Dropping this handle does not end the connection.
#[derive(Debug)]
pub struct Connection {
    task: tokio::task::JoinHandle<String>,
    ending: CancellationToken,
}

impl Connection {
    pub(crate) fn new(task: tokio::task::JoinHandle<String>, ending: CancellationToken) -> Self {
        Self { task, ending }
    }

    /// Waits for the end; returns its reason as one sentence.
    pub async fn ended(self) -> String {
        self.task
            .await
            .unwrap_or_else(|_| "the connection was closed".to_owned())
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.ending.cancel();
    }
}

/// First trust for one device, to be carried over its cable (`control::Pair`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// The device that will carry the identity; pending until it enrolls.
    pub device: DeviceId,
    /// The gateway's root certificate (X.509, DER).
    pub anchor_der: Vec<u8>,
    /// One-time token, 16 bytes.
    pub token: Vec<u8>,
    /// Server name in the gateway's certificate.
    pub gateway_name: String,
    /// When the token runs out, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

impl Gateway {
    /// Opens a data directory; the first start creates its keys, certificates and store.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed then.
    pub async fn open(config: GatewayConfig) -> Result<Self, OpenError> {
        let services = Arc::new(Services::open(config).await?);
        Ok(Self { services })
    }

    /// Ends sessions and listeners and waits until their ends are recorded.
    pub async fn close(&self) {
        self.services.close().await;
    }

    /// Information about this gateway.
    pub fn info(&self) -> GatewayInfo {
        let Services {
            store,
            authority,
            table,
            sessions,
            recovered,
            ..
        } = &*self.services;
        GatewayInfo {
            id: authority.id.clone(),
            name: authority.gateway_name(),
            anchor_der: authority.root.to_vec(),
            pin: authority.gateway_pin,
            publisher_key: authority.publisher_key().to_vec(),
            listening: sessions.listening(),
            sessions: table.len(),
            schema: SCHEMA,
            pairing: store.read().pairing,
            recovered: recovered.clone(),
        }
    }

    /// Serves one byte stream: a TLS connection of either ALPN.
    pub fn accept<S>(&self, stream: S, peer: PeerLabel) -> Connection
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.services.sessions.accept(stream, peer)
    }

    /// Listens for TCP connections; pass a loopback address unless the user asked for another. Returns the address with
    /// its port.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        self.services.sessions.listen(address).await
    }

    /// Switches enrollment on or off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_pairing(&self, mode: PairingMode) -> Result<(), StoreError> {
        self.services.enrollment.set_pairing(mode).await
    }

    /// Creates a one-time token for a new device, bound to a chip if its id is given.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn create_pairing(
        &self,
        ttl: Duration,
        chip_id: Option<Vec<u8>>,
        device_name: Option<String>,
    ) -> Result<Pairing, PairingError> {
        self.services
            .enrollment
            .create_pairing(ttl, chip_id, device_name, false)
            .await
    }

    /// The same for a machine that the caller created. No other party has access to its cable, so it may enroll while
    /// pairing is off.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn create_own_pairing(&self, ttl: Duration, device_name: String) -> Result<Pairing, PairingError> {
        self.services
            .enrollment
            .create_pairing(ttl, None, Some(device_name), true)
            .await
    }

    /// Makes a one-time token with which a known device (wiped, or its chip renewed) gets a new certificate under its old
    /// id and name; the old certificate is revoked when the new one is issued.
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn create_pairing_for(&self, device: &DeviceId, ttl: Duration) -> Result<Pairing, PairingError> {
        self.services.enrollment.create_pairing_for(device, ttl, false).await
    }

    /// The same for a machine that the caller created; see [`Gateway::create_own_pairing`].
    ///
    /// # Errors
    /// [`PairingError`].
    pub async fn create_own_pairing_for(&self, device: &DeviceId, ttl: Duration) -> Result<Pairing, PairingError> {
        self.services.enrollment.create_pairing_for(device, ttl, true).await
    }

    /// All devices, by name.
    pub fn devices(&self) -> Vec<DeviceView> {
        self.services.registry.devices()
    }

    /// One device.
    pub fn device(&self, device: &DeviceId) -> Option<DeviceView> {
        self.services.registry.device(device)
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn rename_device(&self, device: &DeviceId, name: &str) -> Result<(), DeviceError> {
        self.services.registry.rename_device(device, name).await
    }

    /// Retires a device: revokes its certificate, ends its session, frees chip id and name. A device that never
    /// enrolled is forgotten.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn retire_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        self.services.registry.retire_device(device).await
    }

    /// Lets another key enroll with the device's chip id.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn release_chip_id(&self, device: &DeviceId) -> Result<(), DeviceError> {
        self.services.registry.release_chip_id(device).await
    }

    /// Revokes a device's certificate; a live session ends at once.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn revoke_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        self.services.registry.revoke_device(device).await
    }

    /// Tells a connected device to forget its identity and apps; pair it again with [`Gateway::create_pairing_for`].
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn wipe_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        self.services.registry.wipe_device(device).await
    }

    /// Changes the interval at which a device reports metrics, 100 to 60,000 ms, until its session ends.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn set_metrics_interval(&self, device: &DeviceId, interval_ms: u32) -> Result<(), DeviceError> {
        self.services.registry.set_metrics_interval(device, interval_ms).await
    }

    /// Analyses a module (`.wasm` or `.wat`) without storing it. [`ModuleReport::problems`] says why it cannot be a package.
    ///
    /// # Errors
    /// [`NotAModule`].
    pub fn analyze(&self, module: &[u8]) -> Result<ModuleReport, NotAModule> {
        self.services.packages.analyze(module)
    }

    /// Why a module does not fit a board or an enrolled device, in one sentence. `None` if it fits, or if the board is
    /// unknown.
    pub fn fits(&self, report: &ModuleReport, app: &str, board: &str, device: Option<&DeviceId>) -> Option<String> {
        self.services.packages.misfit(report, app, board, device)
    }

    /// Checks, wraps and signs a module. The same module with the same options returns the package that exists.
    ///
    /// # Errors
    /// [`UploadError`]; nothing was stored then.
    pub async fn upload(&self, module: &[u8], options: UploadOptions) -> Result<PackageView, UploadError> {
        self.services.packages.upload(module, options).await
    }

    /// All packages, by app and sequence.
    pub fn packages(&self) -> Vec<PackageView> {
        self.services.packages.all()
    }

    /// Packages of one app, latest first.
    pub fn versions(&self, app: &str) -> Vec<PackageView> {
        self.services.packages.versions(app)
    }

    /// The versions of an app that were signed, and the next free one.
    pub fn app_versions(&self, app: &str) -> AppVersions {
        self.services.packages.app_versions(app)
    }

    /// The effect of signing a module under a version: a new version, a rollback, or a refusal that names the next free
    /// version. `None` as version stands for the one that the gateway would choose.
    pub fn plan_version(&self, app: &str, digest: Digest, version: Option<Version>) -> VersionPlan {
        self.services.packages.plan_version(app, digest, version)
    }

    /// Signs a module and makes it the desired state of many devices, of one kind of board or of several.
    ///
    /// Every kind of board is granted its own LED pins: there is one package for each set of grants, all under the same
    /// version, each with a sequence of its own. A device that cannot take the module never stops the others;
    /// [`ModuleOutcome`] says for each target which package and deployment it got, or why it got none.
    ///
    /// # Errors
    /// [`UploadError`] where no board could take the module, or the version is refused; nothing was changed then.
    pub async fn deploy_module(&self, module: &[u8], request: ModuleDeployment) -> Result<ModuleOutcome, UploadError> {
        self.services.deployments.deploy_module(module, request).await
    }

    /// Makes a package the desired state of devices.
    ///
    /// # Errors
    /// [`DeployError`]; nothing was changed then.
    pub async fn deploy(
        &self,
        devices: &[DeviceId],
        package: &PackageId,
        start: bool,
    ) -> Result<Deployment, DeployError> {
        self.services.deployments.deploy(devices, package, start).await
    }

    /// Signs an earlier version's module again, above every sequence so far, and deploys it to one device.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn rollback(&self, device: &DeviceId, app: &str, to_version: &str) -> Result<Deployment, DeployError> {
        self.services.deployments.rollback(device, app, to_version).await
    }

    /// Cancels the open targets of a deployment. Installed apps stay on the device.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn cancel(&self, deployment: DeploymentId) -> Result<Deployment, DeployError> {
        self.services.deployments.cancel(deployment).await
    }

    /// Deployments, latest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.services.deployments.all()
    }

    /// The target of the latest deployment of an app to a device.
    pub fn latest_target(&self, device: &DeviceId, app: &str) -> Option<DeploymentTarget> {
        self.services.deployments.latest_target(device, app)
    }

    /// One deployment.
    pub fn deployment(&self, deployment: DeploymentId) -> Option<Deployment> {
        self.services.deployments.get(deployment)
    }

    /// Transfers under way.
    pub fn transfers(&self) -> Vec<TransferProgress> {
        self.services.deployments.transfers()
    }

    /// Transfers as they move.
    pub fn follow_transfers(&self) -> TransferStream {
        self.services.deployments.follow_transfers()
    }

    /// Sets an app's desired state to running. The gateway carries it out when the device is connected.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn start_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        self.services.deployments.start_app(device, app).await
    }

    /// Sets an app's desired state to stopped.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn stop_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        self.services.deployments.stop_app(device, app).await
    }

    /// Sets an app's desired state to removed.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn remove_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        self.services.deployments.remove_app(device, app).await
    }

    /// Metrics of a device from a position of its stream on (0: everything that is kept).
    pub fn metrics(&self, device: &DeviceId, since: u64) -> Page<MetricsSample> {
        self.services.telemetry.of(device).metrics_page(since)
    }

    /// Metrics of a device that arrived at `from_ms` (milliseconds since the Unix epoch) or later, oldest first. The
    /// sample before them comes first if it is kept: rates are computed over the time since the previous sample.
    pub fn metrics_from(&self, device: &DeviceId, from_ms: u64) -> Vec<MetricsSample> {
        self.services.telemetry.of(device).metrics_from(from_ms)
    }

    /// The latest metrics of a device.
    pub fn latest_metrics(&self, device: &DeviceId) -> Option<MetricsSample> {
        self.services.telemetry.of(device).latest_metrics()
    }

    /// Metrics of a device as they come.
    pub fn follow_metrics(&self, device: &DeviceId) -> MetricsStream {
        self.services.telemetry.of(device).follow_metrics()
    }

    /// Numbers that a device's apps published, from a position of its stream on (0: everything that is kept, about the
    /// last 65,000 values).
    pub fn app_samples(&self, device: &DeviceId, since: u64) -> Page<Arc<AppSamples>> {
        self.services.telemetry.of(device).app_samples_page(since)
    }

    /// Numbers that a device's apps publish, as they come.
    pub fn follow_app_samples(&self, device: &DeviceId) -> AppSampleStream {
        self.services.telemetry.of(device).follow_app_samples()
    }

    /// Log lines of a device, of one app if given (`""`: the firmware), from a position of its stream on.
    pub fn logs(&self, device: &DeviceId, app: Option<&str>, since: u64) -> Page<Arc<LogLine>> {
        self.services.telemetry.of(device).logs_page(app, since)
    }

    /// Log lines of a device as they come.
    pub fn follow_logs(&self, device: &DeviceId, app: Option<&str>) -> LogStream {
        self.services.telemetry.of(device).follow_logs(app)
    }

    /// Everything but telemetry, and its revision.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = {
            let model = self.services.store.read();
            Snapshot {
                revision: model.revision,
                pairing: model.pairing,
                devices: model.devices.values().map(DeviceRecord::view).collect(),
                packages: packages_of(&model),
                deployments: model.deployments.values().cloned().collect(),
            }
        };
        let devices = snapshot.devices.iter_mut();
        devices.for_each(|device| self.services.registry.add_live(device));
        snapshot
    }

    /// Events after a revision, without gaps.
    pub fn subscribe(&self, after_revision: u64) -> EventStream {
        EventStream(EventCursor::new(self.services.store.clone(), after_revision))
    }

    /// Audit entries from a position on, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.services.audit.entries(from, limit).await
    }

    /// Checks the whole audit trail; returns the number of entries.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn verify_audit(&self) -> Result<u64, AuditError> {
        self.services.audit.verify().await
    }

    /// Reads and checks the audit trail of a data directory without opening a gateway on it: it may be in use, or a
    /// copy. Entries are passed to `each` up to the first invalid one. The trail must hold the expected head, if one is given:
    /// a head that was written down elsewhere shows what somebody with the gateway's keys changed.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn read_audit_trail(
        data_dir: &Path,
        expected: Option<AuditHead>,
        each: impl FnMut(AuditEntry),
    ) -> Result<AuditTip, AuditError> {
        read_trail(data_dir, expected, each).await
    }
}

/// Information about a gateway.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GatewayInfo {
    /// Its id, 16 hexadecimal digits.
    pub id: String,
    /// Server name in its certificate.
    pub name: String,
    /// Its root certificate (X.509, DER).
    pub anchor_der: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo, which devices pin.
    pub pin: Digest,
    /// The publisher's key, SEC1 uncompressed.
    pub publisher_key: Vec<u8>,
    /// Where it listens.
    pub listening: Vec<SocketAddr>,
    /// Sessions that it holds.
    pub sessions: usize,
    /// Schema of its store.
    pub schema: u32,
    /// Pairing.
    pub pairing: PairingMode,
    /// Sentences about what the previous run left undone; empty after a clean end.
    pub recovered: Vec<String>,
}
