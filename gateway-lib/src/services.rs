//! The services of a gateway and how they are put together. Each holds only the parts that it uses; [`Gateway`] hands every
//! operation to one of them.
//!
//! [`Gateway`]: crate::gateway::Gateway

use crate::{
    audit::Audit,
    config::GatewayConfig,
    deploy::Deployments,
    enrollment::Enrollment,
    error::OpenError,
    package::Packages,
    pki::{self, AuditSigner, Authority, DeviceCertificate, TrustedDevices},
    recovery::recover,
    registry::Registry,
    session::{Admission, SessionService, SessionTable},
    store::Store,
    telemetry::Telemetry,
    tls::TlsConfigs,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Every service of one gateway.
pub(crate) struct Services {
    pub(crate) store: Arc<Store>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) table: Arc<SessionTable>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) enrollment: Arc<Enrollment>,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) packages: Arc<Packages>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) lifetime: Lifetime,
    /// What the previous run left undone, in sentences.
    pub(crate) recovered: Vec<String>,
}

/// The tasks of a gateway, and the signal that ends them.
#[derive(Clone)]
pub(crate) struct Lifetime {
    /// Cancelled when the gateway ends.
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Services {
    /// Opens a data directory and starts the watch over sessions.
    pub(crate) async fn open(config: GatewayConfig) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(&config).await?);
        let keys = config.data_dir.join("pki");
        let authority = Arc::new(open_authority(&store, &keys, config.clock.unix_ms())?);
        let keys_error = |reason: String| OpenError::Keys {
            path: keys.clone(),
            reason,
        };
        store.sign_audit_with(AuditSigner::new(&authority).map_err(keys_error)?);
        let trusted = trusted_devices(&store);
        let verifier =
            pki::device_verifier(&authority, trusted.clone()).map_err(|error| keys_error(error.to_string()))?;
        let tls = TlsConfigs::new(&authority, verifier.clone(), config.clock.clone())
            .map_err(|error| keys_error(error.to_string()))?;
        let recovered = recover(&store).await?;

        let lifetime = Lifetime {
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let limits = &config.limits;
        let telemetry = Arc::new(Telemetry::new(limits.metrics_kept, limits.logs_kept));
        let table = Arc::new(SessionTable::default());
        let audit = Arc::new(Audit::new(
            store.clone(),
            config.clock.clone(),
            lifetime.shutdown.clone(),
        ));
        let registry = Arc::new(Registry {
            store: store.clone(),
            sessions: table.clone(),
            trusted: trusted.clone(),
            telemetry: telemetry.clone(),
        });
        let enrollment = Arc::new(Enrollment {
            store: store.clone(),
            authority: authority.clone(),
            trusted,
            sessions: table.clone(),
            audit: audit.clone(),
        });
        let packages = Arc::new(Packages::new(
            store.clone(),
            authority.clone(),
            config.boards,
            limits.max_module_bytes,
        ));
        let deployments = Arc::new(Deployments::new(store.clone(), table.clone(), packages.clone()));
        let sessions = Arc::new(SessionService {
            admission: Admission::new(limits),
            listening: Mutex::default(),
            tls,
            verifier,
            clock: config.clock,
            limits: config.limits.clone(),
            table: table.clone(),
            registry: registry.clone(),
            enrollment: enrollment.clone(),
            deployments: deployments.clone(),
            telemetry: telemetry.clone(),
            audit: audit.clone(),
            lifetime: lifetime.clone(),
        });
        lifetime.tasks.spawn(crate::session::watch(sessions.clone()));
        Ok(Self {
            store,
            authority,
            table,
            registry,
            enrollment,
            sessions,
            deployments,
            packages,
            telemetry,
            audit,
            lifetime,
            recovered,
        })
    }

    /// Ends sessions and listeners, and waits until their ends are recorded.
    pub(crate) async fn close(&self) {
        self.lifetime.shutdown.cancel();
        self.lifetime.tasks.close();
        self.lifetime.tasks.wait().await;
        self.audit.close().await;
        self.store.close().await;
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.lifetime.shutdown.cancel();
    }
}

/// Reads the keys; makes them at the first start only. Devices that are enrolled could not reach a gateway with new keys.
fn open_authority(store: &Store, keys: &Path, now_unix_ms: u64) -> Result<Authority, OpenError> {
    let enrolled = store.read().devices.values().any(|device| device.certificate.is_some());
    if enrolled && !keys.exists() {
        return Err(OpenError::Keys {
            path: keys.to_owned(),
            reason: "they are missing".to_owned(),
        });
    }
    Authority::open(keys, now_unix_ms)
}

/// The current certificate of each enrolled device.
fn trusted_devices(store: &Store) -> Arc<TrustedDevices> {
    let trusted = TrustedDevices::default();
    for device in store.read().devices.values() {
        if let Some((serial, key)) = device.certificate.clone() {
            let device = device.id.clone();
            trusted.trust(DeviceCertificate { device, serial, key });
        }
    }
    Arc::new(trusted)
}
