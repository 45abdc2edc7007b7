//! LFCLK for the peripherals that count it: the instant of its first edge, then edges at 32,768 Hz.

use crate::machine::VirtualTime;

/// LFCLK frequency in Hz.
pub(super) const LFCLK_HZ: u64 = 32_768;

/// The low-frequency clock.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct LfClock {
    /// When it started; `None` while it is off.
    pub(super) since: Option<VirtualTime>,
}

impl LfClock {
    /// Edges up to `now`; `None` while it is off (or has not started yet).
    pub(super) fn edges(&self, now: VirtualTime) -> Option<u64> {
        let since = self.since?;
        (since <= now).then(|| (now - since).ticks(LFCLK_HZ))
    }

    /// The instant of edge `edge`.
    pub(super) fn edge_at(&self, edge: u64) -> Option<VirtualTime> {
        Some(self.since? + VirtualTime::from_ticks(edge, LFCLK_HZ))
    }
}
