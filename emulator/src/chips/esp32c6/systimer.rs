//! System timer (ESP32-C6 Technical Reference Manual 1.1, chapter 14): two 52-bit counters of 16 MHz and three
//! comparators, each with an alarm at a value or with a period. The counters are never stopped.

use super::interrupts::Sources;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

const HZ: u64 = 16_000_000;
const COUNT: u64 = (1 << 52) - 1;
const UPDATE: u32 = 1 << 30;
const VALID: u32 = 1 << 29;
/// TARGETn_CONF.
const PERIOD: u32 = (1 << 26) - 1;
const PERIOD_MODE: u32 = 1 << 30;
const UNIT_SEL: u32 = 1 << 31;
/// CONF: both counters count.
const RESET_CONF: u32 = 1 << 30 | 1 << 29;
const FIRST_SOURCE: u32 = 57;
/// Ticks after which a far target is checked again: virtual time itself is shorter than the counters.
const LOOK_AGAIN: u64 = 100_000 * HZ;
/// A target no further behind than this has been reached (14.4.3).
const BEHIND: u64 = 1 << 51;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Systimer {
    first_token: Token,
    conf: u32,
    /// Counters less the ticks since power-on.
    offset: [u64; 2],
    latched: [u64; 2],
    load: [u64; 2],
    alarms: [Alarm; 3],
    int_raw: u32,
    int_ena: u32,
}

#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Alarm {
    /// TARGETn_HI and LO, and TARGETn_CONF, as written.
    target: u64,
    conf: u32,
    /// The comparator's next target, from COMPn_LOAD on; `None` once the alarm was raised.
    next: Option<u64>,
}

impl Systimer {
    /// Alarm `n` has the token `first_token` + n.
    pub(super) fn new(first_token: Token) -> Self {
        Self {
            first_token,
            conf: RESET_CONF,
            offset: [0; 2],
            latched: [0; 2],
            load: [0; 2],
            alarms: [Alarm::default(); 3],
            int_raw: 0,
            int_ena: 0,
        }
    }

    pub(super) fn reset(&mut self, fabric: &Fabric) {
        let zero = 0_u64.wrapping_sub(fabric.now().ticks(HZ));
        *self = Self {
            offset: [zero; 2],
            ..Self::new(self.first_token)
        };
    }

