//! Virtual time: instants and spans on the guest's clock. No host clock is read here.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant since power-on, or a span, in picoseconds of virtual time. Wraps after 213 days.
///
/// Picoseconds make the period of a 64 MHz clock (15,625 ps) and of most others exact. For a clock whose period is not
/// a whole number of picoseconds, time is computed from its cycle count each time, so that no error accumulates.
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

    /// The duration of `ticks` periods of a clock of `hz` Hz, rounded up to the picosecond, so that an event scheduled
    /// by it never comes before its tick.
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

    /// The span since `earlier`, or zero if `earlier` is later.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_an_odd_clock_do_not_drift() {
        let hz = 168_000_000;
        for ticks in [1, 7, 168_000_001, 168_000_000 * 3600] {
            assert_eq!(VirtualTime::from_ticks(ticks, hz).ticks(hz), ticks);
        }
        assert_eq!(VirtualTime::from_ticks(1, 64_000_000).as_ps(), 15_625);
    }
}
