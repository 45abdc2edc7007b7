//! Limits the rate of a device's reports. A device that floods is read more slowly: its reports wait in its own
//! connection.

use std::time::Duration;
use tokio::time::Instant;

/// Reports that a device may send at once: all its apps may change state several times when it starts.
const BURST: u32 = 100;
/// Time in which one more report may be sent.
const INTERVAL: Duration = Duration::from_millis(20);

/// The reports of one session.
pub(super) struct ReportRate {
    /// The time at which all earlier reports are paid for, each with one interval.
    paid_until: Instant,
}

impl ReportRate {
    pub(super) fn new(now: Instant) -> Self {
        Self { paid_until: now }
    }

    /// Counts a report; returns how long to wait before the next message is read.
    pub(super) fn count(&mut self, now: Instant) -> Duration {
        self.paid_until = self.paid_until.max(now) + INTERVAL;
        (self.paid_until - now).saturating_sub(INTERVAL * BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_a_flood_is_not() {
        let start = Instant::now();
        let mut rate = ReportRate::new(start);
        for report in 1..=BURST {
            assert_eq!(rate.count(start), Duration::ZERO, "report {report}");
        }
        assert_eq!(rate.count(start), INTERVAL);
        assert_eq!(rate.count(start), 2 * INTERVAL);
        // After a while of silence the burst is free again.
        let later = start + INTERVAL * 2 * BURST;
        assert_eq!(rate.count(later), Duration::ZERO);
    }
}
