//! Timer group (ESP32-C6 Technical Reference Manual 1.1, chapters 13 and 15): one 54-bit timer with an alarm, a
//! watchdog, and the measurement of slow clocks.

use std::collections::BTreeMap;

use super::watchdog::{Action, Watchdog};
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

const COUNT: u64 = (1 << 54) - 1;
/// T0CONFIG.
const EN: u32 = 1 << 31;
const INCREASE: u32 = 1 << 30;
const AUTORELOAD: u32 = 1 << 29;
const ALARM_EN: u32 = 1 << 10;
const RESET_CONFIG: u32 = INCREASE | AUTORELOAD | 1 << 13;
/// INT_*.
pub(super) const T0: u32 = 1 << 0;
pub(super) const WDT: u32 = 1 << 1;
/// WDTCONFIG1 to 5 out of reset: prescaler 1, and the stages' ticks.
const RESET_WDT: [u32; 5] = [1 << 16, 26_000_000, 0x7ff_ffff, 0xf_ffff, 0xf_ffff];

/// Clocks that a timer group is given (PCR) or measures, in Hz.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Clocks {
    pub(super) timer_hz: u32,
    pub(super) watchdog_hz: u32,
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Timg {
    token: Token,
    clocks: Clocks,
    config: u32,
    alarm: u64,
    load: u64,
    latched: u64,
    /// The counter at an instant.
    count: u64,
    counted: VirtualTime,
    int_raw: u32,
    int_ena: u32,
    wdt_config0: u32,
    wdt_config: [u32; 5],
    watchdog: Watchdog,
    held: BTreeMap<u32, u32>,
}

