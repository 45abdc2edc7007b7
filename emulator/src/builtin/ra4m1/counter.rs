//! A counter that goes round, as AGT and GPT have it: where it is now, what it has passed, when it is where next. It counts
//! up; a down-counter is one seen from its reload value.

use crate::builtin::time::{PS_PER_SECOND, VirtualTime};

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Counter {
    running: bool,
    /// The clock in Hz, and what it is divided by.
    hz: u64,
    divider: u64,
    /// How many values it takes.
    period: u64,
    /// The counter was `base` at `anchor`, and everything up to `seen` ticks later has been accounted for.
    anchor: VirtualTime,
    base: u64,
    seen: u64,
}

impl Counter {
    pub(super) fn new(period: u64) -> Self {
        Self {
            running: false,
            hz: 1,
            divider: 1,
            period,
            anchor: VirtualTime::ZERO,
            base: 0,
            seen: 0,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    pub(super) fn period(&self) -> u64 {
        self.period
    }

    /// Starts or stops. What was passed before has to be taken first, here and below.
    pub(super) fn run(&mut self, now: VirtualTime, running: bool) {
        self.rebase(now);
        self.running = running;
    }

    pub(super) fn set_clock(&mut self, now: VirtualTime, hz: u32, divider: u32) {
        self.rebase(now);
        self.hz = u64::from(hz.max(1));
        self.divider = u64::from(divider.max(1));
    }

    pub(super) fn set(&mut self, now: VirtualTime, value: u64) {
        self.rebase(now);
        self.base = value % self.period;
    }

    pub(super) fn set_period(&mut self, now: VirtualTime, period: u64) {
        self.rebase(now);
        self.period = period.max(1);
        self.base %= self.period;
    }

    pub(super) fn value(&self, now: VirtualTime) -> u64 {
        (self.base + self.ticks(now)) % self.period
    }

    /// Whether it became each of `values` since this was last asked.
    pub(super) fn take<const N: usize>(&mut self, now: VirtualTime, values: [u64; N]) -> [bool; N] {
        let until = self.ticks(now);
        let passed = values.map(|value| self.next_tick(value).is_some_and(|tick| tick <= until));
        self.seen = until;
        passed
    }

    /// When it next becomes `value`; `None`: never.
    pub(super) fn next(&self, value: u64) -> Option<VirtualTime> {
        let tick = self.next_tick(value).filter(|_| self.running)?;
        let span = VirtualTime::from_ticks(tick.saturating_mul(self.divider), self.hz);
        Some(self.anchor.saturating_add(span))
    }

    fn next_tick(&self, value: u64) -> Option<u64> {
        if value >= self.period {
            return None;
        }
        let ahead = (value + self.period - self.base) % self.period;
        let first = if ahead == 0 { self.period } else { ahead };
        Some(match self.seen.checked_sub(first) {
            None => first,
            Some(beyond) => first + (beyond / self.period + 1) * self.period,
        })
    }

    fn rebase(&mut self, now: VirtualTime) {
        let ticks = self.ticks(now);
        self.base = (self.base + ticks) % self.period;
        self.anchor = match self.running {
            true => {
                let span = VirtualTime::from_ticks(ticks.saturating_mul(self.divider), self.hz);
                self.anchor.saturating_add(span)
            }
            false => now,
        };
        self.seen = self.seen.saturating_sub(ticks);
    }

    fn ticks(&self, now: VirtualTime) -> u64 {
        if !self.running {
            return 0;
        }
        let span = u128::from(now.saturating_sub(self.anchor).as_ps());
        (span * u128::from(self.hz) / (u128::from(PS_PER_SECOND) * u128::from(self.divider))) as u64
    }
}
