//! Virtual time and the queue of things due in it. No host clock is read here or anywhere in the builtin engine.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant since power-on, or a span, in picoseconds of the guest's world. Wraps after 213 days.
///
/// Picoseconds make the period of a 64 MHz clock (15,625 ps) and of most others exact; a clock whose period is no whole
/// number of picoseconds is converted from its cycle count each time, so that no error accumulates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct VirtualTime(u64);

/// Picoseconds in one second.
pub const PS_PER_SECOND: u64 = 1_000_000_000_000;

impl VirtualTime {
    /// Power-on.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// `ps` picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns * 1_000)
    }

    /// `us` microseconds.
    pub const fn from_us(us: u64) -> Self {
        Self(us * 1_000_000)
    }

    /// `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000_000)
    }

    /// `seconds` seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * PS_PER_SECOND)
    }

    /// The span that `ticks` periods of a clock of `hz` Hz take, rounded up to the picosecond, so that an event
    /// scheduled by it never comes before the tick it stands for.
    pub const fn from_ticks(ticks: u64, hz: u64) -> Self {
        Self((ticks as u128 * PS_PER_SECOND as u128).div_ceil(hz as u128) as u64)
    }

    /// Whole periods of a clock of `hz` Hz that fit in this span.
    pub const fn ticks(self, hz: u64) -> u64 {
        (self.0 as u128 * hz as u128 / PS_PER_SECOND as u128) as u64
    }

    /// In picoseconds.
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// In whole nanoseconds.
    pub const fn as_ns(self) -> u64 {
        self.0 / 1_000
    }

    /// In whole microseconds.
    pub const fn as_us(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The span since `earlier`, or zero when that is later.
    pub const fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The sum, or [`Self::MAX`].
    pub const fn saturating_add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Add for VirtualTime {
    type Output = Self;
    fn add(self, span: Self) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign for VirtualTime {
    fn add_assign(&mut self, span: Self) {
        self.0 += span.0;
    }
}

impl Sub for VirtualTime {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self(self.0 - earlier.0)
    }
}

impl fmt::Display for VirtualTime {
    /// Seconds with microseconds, as in a log: `1.000250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06}",
            self.0 / PS_PER_SECOND,
            self.0 % PS_PER_SECOND / 1_000_000
        )
    }
}

/// What a chip wants to be told when its event is due; each chip gives the numbers their meaning.
pub type Token = u64;

/// Names one scheduled event, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventId(u64);

/// One event that is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// When it is due.
    pub at: VirtualTime,
    /// Order among events of one instant: the one scheduled first comes first.
    sequence: u64,
    /// What it means to the chip.
    pub token: Token,
}

/// Events in the order they are due: by time, then by the order in which they were scheduled.
///
/// Kept as a sorted vector with the next event last: a chip has a few dozen pending at most, which a shift of a few
/// cache lines serves faster than a heap.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventQueue {
    pending: Vec<Event>,
    next_sequence: u64,
}

impl EventQueue {
    /// Adds an event.
    pub fn schedule(&mut self, at: VirtualTime, token: Token) -> EventId {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let place = self.pending.partition_point(|event| event.at > at);
        self.pending.insert(place, Event { at, sequence, token });
        EventId(sequence)
    }

    /// Takes an event out; false when it has already come or gone.
    pub fn cancel(&mut self, id: EventId) -> bool {
        let before = self.pending.len();
        self.pending.retain(|event| event.sequence != id.0);
        self.pending.len() != before
    }

    /// Takes every event with this token out; tells how many there were.
    pub fn cancel_token(&mut self, token: Token) -> usize {
        let before = self.pending.len();
        self.pending.retain(|event| event.token != token);
        before - self.pending.len()
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<VirtualTime> {
        self.pending.last().map(|event| event.at)
    }

    /// Takes the next event if it is due at `now`.
    pub fn pop_due(&mut self, now: VirtualTime) -> Option<Event> {
        if self.next_at()? <= now {
            self.pending.pop()
        } else {
            None
        }
    }

    /// Takes every event out (power-on reset).
    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_order_of_scheduling() {
        let mut queue = EventQueue::default();
        let us = VirtualTime::from_us;
        queue.schedule(us(5), 50);
        queue.schedule(us(1), 10);
        let gone = queue.schedule(us(1), 11);
        queue.schedule(us(1), 12);
        queue.schedule(us(3), 30);
        assert!(queue.cancel(gone));
        assert!(!queue.cancel(gone));
        let mut order = Vec::new();
        while let Some(event) = queue.pop_due(us(4)) {
            order.push(event.token);
        }
        assert_eq!(order, [10, 12, 30]);
        assert_eq!(queue.next_at(), Some(us(5)));
    }

    #[test]
    fn ticks_of_an_odd_clock_do_not_drift() {
        let hz = 168_000_000;
        for ticks in [1, 7, 168_000_001, 168_000_000 * 3600] {
            assert_eq!(VirtualTime::from_ticks(ticks, hz).ticks(hz), ticks);
        }
        assert_eq!(VirtualTime::from_ticks(1, 64_000_000).as_ps(), 15_625);
    }
}