impl Timg {
    /// The alarm has `token`, the watchdog the next one.
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            clocks: Clocks {
                timer_hz: 40_000_000,
                watchdog_hz: 40_000_000,
            },
            config: RESET_CONFIG,
            alarm: 0,
            load: 0,
            latched: 0,
            count: 0,
            counted: VirtualTime::ZERO,
            int_raw: 0,
            int_ena: 0,
            wdt_config0: 0,
            wdt_config: RESET_WDT,
            watchdog: Watchdog::new(token + 1),
            held: BTreeMap::new(),
        }
    }

    pub(super) fn set_clocks(&mut self, fabric: &mut Fabric, clocks: Clocks) {
        self.catch_up(fabric);
        self.clocks = clocks;
        self.arm(fabric);
        self.configure_watchdog(fabric);
    }

    /// Requested interrupts, as bits of INT_ST.
    pub(super) fn interrupts(&self) -> u32 {
        self.int_raw & self.int_ena
    }

    /// `slow_hz`: the frequencies of the clocks that RTCCALICFG can choose.
    pub(super) fn read(&self, offset: u32, xtal_hz: u32, slow_hz: [u32; 3]) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.config,
            0x04 => self.latched as u32,
            0x08 => (self.latched >> 32) as u32,
            0x0c | 0x20 | 0x60 | 0x7c => 0,
            0x10 => self.alarm as u32,
            0x14 => (self.alarm >> 32) as u32,
            0x18 => self.load as u32,
            0x1c => (self.load >> 32) as u32,
            0x48 => self.wdt_config0,
            0x4c..=0x5c => self.wdt_config[(offset as usize - 0x4c) / 4],
            0x64 => match self.watchdog.is_locked() {
                true => 0,
                false => super::watchdog::KEY,
            },
            // RTCCALICFG: a measurement completes as soon as it starts.
            0x68 => self.held(0x68) | 1 << 15,
            0x6c => {
                let asked = self.held(0x68);
                let hz = slow_hz[(asked >> 13 & 3).min(2) as usize];
                let counted = u64::from(asked >> 16 & 0x7fff) * u64::from(xtal_hz) / u64::from(hz.max(1));
                (counted as u32) << 7 | 1
            }
            0x70 => self.int_ena,
            0x74 => self.int_raw,
            0x78 => self.interrupts(),
            0x80 | 0xf8 | 0xfc => self.held(offset),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let high = |word: u64| word & 0xffff_ffff | u64::from(value & 0x3f_ffff) << 32;
        let low = |word: u64| word & !0xffff_ffff | u64::from(value);
        match offset {
            0x00 => {
                self.catch_up(fabric);
                self.config = value;
                self.arm(fabric);
            }
            0x0c => {
                self.catch_up(fabric);
                self.latched = self.count;
            }
            0x10 => self.alarm = low(self.alarm),
            0x14 => self.alarm = high(self.alarm),
            0x18 => self.load = low(self.load),
            0x1c => self.load = high(self.load),
            0x20 => {
                (self.count, self.counted) = (self.load, fabric.now());
                self.arm(fabric);
            }
            0x48..=0x60 if self.watchdog.is_locked() => {}
            0x48 => {
                self.wdt_config0 = value;
                self.configure_watchdog(fabric);
            }
            0x4c..=0x5c => {
                self.wdt_config[(offset as usize - 0x4c) / 4] = value;
                self.configure_watchdog(fabric);
            }
            0x60 => self.watchdog.feed(fabric),
            0x64 => self.watchdog.unlock(value),
            0x70 => self.int_ena = value & (T0 | WDT),
            0x7c => self.int_raw &= !value,
            0x68 | 0x80 | 0xf8 | 0xfc => {
                self.held.insert(offset, value);
            }
            0x04 | 0x08 | 0x6c | 0x74 | 0x78 => {}
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// The alarm may be due.
    pub(super) fn alarm_due(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric);
        if self.config & (EN | ALARM_EN) != EN | ALARM_EN || self.ahead() != 0 {
            return self.arm(fabric);
        }
        self.int_raw |= T0;
        // The alarm is off after it rang (13.2.4).
        self.config &= !ALARM_EN;
        if self.config & AUTORELOAD != 0 {
            self.count = self.load;
        }
    }

    /// A stage of the watchdog is over.
    pub(super) fn watchdog_due(&mut self, fabric: &mut Fabric) -> Action {
        let action = self.watchdog.due(fabric);
        if action == Action::Interrupt {
            self.int_raw |= WDT;
        }
        action
    }

    fn held(&self, offset: u32) -> u32 {
        self.held.get(&offset).copied().unwrap_or(0)
    }

    fn hz(&self) -> u64 {
        let divider = match self.config >> 13 & 0xffff {
            0 => 65_536,
            1 => 2,
            divider => divider,
        };
        u64::from((self.clocks.timer_hz / divider).max(1))
    }

    /// Brings the counter up to now.
    fn catch_up(&mut self, fabric: &Fabric) {
        let (now, hz) = (fabric.now().ticks(self.hz()), self.hz());
        if self.config & EN != 0 {
            let passed = now - self.counted.ticks(hz);
            self.count = match self.config & INCREASE != 0 {
                true => self.count.wrapping_add(passed),
                false => self.count.wrapping_sub(passed),
            } & COUNT;
        }
        self.counted = fabric.now();
    }

    /// Ticks until the alarm; 0 if the counter is at or past it.
    fn ahead(&self) -> u64 {
        match self.config & INCREASE != 0 {
            true => self.alarm.saturating_sub(self.count),
            false => self.count.saturating_sub(self.alarm),
        }
    }

    fn arm(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if self.config & (EN | ALARM_EN) == EN | ALARM_EN {
            // A far alarm is checked again: virtual time itself is shorter than the counter.
            let ahead = self.ahead().min(100_000 * self.hz());
            let at = VirtualTime::from_ticks(self.counted.ticks(self.hz()) + ahead, self.hz());
            fabric.schedule(at, self.token);
        }
    }

    fn configure_watchdog(&mut self, fabric: &mut Fabric) {
        let config = self.wdt_config0;
        // WDT_STG0 to 3, WDT_EN.
        let actions = [29, 27, 25, 23].map(|at| Action::of(config >> at & 3));
        let ticks = [1, 2, 3, 4].map(|index| u64::from(self.wdt_config[index]));
        let hz = self.clocks.watchdog_hz / (self.wdt_config[0] >> 16).max(1);
        self.watchdog
            .configure(fabric, config >> 31 != 0, actions, ticks, u64::from(hz));
    }
}
