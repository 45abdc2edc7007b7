//! The audit service: records refused peers within a budget, and reads the audit trail.
//!
//! Entries about actions of operators and devices are written by
//! [`Transaction::audit`](crate::store::Transaction::audit), in the transaction of the change itself.

use crate::{
    clock::Clock,
    domain::{AuditEntry, DeviceId, EventKind},
    error::{AuditError, StoreError},
    store::Store,
};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Limit of refusals recorded in one minute. A peer that can only reach the port must not be able to fill the disk.
const REFUSALS_PER_MINUTE: u32 = 300;

/// Records refusals and reads the trail.
pub(crate) struct Audit {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Cancelled when the gateway closes: refusals are no longer recorded.
    shutdown: CancellationToken,
    budget: RefusalBudget,
}

impl Audit {
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> Self {
        Self {
            store,
            clock,
            shutdown,
            budget: RefusalBudget::default(),
        }
    }

    /// Records that a connection did not become a session. Returns the reason.
    pub(crate) async fn connection_refused(&self, peer: &str, reason: String) -> String {
        tracing::info!(peer, reason, "connection refused");
        if self.shutdown.is_cancelled() || !self.budget.allow(self.clock.now_ms()) {
            return reason;
        }
        let kind = EventKind::ConnectionRefused {
            peer: peer.to_owned(),
            reason: reason.clone(),
        };
        let recorded = async {
            let mut tx = self.store.begin().await?;
            tx.publish(kind).await?;
            tx.commit().await
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "a refused connection could not be recorded");
        }
        reason
    }

    /// Records a refused enrollment as an event and in the audit trail.
    pub(crate) async fn enrollment_refused(&self, device: Option<DeviceId>, peer: &str, reason: &str) {
        tracing::info!(peer, reason, "enrollment refused");
        if !self.budget.allow(self.clock.now_ms()) {
            return;
        }
        let subject = device.as_ref().map_or("", |device| &device.0).to_owned();
        let recorded = async {
            let mut tx = self.store.begin().await?;
            tx.publish(EventKind::EnrollmentRefused {
                device,
                peer: peer.to_owned(),
                reason: reason.to_owned(),
            })
            .await?;
            let detail = format!("from {peer}: {reason}");
            tx.audit("gateway", "enrollment.refused", &subject, &detail).await?;
            tx.commit().await
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "a refused enrollment could not be recorded");
        }
    }

    /// Entries from a position on, at most `limit`.
    pub(crate) async fn entries(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit(from, limit).await
    }

    /// Checks every entry of the trail; returns their number.
    pub(crate) async fn verify(&self) -> Result<u64, AuditError> {
        self.store.verify_audit().await
    }
}

/// Counts the refusals of the current minute.
#[derive(Default)]
struct RefusalBudget(Mutex<(u64, u32)>);

impl RefusalBudget {
    /// Whether one more refusal may be recorded now.
    fn allow(&self, now_ms: u64) -> bool {
        let mut window = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now_ms.saturating_sub(window.0) > 60_000 {
            *window = (now_ms, 0);
        }
        window.1 = window.1.saturating_add(1);
        window.1 <= REFUSALS_PER_MINUTE
    }
}
