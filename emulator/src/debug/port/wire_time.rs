//! The time that accesses take on a wire, for ports that shall be no faster than one.

use std::time::{Duration, Instant};

/// What an access takes: 46 clock cycles (IHI 0031 B4.2) at 4 MHz.
const ACCESS: Duration = Duration::from_nanos(11_500);
/// Shorter waits are saved up.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Keeps accesses and flash algorithms at the speed of a wire and a chip.
#[derive(Clone, Copy, Debug)]
pub(super) struct WireTime {
    /// When the wire was idle last.
    since: Instant,
    /// What everything since then takes.
    takes: Duration,
}

impl WireTime {
    pub(super) fn begin() -> Self {
        Self {
            since: Instant::now(),
            takes: Duration::ZERO,
        }
    }

    /// Waits for an access, and for what an algorithm has run before it.
    pub(super) fn access(&mut self, ran: Duration) {
        if self.since.elapsed() > self.takes {
            // It was idle in between; that time does not come back.
            *self = Self::begin();
        }
        self.takes += ACCESS + ran;
        let ahead = self.takes.saturating_sub(self.since.elapsed());
        if ahead >= SHORTEST_WAIT {
            std::thread::sleep(ahead);
        }
    }
}
