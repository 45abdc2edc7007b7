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

/// Limit of refusals of one kind that are recorded in one minute. A peer that can only reach the port must not be able to fill
/// the disk.
const REFUSALS_PER_MINUTE: u32 = 300;
const MINUTE_MS: u64 = 60_000;

/// Records refusals and reads the trail.
pub(crate) struct Audit {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Cancelled when the gateway closes: refusals are no longer recorded.
    shutdown: CancellationToken,
    /// One for each kind: a flood of connections must not hide that somebody guesses tokens.
    connections: RefusalBudget,
    enrollments: RefusalBudget,
}

impl Audit {
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> Self {
        Self {
            store,
            clock,
            shutdown,
            connections: RefusalBudget::default(),
            enrollments: RefusalBudget::default(),
        }
    }

    /// Records that a connection did not become a session. Returns the reason.
    pub(crate) async fn connection_refused(&self, peer: &str, reason: String) -> String {
        tracing::info!(peer, reason, "connection refused");
        if self.shutdown.is_cancelled() || !self.connections.allow(self.clock.now_ms()) {
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
        if !self.enrollments.allow(self.clock.now_ms()) {
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

    /// Records how many refusals were beyond their budget, once a minute.
    pub(crate) async fn record_the_rest(&self) -> Result<(), StoreError> {
        self.record_the_rest_at(self.clock.now_ms()).await
    }

    /// Records them before the gateway ends.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.record_the_rest_at(u64::MAX).await {
            tracing::warn!(%error, "the number of refusals could not be recorded");
        }
    }

    async fn record_the_rest_at(&self, now_ms: u64) -> Result<(), StoreError> {
        for (budget, action, what) in [
            (&self.connections, "connections.refused", "connections"),
            (&self.enrollments, "enrollments.refused", "enrollments"),
        ] {
            let rest = budget.take_rest(now_ms);
            if rest == 0 {
                continue;
            }
            let detail = format!("{rest} further {what} were refused, and not recorded one by one");
            let mut tx = self.store.begin().await?;
            tx.audit("gateway", action, "", &detail).await?;
            tx.commit().await?;
        }
        Ok(())
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
struct RefusalBudget(Mutex<Window>);

#[derive(Default)]
struct Window {
    began_ms: u64,
    recorded: u32,
    /// Refusals beyond the budget that no entry counts yet.
    rest: u64,
    /// When they were last counted in an entry.
    counted_ms: u64,
}

impl RefusalBudget {
    /// Whether one more refusal may be recorded now; otherwise it is counted.
    fn allow(&self, now_ms: u64) -> bool {
        let mut window = self.lock();
        if now_ms.saturating_sub(window.began_ms) > MINUTE_MS {
            window.began_ms = now_ms;
            window.recorded = 0;
        }
        if window.recorded < REFUSALS_PER_MINUTE {
            window.recorded += 1;
            return true;
        }
        window.rest = window.rest.saturating_add(1);
        false
    }

    /// The counted refusals, at most once a minute, also while a flood goes on. They are counted from zero then.
    fn take_rest(&self, now_ms: u64) -> u64 {
        let mut window = self.lock();
        if now_ms.saturating_sub(window.counted_ms) <= MINUTE_MS {
            return 0;
        }
        window.counted_ms = now_ms;
        std::mem::take(&mut window.rest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_budget_is_counted() {
        let budget = RefusalBudget::default();
        let recorded = (0..1_000).filter(|_| budget.allow(5)).count();
        assert_eq!(recorded, REFUSALS_PER_MINUTE as usize);
        assert_eq!(budget.take_rest(10), 0, "its minute is not over");
        assert_eq!(budget.take_rest(MINUTE_MS + 6), 700);
        assert_eq!(budget.take_rest(MINUTE_MS + 6), 0);
        assert!(budget.allow(MINUTE_MS + 6));
        // A flood that goes on is counted, too.
        for now_ms in (MINUTE_MS + 7..4 * MINUTE_MS).step_by(10) {
            budget.allow(now_ms);
        }
        assert_eq!(budget.take_rest(2 * MINUTE_MS), 0, "at most once a minute");
        assert!(budget.take_rest(4 * MINUTE_MS) > 10_000);
    }
}
