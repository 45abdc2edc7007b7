//! The time that bytes take on a serial line, for cables that shall be no faster than one.

use std::time::{Duration, Instant};

use rustix::event::Timespec;

/// Start bit, eight data bits, stop bit.
const BITS_PER_BYTE: u32 = 10;

/// When a serial line has carried the bytes that were put on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WireTime {
    idle_at: Instant,
}

impl WireTime {
    pub(super) fn begin() -> Self {
        Self {
            idle_at: Instant::now(),
        }
    }

    /// Bytes are put on the line, in either direction: a bootloader answers what it was sent, and is sent nothing
    /// meanwhile.
    pub(super) fn carry(&mut self, bytes: usize, baud: u32) {
        let bits = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(BITS_PER_BYTE);
        let takes = Duration::from_secs(1) * bits / baud.max(1);
        self.idle_at = self.idle_at.max(Instant::now()) + takes;
    }

    /// How long the line is busy from now on; `None` if it is idle.
    pub(super) fn busy(&self) -> Option<Timespec> {
        let left = self.idle_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        Some(Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_busy_for_as_long_as_its_bytes_take() {
        let mut wire = WireTime::begin();
        assert!(wire.busy().is_none());
        wire.carry(11_520, 115_200);
        wire.carry(11_520_000, 115_200);
        let busy = wire.busy().unwrap().tv_sec;
        assert!((990..=1_001).contains(&busy), "{busy}");
    }
}
