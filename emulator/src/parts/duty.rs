//! For how long a line was on, lately: what an eye makes of a light that is switched quickly.

use serde::{Deserialize, Serialize};

use crate::machine::VirtualTime;

/// Length of a slot.
const SLOT: VirtualTime = VirtualTime::from_ms(1);
/// Whole slots that the mean is over.
const WHOLE: usize = 20;
/// The whole ones, and the one that is being filled.
const SLOTS: usize = WHOLE + 1;
/// Millionths of a whole.
const WHOLE_MILLIONTHS: u64 = 1_000_000;

/// The share of the last 20 ms in which something was on.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct Duty {
    on: bool,
    /// Until when `slots` is filled.
    until: VirtualTime,
    /// Picoseconds that it was on, by the number of the slot.
    slots: [u64; SLOTS],
}

impl Duty {
    /// It is on or off from now on.
    pub(super) fn set(&mut self, now: VirtualTime, on: bool) {
        self.advance(now);
        self.on = on;
    }

    /// The share of the last 20 whole milliseconds, in millionths.
    pub(super) fn millionths(&self, now: VirtualTime) -> u64 {
        let mut until_now = self.clone();
        until_now.advance(now);
        let filling = slot_of(now);
        let on: u64 = until_now.slots.iter().sum::<u64>() - until_now.slots[filling];
        let all = SLOT.as_ps() * WHOLE as u64;
        (on * (WHOLE_MILLIONTHS / 1_000) + all / 2_000) / (all / 1_000)
    }

    fn advance(&mut self, now: VirtualTime) {
        let oldest = VirtualTime::from_ps((now.as_ps() / SLOT.as_ps()).saturating_sub(SLOTS as u64) * SLOT.as_ps());
        self.until = self.until.max(oldest);
        while self.until < now {
            let slot = slot_of(self.until);
            if self.until.as_ps().is_multiple_of(SLOT.as_ps()) {
                self.slots[slot] = 0;
            }
            let end = VirtualTime::from_ps((self.until.as_ps() / SLOT.as_ps() + 1) * SLOT.as_ps()).min(now);
            if self.on {
                self.slots[slot] += (end - self.until).as_ps();
            }
            self.until = end;
        }
        if self.until.as_ps().is_multiple_of(SLOT.as_ps()) {
            self.slots[slot_of(self.until)] = 0;
        }
    }
}

fn slot_of(at: VirtualTime) -> usize {
    (at.as_ps() / SLOT.as_ps()) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_the_last_twenty_milliseconds() {
        let mut duty = Duty::default();
        let us = VirtualTime::from_us;
        // A quarter of each period of 500 µs.
        for period in 0..400 {
            duty.set(us(period * 500), true);
            duty.set(us(period * 500 + 125), false);
        }
        assert_eq!(duty.millionths(us(200_000)), 250_000);
        assert_eq!(
            duty.millionths(us(200_300)),
            250_000,
            "the slot that is filling does not count"
        );
        assert_eq!(duty.millionths(us(210_000)), 125_000);
        assert_eq!(duty.millionths(us(220_000)), 0);
        assert_eq!(duty.millionths(us(9_000_000)), 0);
        duty.set(us(10_000_000), true);
        assert_eq!(duty.millionths(us(10_005_000)), 250_000);
        assert_eq!(duty.millionths(us(10_020_000)), 1_000_000);
        assert_eq!(duty.millionths(us(77_777_777)), 1_000_000);
    }
}
