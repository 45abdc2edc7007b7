//! A counter that wraps, as in AGT and GPT: its current value, the values that it has passed, and when it next reaches
//! a value. It counts up; a down-counter is counted as the distance from its reload value.

use crate::machine::time::{PS_PER_SECOND, VirtualTime};

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Counter {
    running: bool,
    /// The clock in Hz, and its divider.
    hz: u64,
    divider: u64,
    /// How many values it takes.
    period: u64,
    /// The counter was `base` at `anchor`, and everything up to `seen` ticks later has been accounted for.
    anchor: VirtualTime,
    base: u64,
    seen: u64,
    jitter: Option<Jitter>,
}

/// The jitter of an RC oscillator: each of its edges is late by a random part of a period, up to [`Jitter::SPAN`].
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Jitter {
    key: u64,
    /// Edges of the clock up to the anchor.
    edges: u64,
}

impl Jitter {
    /// The 64th part: half a microsecond of LOCO's 30.5. The datasheet has no figure.
    const SPAN: u64 = 64;

    /// How late the edge `ticks` after the anchor is, by mixing key and number (the finaliser of SplitMix64).
    fn of(&self, ticks: u64, period: VirtualTime) -> VirtualTime {
        let mut mixed = self.key ^ (self.edges + ticks).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let most = u128::from(period.as_ps() / Self::SPAN);
        VirtualTime::from_ps(((u128::from(mixed) * most) >> 64) as u64)
    }
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
            jitter: None,
        }
    }

    /// Sets the clock's jitter from now on, with its own noise; `None` for a steady clock.
    pub(super) fn set_jitter(&mut self, now: VirtualTime, key: Option<u64>) {
        self.rebase(now);
        self.jitter = key.map(|key| Jitter { key, edges: 0 });
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    pub(super) fn period(&self) -> u64 {
        self.period
    }

    /// Starts or stops. Take the passed values first, here and below.
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

    /// Whether it reached each of `values` since the last call.
    pub(super) fn take<const N: usize>(&mut self, now: VirtualTime, values: [u64; N]) -> [bool; N] {
        let until = self.ticks(now);
        let passed = values.map(|value| self.next_tick(value).is_some_and(|tick| tick <= until));
        self.seen = until;
        passed
    }

    /// When it next reaches `value`; `None` if never.
    pub(super) fn next(&self, value: u64) -> Option<VirtualTime> {
        let tick = self.next_tick(value).filter(|_| self.running)?;
        Some(self.edge(tick))
    }

    /// Time of the clock's edge `ticks` after the anchor.
    fn edge(&self, ticks: u64) -> VirtualTime {
        let even = self.anchor.saturating_add(self.span(ticks));
        match &self.jitter {
            Some(jitter) => even.saturating_add(jitter.of(ticks, self.span(1))),
            None => even,
        }
    }

    fn span(&self, ticks: u64) -> VirtualTime {
        VirtualTime::from_ticks(ticks.saturating_mul(self.divider), self.hz)
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
            true => self.anchor.saturating_add(self.span(ticks)),
            false => now,
        };
        if let Some(jitter) = &mut self.jitter {
            jitter.edges += ticks;
        }
        self.seen = self.seen.saturating_sub(ticks);
    }

    fn ticks(&self, now: VirtualTime) -> u64 {
        if !self.running {
            return 0;
        }
        let span = u128::from(now.saturating_sub(self.anchor).as_ps());
        let even = (span * u128::from(self.hz) / (u128::from(PS_PER_SECOND) * u128::from(self.divider))) as u64;
        // The last edge may be late.
        if even > 0 && self.jitter.is_some() && self.edge(even) > now {
            even - 1
        } else {
            even
        }
    }
}
