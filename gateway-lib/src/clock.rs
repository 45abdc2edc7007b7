//! Time as the gateway sees it: passed in, so that sessions of emulated boards run on their machine's time and tests on
//! their own.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since a fixed instant; never goes back. Timeouts are measured with it. The clock of an emulated link
    /// stops while its machine is paused, so that a paused board is not reported as unreachable.
    fn now_ms(&self) -> u64;

    /// Milliseconds since the Unix epoch, for certificates, records and text for people.
    fn unix_ms(&self) -> u64 {
        unix_ms_of_host()
    }
}

/// The host's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose [`now_ms`](Clock::now_ms) begins at 0.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that is set by hand, for tests and for machines that publish their virtual time.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicU64,
    epoch_unix_ms: u64,
}

impl ManualClock {
    /// Starts at 0, which is the given instant since the Unix epoch.
    pub fn new(epoch_unix_ms: u64) -> Self {
        Self {
            now_ms: AtomicU64::new(0),
            epoch_unix_ms,
        }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the time since the beginning; a time before the current one is ignored.
    pub fn set(&self, now_ms: u64) {
        self.now_ms.fetch_max(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn unix_ms(&self) -> u64 {
        self.epoch_unix_ms + self.now_ms()
    }
}

fn unix_ms_of_host() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Longest step between two readings of a clock that is not the host's.
const LOOK_MS: u64 = 50;

/// Returns when this much time has passed on the clock. The clock is polled, because it may stop or jump.
pub(crate) async fn elapsed(clock: &dyn Clock, ms: u64) {
    let end = clock.now_ms().saturating_add(ms);
    loop {
        let left = end.saturating_sub(clock.now_ms());
        if left == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(left.min(LOOK_MS))).await;
    }
}
