//! The door: every operation of the gateway, each handed on to the room that carries it out.

use crate::{clock::Clock, config::*, domain::*, error::*, stream::*};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// The gateway; clones are the same one. It ends when [`Gateway::close`] is called or the last clone is dropped.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<()>,
}

/// What is known of the other end of a byte stream before it speaks.
#[derive(Clone)]
pub struct PeerLabel {
    /// For people and logs, for example `emulated bench-1` or `127.0.0.1:51234`.
    pub label: String,
    /// Time of the link; none: the gateway's.
    pub clock: Option<Arc<dyn Clock>>,
}

impl PeerLabel {
    /// A peer on the gateway's clock.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            clock: None,
        }
    }

    /// The same peer on its own clock.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }
}

/// A connection's task. Dropping this leaves the connection alone.
#[derive(Debug)]
pub struct Connection {
    task: tokio::task::JoinHandle<String>,
}

impl Connection {
    /// Waits for the end and says in one sentence how it came.
    pub async fn ended(self) -> String {
        self.task
            .await
            .unwrap_or_else(|_| "the connection was closed".to_owned())
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.task.abort();
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

#[allow(unused_variables, clippy::todo, clippy::unused_async)]
impl Gateway {
    /// Opens a data directory; on first start makes its keys, certificates and store.
    pub async fn open(config: GatewayConfig) -> Result<Self, OpenError> {
        todo!()
    }
    /// Ends sessions and listeners and writes what is left to write.
    pub async fn close(&self) {
        todo!()
    }
    /// What this gateway is.
    pub fn info(&self) -> GatewayInfo {
        todo!()
    }
    /// Serves one byte stream: a TLS connection of either ALPN.
    pub fn accept<S>(&self, stream: S, peer: PeerLabel) -> Connection
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        todo!()
    }
    /// Listens for TCP connections; give loopback unless the user asked for more. Returns the address with its port.
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        todo!()
    }

    /// Switches enrollment on or off.
    pub async fn set_pairing(&self, mode: PairingMode) -> Result<(), StoreError> {
        todo!()
    }
    /// Makes a one-time token for a new device, bound to a chip if its id is given.
    pub async fn create_pairing(
        &self,
        ttl: Duration,
        chip_id: Option<Vec<u8>>,
        device_name: Option<String>,
    ) -> Result<Pairing, PairingError> {
        todo!()
    }
    /// Makes a one-time token with which a known device (wiped, or its chip renewed) gets a new certificate under its old
    /// id and name; the old certificate is revoked when the new one is issued.
    pub async fn create_pairing_for(&self, device: &DeviceId, ttl: Duration) -> Result<Pairing, PairingError> {
        todo!()
    }

