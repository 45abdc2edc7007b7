//! The baud rate of a link's wire: a higher one is agreed with the device, and given up when it does not carry.
//!
//! Both ends start at the first rate. The host asks for the highest one that is left to try; the device agrees and changes,
//! the host follows. [`RateWatch`] says when the new rate is no good: then the host returns to the first one, where the
//! device will be too, and asks for a lower one, or once more if the rate had carried for a while.

use drydock_protocol::link::{RateWatch, Stats};
use std::{fmt, io, pin::Pin};

/// Rates that adapters and chips commonly have, in bits per second, the highest first.
const COMMON_RATES: [u32; 9] = [
    3_000_000, 2_000_000, 1_500_000, 1_000_000, 921_600, 500_000, 460_800, 230_400, 115_200,
];

/// How long the device may take to agree.
const ANSWER_MS: u64 = 2_000;

/// How long a new rate may take to bring a whole frame. The device tries for half as long.
const TRIAL_MS: u64 = 2_000;

/// A rate that stopped carrying this often is not asked for again. A device that restarts is no fault of the rate.
const MAX_LOSSES: u32 = 3;

/// Sets the baud rate of a wire whose bytes somebody else has.
pub trait RateControl: Send + Sync {
    /// Changes the rate, in bits per second, once everything that was written is sent.
    fn set_baud(&self, baud: u32) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>>;
}

/// A wire whose baud rate can change.
pub struct Rates {
    /// The rate of both ends before they agree on another one.
    pub first: u32,
    /// The highest rate to ask for.
    pub fastest: u32,
    /// Sets the host's end.
    pub control: Box<dyn RateControl>,
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates")
            .field("first", &self.first)
            .field("fastest", &self.fastest)
            .finish_non_exhaustive()
    }
}

/// What the link's task does next about the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateStep {
    /// Ask the device for this rate.
    Ask(u32),
    /// Change the host's end to this rate.
    Change(u32),
    /// The new rate carries.
    Carries(u32),
    /// The first rate again; this one did not carry.
    GivenUp(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At the first rate since this many whole frames.
    First { frames: u32 },
    /// The device was asked for a rate, and may answer until then.
    Requested { baud: u32, until_ms: u64 },
    /// The device changes to this rate.
    Agreed { baud: u32 },
    /// At another rate.
    Other { baud: u32, watch: RateWatch, is_told: bool },
}

/// The host's part in finding a rate. Pure: the link's task carries its steps out.
#[derive(Debug)]
pub(crate) struct RateSearch {
    first: u32,
    /// The highest rate that is left to try.
    highest: u32,
    phase: Phase,
    losses: u32,
}

impl RateSearch {
    pub(crate) fn new(first: u32, fastest: u32) -> Self {
        Self {
            first,
            highest: fastest,
            phase: Phase::First { frames: 0 },
            losses: 0,
        }
    }

    /// The present rate of the host's end.
    pub(crate) fn baud(&self) -> u32 {
        match self.phase {
            Phase::Other { baud, .. } => baud,
            _ => self.first,
        }
    }

    /// Whether frames must wait, because the device listens at another rate.
    pub(crate) fn holds_frames(&self) -> bool {
        matches!(self.phase, Phase::Agreed { .. })
    }

    /// The device's answer.
    pub(crate) fn agreed(&mut self, answer: u32) {
        if let Phase::Requested { baud, .. } = self.phase
            && baud == answer
        {
            self.phase = Phase::Agreed { baud };
        }
    }

    /// The host's end was changed as [`RateStep::Change`] says.
    pub(crate) fn changed(&mut self, stats: Stats, now_ms: u64) {
        if let Phase::Agreed { baud } = self.phase {
            self.phase = Phase::Other {
                baud,
                watch: RateWatch::new(stats, now_ms, TRIAL_MS, None),
                is_told: false,
            };
        }
    }

    /// The host's end cannot have the rate: it is at the first one still. The device will be too.
    pub(crate) fn not_changed(&mut self, stats: Stats) {
        if let Phase::Agreed { baud } = self.phase {
            self.never_again(baud, stats);
        }
    }

    /// Takes what was received since the last call. Returns what is to be done now.
    pub(crate) fn step(&mut self, is_up: bool, bytes: usize, stats: Stats, now_ms: u64) -> Option<RateStep> {
        match &mut self.phase {
            Phase::First { frames } => {
                // A frame shows that the device is at the first rate too.
                let hears = is_up && stats.frames_received != *frames;
                let baud = self.next_rate().filter(|_| hears)?;
                self.phase = Phase::Requested {
                    baud,
                    until_ms: now_ms + ANSWER_MS,
                };
                Some(RateStep::Ask(baud))
            }
            Phase::Requested { baud, until_ms } => {
                if now_ms >= *until_ms {
                    let baud = *baud;
                    self.never_again(baud, stats);
                }
                None
            }
            Phase::Agreed { baud } => Some(RateStep::Change(*baud)),
            Phase::Other { baud, watch, is_told } => {
                let baud = *baud;
                if !watch.is_good(bytes, stats, now_ms) {
                    self.losses += 1;
                    match watch.has_heard() && self.losses < MAX_LOSSES {
                        true => self.phase = first(stats),
                        false => self.never_again(baud, stats),
                    }
                    return Some(RateStep::GivenUp(baud));
                }
                if watch.has_heard() && !std::mem::replace(is_told, true) {
                    return Some(RateStep::Carries(baud));
                }
                None
            }
        }
    }

