//! Sessions: from a byte stream to a connected device, and the watch over silent ones.

mod accept;
mod device_session;
mod enroll;
mod heartbeat;
mod listen;
mod report_rate;
mod serve;

pub(crate) use device_session::{DeviceSession, EndReason, NoAnswer, PendingReply, SessionTable};
pub(crate) use heartbeat::watch;

use crate::{
    audit::Audit, clock::Clock, config::SessionLimits, deploy::Deployments, enrollment::Enrollment,
    pki::DeviceVerifier, registry::Registry, services::Lifetime, telemetry::Telemetry, tls::TlsConfigs,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

/// Serves connections, and forwards the devices' messages to the services that they concern.
pub(crate) struct SessionService {
    pub(crate) tls: TlsConfigs,
    pub(crate) verifier: Arc<DeviceVerifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: SessionLimits,
    pub(crate) table: Arc<SessionTable>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) enrollment: Arc<Enrollment>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) lifetime: Lifetime,
    pub(crate) admission: Admission,
    /// Addresses that are listened on.
    pub(crate) listening: Mutex<Vec<SocketAddr>>,
}

/// Permits of connections: all of them, and those that have no session yet.
pub(crate) struct Admission {
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new(limits: &SessionLimits) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            handshakes: Arc::new(Semaphore::new(limits.max_handshakes)),
        }
    }
}
