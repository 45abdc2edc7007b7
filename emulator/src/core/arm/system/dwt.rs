//! DWT's cycle counter (ARMv7-M C1.8). It does not count while the core sleeps, as on silicon without a debugger.

/// The cycle counter.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct Dwt {
    enabled: bool,
    /// While it counts, CYCCNT is this plus the running cycle.
    offset: u32,
}

/// DWT_CTRL: silicon has four comparators; none are modelled, so it reports none.
const CONTROL_FIXED: u32 = 0;

impl Dwt {
    pub(super) fn control(&self) -> u32 {
        CONTROL_FIXED | u32::from(self.enabled)
    }

    /// `running`: cycles in which the core did not sleep.
    pub(super) fn set_control(&mut self, value: u32, running: u64) {
        let count = self.count(running);
        self.enabled = value & 1 != 0;
        self.set_count(count, running);
    }

    pub(super) fn count(&self, running: u64) -> u32 {
        if self.enabled {
            self.offset.wrapping_add(running as u32)
        } else {
            self.offset
        }
    }

    pub(super) fn set_count(&mut self, value: u32, running: u64) {
        self.offset = if self.enabled {
            value.wrapping_sub(running as u32)
        } else {
            value
        };
    }
}
