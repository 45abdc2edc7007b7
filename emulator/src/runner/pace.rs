//! How far virtual time may advance: pure arithmetic on host time that is passed in.
//!
//! [`super::lockstep`] implements the pace `lockstep`. The other paces hold an anchor, a pair of host and virtual
//! instants, and limit virtual time to the anchor plus the host time since. `realtime` limits all time; `max` moves
//! the anchor along with busy time, so that only idle time is limited.

use std::time::Duration;

use crate::VirtualTime;

/// How virtual time relates to the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Virtual time advances at most as fast as the host's. A machine that cannot keep up does not catch up later.
    Realtime,
    /// In lockstep with all other machines of this pace, in quanta of virtual time. Input from outside enters at their
    /// boundaries. Idle time is limited as by `Max`.
    Lockstep,
    /// As fast as the host can. With a live link, time in which the core sleeps advances no faster than the host's, so
    /// that answers from outside have time to arrive.
    Max,
}

/// How much lateness is made up for; any more is dropped.
const CREDIT: VirtualTime = VirtualTime::from_ms(20);

/// The state of one machine's pacing. Host time is measured from any fixed instant.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    pace: Pace,
    live_link: bool,
    anchor: Option<(Duration, VirtualTime)>,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            live_link: false,
            anchor: None,
        }
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether the time of a sleeping core follows the host's.
    pub(super) fn is_held(&self) -> bool {
        self.pace == Pace::Realtime || self.live_link
    }

    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.anchor = None;
    }

    /// Sets whether something outside is connected to the machine.
    pub(super) fn set_live_link(&mut self, live: bool) {
        if live != self.live_link {
            self.live_link = live;
            self.anchor = None;
        }
    }

    /// Restarts the pacing: the machine was paused.
    pub(super) fn restart(&mut self) {
        self.anchor = None;
    }

    /// How far a busy core may run.
    pub(super) fn busy_limit(&mut self, host: Duration, now: VirtualTime) -> VirtualTime {
        match self.pace {
            Pace::Realtime => self.limit(host, now),
            Pace::Max | Pace::Lockstep => VirtualTime::MAX,
        }
    }

    /// How far the time of a sleeping core may advance.
    pub(super) fn idle_limit(&mut self, host: Duration, now: VirtualTime) -> VirtualTime {
        if !self.is_held() {
            return VirtualTime::MAX;
        }
        self.limit(host, now)
    }

    /// The core was busy for this long.
    pub(super) fn was_busy(&mut self, host: Duration, virtual_time: VirtualTime) {
        if let (Pace::Max, Some((host_anchor, virtual_anchor))) = (self.pace, &mut self.anchor) {
            *host_anchor += host;
            *virtual_anchor += virtual_time;
        }
    }

    /// An event that was due at `now` was served: lateness beyond the credit is dropped.
    pub(super) fn served(&mut self, host: Duration, now: VirtualTime) {
        if self.limit(host, now).saturating_sub(now) > CREDIT {
            let credit = Duration::from_nanos(CREDIT.as_ns());
            self.anchor = Some((host.saturating_sub(credit), now));
        }
    }

    /// The host instant at which virtual time may be `then`.
    pub(super) fn host_instant(&mut self, host: Duration, now: VirtualTime, then: VirtualTime) -> Duration {
        let (host_anchor, virtual_anchor) = *self.anchor.get_or_insert((host, now));
        // Rounded up, so that the limit has reached `then` by then.
        host_anchor + Duration::from_nanos(then.saturating_sub(virtual_anchor).as_ns() + 1)
    }

    fn limit(&mut self, host: Duration, now: VirtualTime) -> VirtualTime {
        let (host_anchor, virtual_anchor) = *self.anchor.get_or_insert((host, now));
        let passed = host.saturating_sub(host_anchor).as_nanos() as u64;
        virtual_anchor.saturating_add(VirtualTime::from_ns(passed)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn host(ms: u64) -> Duration {
        Duration::from_millis(1_000 + ms)
    }

    const fn guest(ms: u64) -> VirtualTime {
        VirtualTime::from_ms(ms)
    }

    fn live(pace: Pace) -> Pacer {
        let mut pacer = Pacer::new(pace);
        pacer.set_live_link(true);
        pacer
    }

    #[test]
    fn realtime_holds_busy_and_idle_time() {
        let mut pacer = Pacer::new(Pace::Realtime);
        assert_eq!(pacer.busy_limit(host(0), guest(7)), guest(7));
        assert_eq!(pacer.busy_limit(host(5), guest(7)), guest(12));
        pacer.was_busy(Duration::from_millis(1), guest(1));
        assert_eq!(pacer.idle_limit(host(6), guest(8)), guest(13));
    }

    #[test]
    fn max_holds_idle_time_only_and_only_with_a_live_link() {
        let mut pacer = Pacer::new(Pace::Max);
        assert_eq!(pacer.idle_limit(host(0), guest(0)), VirtualTime::MAX);
        let mut pacer = live(Pace::Max);
        assert_eq!(pacer.busy_limit(host(0), guest(0)), VirtualTime::MAX);
        assert_eq!(pacer.idle_limit(host(0), guest(0)), guest(0));
        assert_eq!(pacer.idle_limit(host(3), guest(0)), guest(3));
        // Busy for 2 ms of host time and 10 ms of virtual time: neither counts as idle.
        pacer.was_busy(Duration::from_millis(2), guest(10));
        assert_eq!(pacer.idle_limit(host(5), guest(10)), guest(13));
    }

    #[test]
    fn lateness_is_made_up_for_within_the_credit() {
        let mut pacer = live(Pace::Max);
        pacer.idle_limit(host(0), guest(0));
        // Due at 10, served when the host is at 15: the next may come 5 earlier.
        pacer.served(host(15), guest(10));
        assert_eq!(pacer.host_instant(host(15), guest(10), guest(20)).as_millis(), 1_020);
        // Served a second late: all but the credit is lost.
        pacer.served(host(1_020), guest(20));
        assert_eq!(pacer.idle_limit(host(1_020), guest(20)), guest(40));
    }

    #[test]
    fn a_long_sleep_ends_where_the_host_is() {
        let mut pacer = live(Pace::Max);
        pacer.idle_limit(host(0), guest(0));
        assert_eq!(pacer.idle_limit(host(10_000), guest(0)), guest(10_000));
    }
}