    pub(super) fn interrupts(&self) -> Sources {
        Sources::from(self.int_raw & self.int_ena) << FIRST_SOURCE
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        let unit = (offset >> 3 & 1) as usize;
        Ok(match offset {
            0x00 => self.conf,
            0x04 | 0x08 => VALID,
            0x0c | 0x14 => (self.load[(offset as usize - 0x0c) / 8] >> 32) as u32,
            0x10 | 0x18 => self.load[(offset as usize - 0x10) / 8] as u32,
            0x1c | 0x24 | 0x2c => (self.alarms[(offset as usize - 0x1c) / 8].target >> 32) as u32,
            0x20 | 0x28 | 0x30 => self.alarms[(offset as usize - 0x20) / 8].target as u32,
            0x34..=0x3c => self.alarms[(offset as usize - 0x34) / 4].conf,
            0x40 | 0x48 => (self.latched[unit] >> 32) as u32,
            0x44 | 0x4c => self.latched[unit] as u32,
            0x64 => self.int_ena,
            0x68 => self.int_raw,
            0x70 => self.int_raw & self.int_ena,
            // REAL_TARGETn: low, high.
            0x74..=0x88 => {
                let alarm = &self.alarms[(offset as usize - 0x74) / 8];
                let real = alarm.next.unwrap_or(alarm.target);
                (real >> (8 * (offset & 4 ^ 4))) as u32
            }
            // DATE.
            0xfc => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let high = |word: u64| word & 0xffff_ffff | u64::from(value & 0xf_ffff) << 32;
        let low = |word: u64| word & !0xffff_ffff | u64::from(value);
        match offset {
            0x00 => {
                self.conf = value;
                self.arm_all(fabric);
            }
            0x04 | 0x08 => {
                let unit = (offset >> 3) as usize;
                if value & UPDATE != 0 {
                    self.latched[unit] = self.count(fabric, unit);
                }
            }
            0x0c | 0x14 => {
                let load = &mut self.load[(offset as usize - 0x0c) / 8];
                *load = high(*load);
            }
            0x10 | 0x18 => {
                let load = &mut self.load[(offset as usize - 0x10) / 8];
                *load = low(*load);
            }
            0x1c | 0x24 | 0x2c => {
                let alarm = &mut self.alarms[(offset as usize - 0x1c) / 8];
                alarm.target = high(alarm.target);
            }
            0x20 | 0x28 | 0x30 => {
                let alarm = &mut self.alarms[(offset as usize - 0x20) / 8];
                alarm.target = low(alarm.target);
            }
            0x34..=0x3c => {
                let index = (offset as usize - 0x34) / 4;
                self.alarms[index].conf = value;
                self.arm(fabric, index);
            }
            0x50..=0x58 => self.load_alarm(fabric, (offset as usize - 0x50) / 4),
            0x5c | 0x60 => {
                let unit = (offset as usize - 0x5c) / 4;
                self.offset[unit] = self.load[unit].wrapping_sub(fabric.now().ticks(HZ));
                self.arm_all(fabric);
            }
            0x64 => self.int_ena = value & 7,
            0x6c => self.int_raw &= !value,
            // DATE.
            0xfc => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// The alarm of comparator `index` may be due.
    pub(super) fn due(&mut self, fabric: &mut Fabric, index: usize) {
        let Some(next) = self.alarms[index].next.filter(|_| self.works(index)) else {
            return;
        };
        let now = self.count(fabric, self.unit(index));
        if now.wrapping_sub(next) & COUNT < BEHIND {
            self.int_raw |= 1 << index;
            let conf = self.alarms[index].conf;
            let period = u64::from(conf & PERIOD);
            self.alarms[index].next = (conf & PERIOD_MODE != 0 && period != 0).then(|| {
                // Periods that passed while the core was stalled rang once.
                let missed = (now.wrapping_sub(next) & COUNT) / period;
                next.wrapping_add((missed + 1) * period) & COUNT
            });
        }
        self.arm(fabric, index);
    }

    /// COMPn_LOAD: the written target takes effect now.
    fn load_alarm(&mut self, fabric: &mut Fabric, index: usize) {
        let alarm = self.alarms[index];
        let next = match alarm.conf & PERIOD_MODE != 0 {
            true => self.count(fabric, self.unit(index)) + u64::from(alarm.conf & PERIOD),
            false => alarm.target,
        };
        self.alarms[index].next = Some(next & COUNT);
        self.arm(fabric, index);
    }

    fn arm_all(&self, fabric: &mut Fabric) {
        for index in 0..3 {
            self.arm(fabric, index);
        }
    }

    fn arm(&self, fabric: &mut Fabric, index: usize) {
        let token = self.first_token + index as Token;
        fabric.cancel_token(token);
        let Some(next) = self.alarms[index].next.filter(|_| self.works(index)) else {
            return;
        };
        let unit = self.unit(index);
        let ahead = next.wrapping_sub(self.count(fabric, unit)) & COUNT;
        let at = match ahead < BEHIND {
            // The tick at which the counter shows that value.
            true => VirtualTime::from_ticks(fabric.now().ticks(HZ) + ahead.min(LOOK_AGAIN), HZ),
            false => fabric.now(),
        };
        fabric.schedule(at, token);
    }

    fn works(&self, index: usize) -> bool {
        self.conf >> (24 - index) & 1 != 0
    }

    fn unit(&self, index: usize) -> usize {
        usize::from(self.alarms[index].conf & UNIT_SEL != 0)
    }

    fn count(&self, fabric: &Fabric, unit: usize) -> u64 {
        fabric.now().ticks(HZ).wrapping_add(self.offset[unit]) & COUNT
    }
}