    /// When [`Self::step`] must be called although nothing arrives.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::First { .. } => None,
            Phase::Requested { until_ms, .. } => Some(until_ms),
            Phase::Agreed { .. } => Some(0),
            Phase::Other { watch, .. } => watch.deadline_ms(),
        }
    }

    fn never_again(&mut self, baud: u32, stats: Stats) {
        self.highest = baud - 1;
        self.losses = 0;
        self.phase = first(stats);
    }

    fn next_rate(&self) -> Option<u32> {
        let mut rates = COMMON_RATES.into_iter();
        rates.find(|rate| *rate <= self.highest && *rate > self.first)
    }
}

fn first(stats: Stats) -> Phase {
    Phase::First {
        frames: stats.frames_received,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search whose peer has sent this many frames.
    struct Rig {
        search: RateSearch,
        stats: Stats,
        now_ms: u64,
    }

    impl Rig {
        fn new(first: u32, fastest: u32) -> Self {
            Self {
                search: RateSearch::new(first, fastest),
                stats: Stats::default(),
                now_ms: 0,
            }
        }

        fn frame(&mut self) -> Option<RateStep> {
            self.stats.frames_received += 1;
            self.search.step(true, 20, self.stats, self.now_ms)
        }

        fn noise(&mut self) -> Option<RateStep> {
            self.search.step(true, 100, self.stats, self.now_ms)
        }

        fn wait(&mut self, ms: u64) -> Option<RateStep> {
            self.now_ms += ms;
            self.search.step(true, 0, self.stats, self.now_ms)
        }

        /// The device agrees, and the host's end changes.
        fn change(&mut self, baud: u32) {
            self.search.agreed(baud);
            assert!(self.search.holds_frames());
            assert_eq!(self.wait(0), Some(RateStep::Change(baud)));
            self.search.changed(self.stats, self.now_ms);
            assert!(!self.search.holds_frames());
            assert_eq!(self.search.baud(), baud);
        }
    }

    #[test]
    fn the_highest_rate_is_agreed_and_kept() {
        let mut rig = Rig::new(115_200, 1_000_000);
        assert_eq!(rig.search.step(false, 0, rig.stats, 0), None, "the link is not up");
        assert_eq!(rig.wait(5), None, "nothing was heard");
        assert_eq!(rig.frame(), Some(RateStep::Ask(1_000_000)));
        rig.search.agreed(500_000);
        assert!(!rig.search.holds_frames(), "it was not asked for that");
        rig.change(1_000_000);
        assert_eq!(rig.frame(), Some(RateStep::Carries(1_000_000)));
        assert_eq!(rig.frame(), None);
        assert_eq!(rig.wait(100_000), None, "silence is no fault");
    }

    #[test]
    fn there_is_nothing_to_ask_where_no_rate_is_higher() {
        let mut rig = Rig::new(1_000_000, 1_000_000);
        assert_eq!(rig.frame(), None);
        let mut rig = Rig::new(1_000_000, 1_200_000);
        assert_eq!(rig.frame(), None);
    }

    #[test]
    fn a_device_that_does_not_answer_is_asked_for_each_rate_once() {
        let mut rig = Rig::new(115_200, 1_000_000);
        let mut asked = Vec::new();
        for _ in 0..20 {
            if let Some(RateStep::Ask(baud)) = rig.frame() {
                asked.push(baud);
                assert_eq!(rig.search.deadline_ms(), Some(rig.now_ms + ANSWER_MS));
            }
            assert_eq!(rig.wait(ANSWER_MS), None);
        }
        assert_eq!(asked, [1_000_000, 921_600, 500_000, 460_800, 230_400]);
        assert_eq!(rig.search.baud(), 115_200);
    }

    #[test]
    fn a_rate_that_brings_nothing_is_given_up_for_a_lower_one() {
        let mut rig = Rig::new(115_200, 1_000_000);
        assert_eq!(rig.frame(), Some(RateStep::Ask(1_000_000)));
        rig.change(1_000_000);
        assert_eq!(rig.noise(), None);
        assert_eq!(rig.wait(TRIAL_MS), Some(RateStep::GivenUp(1_000_000)));
        assert_eq!(rig.search.baud(), 115_200);
        assert_eq!(rig.wait(10), None, "the device may not be back yet");
        assert_eq!(rig.frame(), Some(RateStep::Ask(921_600)));
    }

    #[test]
    fn an_adapter_that_refuses_a_rate_is_asked_for_a_lower_one() {
        let mut rig = Rig::new(115_200, 1_000_000);
        assert_eq!(rig.frame(), Some(RateStep::Ask(1_000_000)));
        rig.search.agreed(1_000_000);
        rig.search.not_changed(rig.stats);
        assert!(!rig.search.holds_frames());
        assert_eq!(rig.frame(), Some(RateStep::Ask(921_600)));
    }

    #[test]
    fn a_device_that_restarts_is_asked_again_but_not_for_ever() {
        let mut rig = Rig::new(115_200, 230_400);
        for loss in 1..=MAX_LOSSES {
            assert_eq!(rig.frame(), Some(RateStep::Ask(230_400)), "{loss}");
            rig.change(230_400);
            assert_eq!(rig.frame(), Some(RateStep::Carries(230_400)));
            // It sends at the first rate after its reset.
            assert_eq!(rig.noise(), None);
            assert_eq!(rig.wait(600), Some(RateStep::GivenUp(230_400)));
        }
        assert_eq!(rig.frame(), None, "there is no lower rate");
    }
}