    /// All devices, by name.
    pub fn devices(&self) -> Vec<DeviceView> {
        todo!()
    }
    /// One device.
    pub fn device(&self, device: &DeviceId) -> Option<DeviceView> {
        todo!()
    }
    /// Gives a device another name.
    pub async fn rename_device(&self, device: &DeviceId, name: &str) -> Result<(), DeviceError> {
        todo!()
    }
    /// Takes a device out of service: revokes its certificate, ends its session, frees chip id and name.
    pub async fn retire_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        todo!()
    }
    /// Lets another key enroll with the device's chip id.
    pub async fn release_chip_id(&self, device: &DeviceId) -> Result<(), DeviceError> {
        todo!()
    }
    /// Revokes a device's certificate; a live session ends at once.
    pub async fn revoke_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        todo!()
    }
    /// Tells a connected device to forget its identity and apps.
    pub async fn wipe_device(&self, device: &DeviceId) -> Result<(), DeviceError> {
        todo!()
    }
    /// Changes the interval at which a device reports metrics, 100 to 60,000 ms, until its session ends.
    pub async fn set_metrics_interval(&self, device: &DeviceId, interval_ms: u32) -> Result<(), DeviceError> {
        todo!()
    }

    /// Looks at a module (`.wasm` or `.wat`) without keeping it.
    pub fn analyze(&self, module: &[u8]) -> Result<ModuleReport, UploadError> {
        todo!()
    }
    /// Says in one sentence why a module would not fit a board or a connected device; none: it fits.
    pub fn fits(&self, report: &ModuleReport, app: &str, board: &str, device: Option<&DeviceId>) -> Option<String> {
        todo!()
    }
    /// Checks, wraps and signs a module. The same module with the same options gives the package that is there already.
    pub async fn upload(&self, module: &[u8], options: UploadOptions) -> Result<PackageView, UploadError> {
        todo!()
    }
    /// All packages, by app and sequence.
    pub fn packages(&self) -> Vec<PackageView> {
        todo!()
    }
    /// Packages of one app, latest first.
    pub fn versions(&self, app: &str) -> Vec<PackageView> {
        todo!()
    }

    /// Wishes for a package on devices.
    pub async fn deploy(
        &self,
        devices: &[DeviceId],
        package: &PackageId,
        start: bool,
    ) -> Result<Deployment, DeployError> {
        todo!()
    }
    /// Signs an earlier version's module again, above every sequence so far, and deploys it to one device.
    pub async fn rollback(&self, device: &DeviceId, app: &str, to_version: &str) -> Result<Deployment, DeployError> {
        todo!()
    }
    /// Gives up what is left of a deployment; what a device has stays.
    pub async fn cancel(&self, deployment: DeploymentId) -> Result<Deployment, DeployError> {
        todo!()
    }
    /// Deployments, latest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        todo!()
    }
    /// One deployment.
    pub fn deployment(&self, deployment: DeploymentId) -> Option<Deployment> {
        todo!()
    }
    /// Transfers under way.
    pub fn transfers(&self) -> Vec<TransferProgress> {
        todo!()
    }
    /// Transfers as they move.
    pub fn follow_transfers(&self) -> TransferStream {
        todo!()
    }
    /// Wishes that an app runs; carried out when the device is connected.
    pub async fn start_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        todo!()
    }
    /// Wishes that an app does not run.
    pub async fn stop_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        todo!()
    }
    /// Wishes that an app is removed.
    pub async fn remove_app(&self, device: &DeviceId, app: &str) -> Result<(), DeployError> {
        todo!()
    }

    /// Metrics of a device from a position of its stream on (0: all that is kept).
    pub fn metrics(&self, device: &DeviceId, since: u64) -> Page<MetricsSample> {
        todo!()
    }
    /// The latest metrics of a device.
    pub fn latest_metrics(&self, device: &DeviceId) -> Option<MetricsSample> {
        todo!()
    }
    /// Metrics of a device as they come.
    pub fn follow_metrics(&self, device: &DeviceId) -> MetricsStream {
        todo!()
    }
    /// Log lines of a device, of one app if given (`""`: the firmware), from a position of its stream on.
    pub fn logs(&self, device: &DeviceId, app: Option<&str>, since: u64) -> Page<Arc<LogLine>> {
        todo!()
    }
    /// Log lines of a device as they come.
    pub fn follow_logs(&self, device: &DeviceId, app: Option<&str>) -> LogStream {
        todo!()
    }

    /// Everything but telemetry, and the revision at which it holds.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }
    /// Events after a revision, without gaps.
    pub fn subscribe(&self, after_revision: u64) -> EventStream {
        todo!()
    }

    /// Audit entries from a position on, at most `limit`.
    pub async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        todo!()
    }
    /// Checks the whole audit trail; returns the number of entries.
    pub async fn verify_audit(&self) -> Result<u64, AuditError> {
        todo!()
    }
}

/// What a gateway is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GatewayInfo {
    /// Its id, 16 hexadecimal digits.
    pub id: String,
    /// Server name in its certificate.
    pub name: String,
    /// Its root certificate (X.509, DER).
    pub anchor_der: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo: what devices pin.
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
    /// Sentences about what the end of the run before left undone; empty after a clean end.
    pub recovered: Vec<String>,
}
