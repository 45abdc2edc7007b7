//! SysTick (ARMv7-M B3.3), as arithmetic on the cycle at which it next reaches zero.

use crate::core::fabric::CortexMOptions;

const ENABLE: u32 = 1 << 0;
const TICKINT: u32 = 1 << 1;
const CLKSOURCE: u32 = 1 << 2;
const COUNTFLAG: u32 = 1 << 16;
const RELOAD_MASK: u32 = 0x00ff_ffff;
const NOREF: u32 = 1 << 31;

/// The system timer.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct SysTick {
    control: u32,
    reload: u32,
    /// The value while it is stopped.
    stopped_at: u32,
    /// The cycle at which the running counter next reaches zero; `u64::MAX` if never.
    zero_at: u64,
    /// Core cycles of one tick.
    divider: u64,
    calibration: u32,
    reference_hz: Option<u32>,
}

impl SysTick {
    pub(in crate::core::arm) fn new(options: &CortexMOptions) -> Self {
        let no_reference = if options.systick_reference_hz.is_none() {
            NOREF
        } else {
            0
        };
        Self {
            control: 0,
            reload: 0,
            stopped_at: 0,
            zero_at: u64::MAX,
            divider: 1,
            calibration: options.systick_calibration | no_reference,
            reference_hz: options.systick_reference_hz,
        }
    }

    /// The cycle at which the counter is next zero.
    pub(in crate::core::arm) fn next_zero(&self) -> u64 {
        self.zero_at
    }

    /// Passes every zero up to `cycle`; returns whether the exception becomes pending.
    pub(in crate::core::arm) fn advance(&mut self, cycle: u64) -> bool {
        if self.zero_at > cycle {
            return false;
        }
        self.control |= COUNTFLAG;
        if self.reload == 0 {
            self.stopped_at = 0;
            self.zero_at = u64::MAX;
        } else {
            let period = (u64::from(self.reload) + 1) * self.divider;
            self.zero_at += ((cycle - self.zero_at) / period + 1) * period;
        }
        self.control & TICKINT != 0
    }

    pub(super) fn control(&mut self) -> u32 {
        let value = self.control | if self.reference_hz.is_none() { CLKSOURCE } else { 0 };
        self.control &= !COUNTFLAG;
        value
    }

    pub(super) fn set_control(&mut self, value: u32, cycle: u64, core_hz: u32) {
        let current = self.current(cycle);
        self.control = self.control & COUNTFLAG | value & (ENABLE | TICKINT | CLKSOURCE);
        self.divider = match self.reference_hz {
            Some(hz) if value & CLKSOURCE == 0 => u64::from(core_hz / hz.max(1)).max(1),
            _ => 1,
        };
        self.stopped_at = current;
        self.restart(current, cycle);
    }

    pub(super) fn reload(&self) -> u32 {
        self.reload
    }

    pub(super) fn set_reload(&mut self, value: u32, cycle: u64) {
        let was_idle = self.reload == 0;
        self.reload = value & RELOAD_MASK;
        if was_idle && self.zero_at == u64::MAX {
            self.restart(self.stopped_at, cycle);
        }
    }

    /// SYST_CVR.
    pub(super) fn current(&self, cycle: u64) -> u32 {
        if self.control & ENABLE == 0 || self.zero_at == u64::MAX {
            return self.stopped_at;
        }
        let ticks = (self.zero_at.saturating_sub(cycle)).div_ceil(self.divider) as u32;
        if ticks > self.reload { 0 } else { ticks }
    }

    /// Any write clears the counter and COUNTFLAG; the next tick reloads it.
    pub(super) fn clear_current(&mut self, cycle: u64) {
        self.control &= !COUNTFLAG;
        self.stopped_at = 0;
        self.restart(0, cycle);
    }

    pub(super) fn calibration(&self) -> u32 {
        self.calibration
    }

    fn restart(&mut self, current: u32, cycle: u64) {
        self.zero_at = match (self.control & ENABLE != 0, current, self.reload) {
            (false, ..) | (_, 0, 0) => u64::MAX,
            (_, 0, reload) => cycle + (u64::from(reload) + 1) * self.divider,
            (_, current, _) => cycle + u64::from(current) * self.divider,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> SysTick {
        SysTick::new(&CortexMOptions {
            irq_count: 1,
            priority_bits: 3,
            fpu: false,
            mpu_regions: 0,
            bit_band: false,
            initial_vtor: 0,
            systick_reference_hz: None,
            systick_calibration: 0,
        })
    }

    #[test]
    fn it_counts_down_and_wraps_every_reload_plus_one_cycles() {
        let mut timer = timer();
        timer.set_reload(9, 0);
        timer.clear_current(0);
        timer.set_control(ENABLE | TICKINT | CLKSOURCE, 100, 64_000_000);
        assert_eq!(timer.next_zero(), 110);
        assert_eq!([100, 101, 109].map(|cycle| timer.current(cycle)), [0, 9, 1]);
        assert!(timer.advance(110));
        assert_eq!([110, 111, 119].map(|cycle| timer.current(cycle)), [0, 9, 1]);
        assert_eq!(timer.control() & COUNTFLAG, COUNTFLAG);
        assert_eq!(timer.control() & COUNTFLAG, 0);
    }
}
