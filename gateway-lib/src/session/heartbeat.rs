//! Watches for devices that missed a heartbeat, dead connections and expired tokens.

use super::{EndReason, SessionService};
use std::sync::{Arc, atomic::Ordering};

use tokio::time::{Duration, Instant};

/// Interval between two checks, in host time; each session is measured on its own link's clock.
const LOOK: Duration = Duration::from_millis(100);

/// A check that is this late shows that the gateway itself did not run.
const LATE: Duration = Duration::from_millis(500);

/// Runs until the gateway ends. If the gateway process was not scheduled, messages of its devices still wait to be read.
/// No device counts as silent until the gateway has had as much time again to read them.
pub(crate) async fn watch(service: Arc<SessionService>) {
    let mut looks: u64 = 0;
    let mut last_look = Instant::now();
    let mut deaf_until = last_look;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = service.lifetime.shutdown.cancelled() => return,
        }
        let look = Instant::now();
        deaf_until = deaf_until.max(excused_until(last_look, look));
        last_look = look;
        if look < deaf_until {
            continue;
        }
        for session in service.table.all() {
            let silence_ms = session.silence_ms();
            if silence_ms > service.limits.idle_timeout_ms {
                session.end(EndReason::Idle);
            } else if silence_ms > session.patience_ms(service.limits.heartbeat_timeout_ms)
                && !session.silent.swap(true, Ordering::SeqCst)
                && let Err(error) = service.registry.fell_silent(&session).await
            {
                tracing::warn!(%error, device = %session.device, "an unreachable device could not be recorded");
            }
        }
        looks += 1;
        if looks.is_multiple_of(10)
            && let Err(error) = service.enrollment.forget_expired_pairings().await
        {
            tracing::warn!(%error, "expired pairings could not be dropped");
        }
        if looks.is_multiple_of(10)
            && let Err(error) = service.audit.record_the_rest().await
        {
            tracing::warn!(%error, "the number of refusals could not be recorded");
        }
    }
}

/// Until when no device counts as silent. The check at `look` should have followed the last one after [`LOOK`].
fn excused_until(last_look: Instant, look: Instant) -> Instant {
    let late = (look - last_look).saturating_sub(LOOK);
    if late < LATE { look } else { look + late }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_was_kept_from_running_listens_as_long_before_it_blames() {
        let check = |late_ms, excused_ms| {
            let last = Instant::now();
            let look = last + LOOK + Duration::from_millis(late_ms);
            let excused = excused_until(last, look) - look;
            assert_eq!(excused, Duration::from_millis(excused_ms), "{late_ms} ms late");
        };
        check(0, 0);
        check(499, 0);
        check(500, 500);
        check(7_000, 7_000);
    }
}
