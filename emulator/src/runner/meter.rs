//! Measures how fast a machine runs, over the last second or so.

use std::time::Duration;

use crate::VirtualTime;

/// How often the figures are updated.
const PERIOD: Duration = Duration::from_millis(250);

/// Counts of one period, and the figures of the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    since: Duration,
    virtual_since: VirtualTime,
    executing: Duration,
    instructions: u64,
    mips: f64,
    speed: f64,
}

impl Meter {
    /// The machine executed `instructions` in `busy` host time.
    pub(super) fn ran(&mut self, host: Duration, instructions: u64) {
        self.executing += host;
        self.instructions += instructions;
    }

    /// Whether a period is over; updates the figures if so.
    pub(super) fn is_due(&mut self, host: Duration, now: VirtualTime) -> bool {
        let passed = host.saturating_sub(self.since);
        if passed < PERIOD {
            return false;
        }
        if self.instructions > 0 && !self.executing.is_zero() {
            self.mips = self.instructions as f64 / self.executing.as_secs_f64() / 1e6;
        }
        self.speed = now.saturating_sub(self.virtual_since).as_ns() as f64 / passed.as_nanos() as f64;
        self.since = host;
        self.virtual_since = now;
        self.executing = Duration::ZERO;
        self.instructions = 0;
        true
    }

    /// Million instructions per second of execution, and virtual time per host time.
    pub(super) fn rates(&self) -> (f64, f64) {
        (self.mips, self.speed)
    }
}
