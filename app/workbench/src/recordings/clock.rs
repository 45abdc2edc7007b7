//! A board's time in a recording.
//!
//! All boards of a recording share one axis. While a machine runs, distances on it are the machine's own: its virtual time is
//! added to an anchor. When it runs again after it stood still, or goes to another state, the anchor is set to the host's
//! time. It never goes back.

use std::time::Instant;

/// Where one board is on the axis of one recording.
#[derive(Debug)]
pub(super) struct BoardClock {
    /// When the recording began.
    began: Instant,
    /// The anchor: a time of the recording, and the machine's virtual time then.
    anchor_ns: u64,
    machine_ns: u64,
    /// The newest time that was given out.
    newest_ns: u64,
    /// The machine's virtual time at its last reset, if that is known.
    reset_ns: Option<u64>,
    /// A machine runs, and its time counts.
    runs: bool,
}

impl BoardClock {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            anchor_ns: 0,
            machine_ns: 0,
            newest_ns: 0,
            reset_ns: None,
            runs: false,
        }
    }

    /// Time since the recording began, of the host.
    pub(super) fn host_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The machine's time counts from now on. Returns the recording's time.
    pub(super) fn start(&mut self, machine_ns: u64) -> u64 {
        self.anchor_ns = self.host_ns().max(self.newest_ns);
        self.machine_ns = machine_ns;
        self.newest_ns = self.anchor_ns;
        self.runs = true;
        self.anchor_ns
    }

    /// The machine stands still, or is gone. Returns the recording's time.
    pub(super) fn stop(&mut self, machine_ns: u64) -> u64 {
        let now = self.at(machine_ns);
        self.runs = false;
        now
    }

    pub(super) fn runs(&self) -> bool {
        self.runs
    }

    /// The recording's time at an instant of the machine.
    pub(super) fn at(&mut self, machine_ns: u64) -> u64 {
        let at = self.peek(machine_ns);
        self.newest_ns = self.newest_ns.max(at);
        at
    }

    /// As [`Self::at`], for an instant that may still come.
    pub(super) fn peek(&self, machine_ns: u64) -> u64 {
        if !self.runs {
            return self.newest_ns;
        }
        self.anchor_ns
            .saturating_add(machine_ns.saturating_sub(self.machine_ns))
    }

    /// The newest time that was given out.
    pub(super) fn newest_ns(&self) -> u64 {
        self.newest_ns
    }

    /// Whether it is known when the machine was reset.
    pub(super) fn knows_reset(&self) -> bool {
        self.reset_ns.is_some()
    }

    /// The recording's time of an uptime, if the reset is known and it is not before the machine went on last.
    pub(super) fn of_uptime(&self, uptime_us: u64) -> Option<u64> {
        let machine_ns = self.reset_ns?.saturating_add(uptime_us.saturating_mul(1_000));
        Some(self.anchor_ns.saturating_add(machine_ns.checked_sub(self.machine_ns)?))
    }

    pub(super) fn was_reset(&mut self, machine_ns: u64) {
        self.reset_ns = Some(machine_ns);
    }

    /// Nothing is known about the machine's past.
    pub(super) fn forget_reset(&mut self) {
        self.reset_ns = None;
    }

    /// The recording's time of what the board says about itself: by its own uptime if that helps, by the host's clock
    /// otherwise.
    pub(super) fn told(&self, uptime_us: Option<u64>, host_ns: u64) -> u64 {
        match (uptime_us, self.reset_ns) {
            (Some(uptime), Some(reset)) if self.runs => self.peek(reset.saturating_add(uptime.saturating_mul(1_000))),
            _ => host_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_the_machines_own_and_a_pause_moves_it_forward() {
        let mut clock = BoardClock::new(Instant::now());
        assert_eq!(clock.peek(5_000), 0);
        let start = clock.start(1_000);
        assert_eq!(clock.at(1_250), start + 250);
        assert_eq!(clock.at(1_000_001_000), start + 1_000_000_000);
        let stopped = clock.stop(1_000_001_000);
        assert_eq!(stopped, start + 1_000_000_000);
        assert_eq!(
            clock.peek(9_000_000_000),
            stopped,
            "a machine that stands still has no later time"
        );
        // The host is behind the machine: the axis does not go back.
        assert_eq!(clock.start(0), stopped);
        assert_eq!(clock.at(10), stopped + 10);
    }

    #[test]
    fn a_line_is_where_the_boards_uptime_says() {
        let mut clock = BoardClock::new(Instant::now());
        let start = clock.start(0);
        assert_eq!(clock.told(Some(3_000), 77), 77, "nobody saw the reset");
        clock.was_reset(2_000_000);
        assert_eq!(clock.told(Some(3_000), 77), start + 5_000_000);
        assert_eq!(clock.told(None, 77), 77);
        clock.stop(9_000_000);
        assert_eq!(clock.told(Some(3_000), 77), 77);
    }

    #[test]
    fn a_value_that_was_published_before_the_machine_went_on_has_no_place() {
        let mut clock = BoardClock::new(Instant::now());
        assert_eq!(clock.of_uptime(9_000), None, "nobody saw the reset");
        let start = clock.start(5_000_000);
        clock.was_reset(2_000_000);
        assert_eq!(clock.of_uptime(2_999), None);
        assert_eq!(clock.of_uptime(3_000), Some(start));
        assert_eq!(clock.of_uptime(4_000), Some(start + 1_000_000));
    }

    #[test]
    fn an_uptime_that_no_board_can_have_is_survived() {
        let mut clock = BoardClock::new(Instant::now());
        clock.at(5);
        std::thread::sleep(std::time::Duration::from_millis(1));
        clock.start(0);
        clock.was_reset(0);
        assert_eq!(clock.of_uptime(u64::MAX), Some(u64::MAX));
        assert_eq!(clock.told(Some(u64::MAX), 0), u64::MAX);
    }
}
