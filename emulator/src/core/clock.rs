//! Converts between core cycles and virtual time. Exact for every clock: time is always computed from the cycle count
//! since the clock last changed, never accumulated.

use crate::machine::time::{PS_PER_SECOND, VirtualTime};

/// The core clock since it last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct CoreClock {
    hz: u32,
    since: VirtualTime,
    since_cycle: u64,
    /// The period in picoseconds if it is an integer, to avoid the division.
    period_ps: Option<u64>,
}

impl CoreClock {
    pub(super) fn new(hz: u32) -> Self {
        let mut clock = Self {
            hz: 1,
            since: VirtualTime::ZERO,
            since_cycle: 0,
            period_ps: None,
        };
        clock.change(0, hz);
        clock
    }

    pub(super) fn hz(&self) -> u32 {
        self.hz
    }

    /// The clock runs at `hz` from `cycle` on.
    pub(super) fn change(&mut self, cycle: u64, hz: u32) {
        let hz = hz.max(1);
        self.since = self.time_at(cycle);
        self.since_cycle = cycle;
        self.hz = hz;
        self.period_ps = PS_PER_SECOND
            .is_multiple_of(u64::from(hz))
            .then_some(PS_PER_SECOND / u64::from(hz));
    }

    /// When `cycle` begins.
    #[inline]
    pub(super) fn time_at(&self, cycle: u64) -> VirtualTime {
        let cycles = cycle - self.since_cycle;
        let ps = match self.period_ps {
            Some(period) => cycles * period,
            None => (u128::from(cycles) * u128::from(PS_PER_SECOND) / u128::from(self.hz)) as u64,
        };
        self.since + VirtualTime::from_ps(ps)
    }

    /// The first cycle that begins at `time` or later.
    pub(super) fn cycle_at(&self, time: VirtualTime) -> u64 {
        if time == VirtualTime::MAX {
            return u64::MAX;
        }
        let ps = time.saturating_sub(self.since).as_ps();
        let cycles = match self.period_ps {
            Some(period) => ps.div_ceil(period),
            None => (u128::from(ps) * u128::from(self.hz)).div_ceil(u128::from(PS_PER_SECOND)) as u64,
        };
        self.since_cycle + cycles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycle_and_time_agree_for_even_and_odd_clocks() {
        for hz in [64_000_000, 168_000_000, 48_000_000, 32_768, 1] {
            let mut clock = CoreClock::new(hz);
            clock.change(1_000, hz);
            for cycle in [1_000, 1_001, 1_007, 999_999] {
                let time = clock.time_at(cycle);
                assert_eq!(clock.cycle_at(time), cycle, "{hz} Hz");
                assert_eq!(clock.cycle_at(time + VirtualTime::from_ps(1)), cycle + 1, "{hz} Hz");
            }
        }
    }
}
