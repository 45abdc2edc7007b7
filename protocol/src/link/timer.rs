//! The retransmission timeout, estimated from round trips (RFC 6298), in milliseconds.

const INITIAL_MS: u32 = 250;
const MIN_MS: u32 = 30;
const MAX_MS: u32 = 2_000;

pub(super) struct RetransmissionTimer {
    /// Smoothed round trip and its deviation, in eighths of a millisecond; `None` before the first sample.
    estimate: Option<(u32, u32)>,
    timeout_ms: u32,
}

impl RetransmissionTimer {
    pub(super) fn new() -> Self {
        Self {
            estimate: None,
            timeout_ms: INITIAL_MS,
        }
    }

    pub(super) fn timeout_ms(&self) -> u64 {
        self.timeout_ms.into()
    }

    /// A frame that was sent once was acknowledged after this long.
    pub(super) fn sample(&mut self, round_trip_ms: u64) {
        let sample = 8 * u32::try_from(round_trip_ms).unwrap_or(u32::MAX).min(60_000);
        let (smoothed, deviation) = match self.estimate {
            None => (sample, sample / 2),
            Some((smoothed, deviation)) => (
                (7 * smoothed + sample) / 8,
                (3 * deviation + smoothed.abs_diff(sample)) / 4,
            ),
        };
        self.estimate = Some((smoothed, deviation));
        self.forget_back_off();
    }

    /// The peer answers again. RFC 6298 waits for a sample here. On a noisy line nearly every frame is a repeated one,
    /// which gives no sample, so one unneeded repetition costs less than long pauses.
    pub(super) fn forget_back_off(&mut self) {
        self.timeout_ms = self.estimate.map_or(INITIAL_MS, |(smoothed, deviation)| {
            ((smoothed + 4 * deviation) / 8 + 1).clamp(MIN_MS, MAX_MS)
        });
    }

    /// The timeout has passed without an answer.
    pub(super) fn back_off(&mut self) {
        self.timeout_ms = (2 * self.timeout_ms).min(MAX_MS);
    }
}
