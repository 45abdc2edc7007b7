//! When an end of a link must go back to the baud rate at which both ends start.
//!
//! The host asks for a higher rate ([`FromHost::LinkRate`](crate::control::FromHost::LinkRate)), the device agrees and
//! changes, the host follows. Nothing guarantees that both did, that adapter and cable carry the rate, or that neither end
//! restarts later. So each end watches its own receiver for as long as it is at a higher rate, and returns to the first
//! rate when it hears nothing that makes sense. The other end then hears noise, and does the same.

use super::Stats;

/// Bytes without a whole frame that are taken for another rate: more than the longest frame could leave behind when one
/// bit of it is wrong, together with half of the next one.
const NOISE_BYTES: u32 = 48;
/// How long such bytes must arrive.
const NOISE_MS: u64 = 500;
/// Frames after which the share of damaged ones is looked at.
const SAMPLE_FRAMES: u32 = 32;

/// Watches the receiver of one end that is not at its first rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWatch {
    /// Until when the first whole frame must have arrived; `None` once it has.
    trial_until_ms: Option<u64>,
    /// Longest time without a whole frame; `None` if silence is no sign.
    longest_silence_ms: Option<u64>,
    last_frame_ms: u64,
    /// Bytes since the last whole frame, and when the first of them arrived.
    noise_bytes: u32,
    noise_since_ms: u64,
    /// Counters when the present sample began.
    frames: u32,
    damaged: u32,
    /// Whole frames at the last look.
    last_frames: u32,
}

impl RateWatch {
    /// Begins when the rate was changed. The first whole frame must arrive within `trial_ms`. `longest_silence_ms` limits
    /// the time without a frame at any later time.
    pub fn new(stats: Stats, now_ms: u64, trial_ms: u64, longest_silence_ms: Option<u64>) -> Self {
        Self {
            trial_until_ms: Some(now_ms.saturating_add(trial_ms)),
            longest_silence_ms,
            last_frame_ms: now_ms,
            noise_bytes: 0,
            noise_since_ms: now_ms,
            frames: stats.frames_received,
            damaged: stats.damaged,
            last_frames: stats.frames_received,
        }
    }

    /// Takes what was received since the last look: the number of bytes, and the counters of the endpoint that read them.
    /// Returns whether the rate is still good.
    #[must_use]
    pub fn is_good(&mut self, bytes: usize, stats: Stats, now_ms: u64) -> bool {
        if stats.frames_received != self.last_frames {
            self.last_frames = stats.frames_received;
            self.trial_until_ms = None;
            self.last_frame_ms = now_ms;
            self.noise_bytes = 0;
        } else if bytes > 0 {
            if self.noise_bytes == 0 {
                self.noise_since_ms = now_ms;
            }
            self.noise_bytes = self
                .noise_bytes
                .saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        let is_noise = self.noise_bytes >= NOISE_BYTES && now_ms >= self.noise_since_ms.saturating_add(NOISE_MS);
        let failed = self.trial_until_ms.is_some_and(|until_ms| now_ms >= until_ms);
        let is_silent = self
            .longest_silence_ms
            .is_some_and(|longest_ms| now_ms >= self.last_frame_ms.saturating_add(longest_ms));
        !is_noise && !failed && !is_silent && !self.is_too_damaged(stats)
    }

    /// More than a quarter of the frames is damaged: a slower rate carries more.
    fn is_too_damaged(&mut self, stats: Stats) -> bool {
        let frames = stats.frames_received.wrapping_sub(self.frames);
        let damaged = stats.damaged.wrapping_sub(self.damaged);
        if frames.saturating_add(damaged) < SAMPLE_FRAMES {
            return false;
        }
        (self.frames, self.damaged) = (stats.frames_received, stats.damaged);
        damaged > SAMPLE_FRAMES / 4
    }

    /// Whether a whole frame has arrived at this rate.
    pub fn has_heard(&self) -> bool {
        self.trial_until_ms.is_none()
    }

    /// When to look again although nothing arrives.
    pub fn deadline_ms(&self) -> Option<u64> {
        let noise_ms = (self.noise_bytes >= NOISE_BYTES).then(|| self.noise_since_ms.saturating_add(NOISE_MS));
        let silence_ms = self
            .longest_silence_ms
            .map(|longest_ms| self.last_frame_ms.saturating_add(longest_ms));
        [self.trial_until_ms, noise_ms, silence_ms].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(frames_received: u32, damaged: u32) -> Stats {
        Stats {
            frames_received,
            damaged,
            ..Stats::default()
        }
    }

    fn watch() -> RateWatch {
        RateWatch::new(stats(7, 3), 1_000, 400, Some(30_000))
    }

    #[test]
    fn a_rate_at_which_nothing_arrives_is_given_up_after_its_trial() {
        let mut watch = watch();
        assert_eq!(watch.deadline_ms(), Some(1_400));
        assert!(watch.is_good(0, stats(7, 3), 1_399));
        assert!(!watch.has_heard());
        assert!(!watch.is_good(0, stats(7, 3), 1_400));
    }

    #[test]
    fn a_rate_at_which_frames_arrive_is_kept() {
        let mut watch = watch();
        assert!(watch.is_good(20, stats(8, 3), 1_100));
        assert!(watch.has_heard());
        // No frame for a while is no fault.
        assert!(watch.is_good(0, stats(8, 3), 20_000));
        // A damaged frame now and then is none either.
        for turn in 1..1_000 {
            let damaged = turn / 8;
            assert!(watch.is_good(250, stats(8 + turn, 3 + damaged), 20_000 + u64::from(turn) * 50));
        }
    }

    #[test]
    fn bytes_that_never_become_a_frame_end_the_rate() {
        let mut watch = watch();
        assert!(watch.is_good(20, stats(8, 3), 1_100));
        assert!(watch.is_good(47, stats(8, 3), 5_000));
        assert!(watch.is_good(0, stats(8, 3), 9_000), "the rest of one frame");
        assert!(!watch.is_good(1, stats(8, 3), 9_001));

        let mut watch = self::watch();
        assert!(watch.is_good(20, stats(8, 3), 1_100));
        assert!(watch.is_good(500, stats(8, 9), 5_000), "a burst may be damaged");
        assert_eq!(watch.deadline_ms(), Some(5_500));
        assert!(watch.is_good(30, stats(9, 9), 5_400));
        assert!(watch.is_good(0, stats(9, 9), 6_000), "a frame came after it");
    }

    #[test]
    fn silence_ends_a_rate_only_where_it_is_a_sign() {
        let mut watch = watch();
        assert!(watch.is_good(20, stats(8, 3), 1_100));
        assert_eq!(watch.deadline_ms(), Some(31_100));
        assert!(watch.is_good(0, stats(8, 3), 31_099));
        assert!(!watch.is_good(0, stats(8, 3), 31_100));

        let mut patient = RateWatch::new(stats(0, 0), 0, 400, None);
        assert!(patient.is_good(20, stats(1, 0), 100));
        assert_eq!(patient.deadline_ms(), None);
        assert!(patient.is_good(0, stats(1, 0), u64::MAX));
    }

    #[test]
    fn a_rate_that_damages_every_third_frame_is_given_up() {
        let mut watch = watch();
        let mut turn = 0;
        let ended = loop {
            turn += 1;
            if !watch.is_good(250, stats(7 + 2 * turn, 3 + turn), 1_000 + u64::from(turn)) {
                break turn;
            }
            assert!(turn < 100, "it was never given up");
        };
        assert!(ended >= 10, "{ended}: too few frames to judge");
    }
}
