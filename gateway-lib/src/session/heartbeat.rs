//! Watches over silence: devices that missed a heartbeat, connections without life, tokens that ran out.

use super::EndReason;
use crate::core::Core;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Interval between two looks, in host time; each session is measured on its own link's clock.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until the gateway ends.
pub(crate) async fn watch(core: Arc<Core>) {
    let mut looks: u64 = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = core.shutdown.cancelled() => return,
        }
        for session in core.sessions.all() {
            let silence_ms = session.silence_ms();
            if silence_ms > core.limits.idle_timeout_ms {
                session.end(EndReason::Idle);
            } else if silence_ms > session.patience_ms(core.limits.heartbeat_timeout_ms)
                && !session.silent.swap(true, Ordering::SeqCst)
                && let Err(error) = core.fell_silent(&session).await
            {
                tracing::warn!(%error, device = %session.device, "an unreachable device could not be recorded");
            }
        }
        looks += 1;
        if looks.is_multiple_of(10)
            && let Err(error) = core.forget_expired_pairings().await
        {
            tracing::warn!(%error, "expired pairings could not be dropped");
        }
    }
}
