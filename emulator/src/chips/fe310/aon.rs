//! AON: watchdog, real-time clock, backup registers (FE310-G002 manual, chapters 13 "Always-On", 14 "Watchdog Timer"
//! and 16 "Real-Time Clock"), all on the 32,768 Hz low-frequency clock; the power-management unit is in `pmu`.

use super::pmu::Pmu;
use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric, Request, ResetKind};
use crate::machine::VirtualTime;

/// The low-frequency clock: the board's crystal.
pub(super) const LFCLK_HZ: u64 = 32_768;

const UNLOCK: u32 = 0x51_f15e;
const FOOD: u32 = 0x0d09_f00d;
const ENALWAYS: u32 = 1 << 12;
const ENCOREAWAKE: u32 = 1 << 13;
const IP0: u32 = 1 << 28;
const WDOGRSTEN: u32 = 1 << 8;
const WDOGZEROCMP: u32 = 1 << 9;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Aon {
    wdog: Counter,
    rtc: Counter,
    /// The watchdog's registers accept one write.
    unlocked: bool,
    lfrosccfg: u32,
    lfclkmux: u32,
    backup: [u32; 16],
    pmu: Pmu,
}

/// A counter that is compared, after a shift, with one value.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Counter {
    token: Token,
    cfg: u32,
    cmp: u32,
    /// Bits of the counter, and of the compared value.
    count_mask: u64,
    compared_mask: u64,
    /// The count at `since`, the time at which it started, if it runs.
    count: u64,
    since: VirtualTime,
    event: Option<EventId>,
}

impl Counter {
    fn new(token: Token, count_bits: u32, compared_bits: u32) -> Self {
        Self {
            token,
            cfg: 0,
            cmp: compared_bits_all(compared_bits) as u32,
            count_mask: compared_bits_all(count_bits),
            compared_mask: compared_bits_all(compared_bits),
            count: 0,
            since: VirtualTime::ZERO,
            event: None,
        }
    }

    fn runs(&self) -> bool {
        self.cfg & (ENALWAYS | ENCOREAWAKE) != 0
    }

    fn count(&self, now: VirtualTime) -> u64 {
        let ticks = match self.runs() {
            true => now.ticks(LFCLK_HZ) - self.since.ticks(LFCLK_HZ),
            false => 0,
        };
        (self.count + ticks) & self.count_mask
    }

    fn scaled(&self, now: VirtualTime) -> u32 {
        (self.count(now) >> (self.cfg & 15) & self.compared_mask) as u32
    }

    fn set_count(&mut self, fabric: &mut Fabric, count: u64) {
        self.count = count & self.count_mask;
        self.since = fabric.now();
        self.reschedule(fabric);
    }

    fn set_cfg(&mut self, fabric: &mut Fabric, cfg: u32) {
        let count = self.count(fabric.now());
        self.cfg = cfg;
        self.set_count(fabric, count);
    }

    fn is_reached(&self, now: VirtualTime) -> bool {
        self.scaled(now) >= self.cmp
    }

    /// Schedules the token for the next time at which the comparison holds.
    fn reschedule(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        let now = fabric.now();
        if self.runs() && !self.is_reached(now) {
            let wanted = u64::from(self.cmp) << (self.cfg & 15);
            let window = self.compared_mask << (self.cfg & 15) | ((1 << (self.cfg & 15)) - 1);
            let ticks = wanted - (self.count(now) & window) + now.ticks(LFCLK_HZ);
            self.event = Some(fabric.schedule(VirtualTime::from_ticks(ticks, LFCLK_HZ), self.token));
        }
    }
}

fn compared_bits_all(bits: u32) -> u64 {
    (1 << bits) - 1
}

impl Aon {
    pub(super) fn new(wdog_token: Token, rtc_token: Token) -> Self {
        Self {
            wdog: Counter::new(wdog_token, 31, 16),
            rtc: Counter::new(rtc_token, 48, 32),
            unlocked: false,
            lfrosccfg: 1 << 30 | 16 << 16 | 4,
            lfclkmux: 0,
            backup: [0; 16],
            pmu: Pmu::new(ResetKind::PowerOn),
        }
    }

    /// Any reset of the chip resets AON; backup registers keep their content except at power-on (13.3).
    pub(super) fn reset(&mut self, kind: ResetKind) {
        let backup = self.backup;
        *self = Self::new(self.wdog.token, self.rtc.token);
        self.pmu = Pmu::new(kind);
        if kind != ResetKind::PowerOn {
            self.backup = backup;
        }
    }

    pub(super) fn read(&self, fabric: &Fabric, offset: u32) -> Result<u32, AccessFault> {
        let now = fabric.now();
        let rtc_ip = if self.rtc.is_reached(now) { IP0 } else { 0 };
        Ok(match offset {
            0x00 => self.wdog.cfg,
            0x08 => self.wdog.count(now) as u32,
            0x10 => self.wdog.scaled(now),
            0x18 => 0,
            0x1c => u32::from(self.unlocked),
            0x20 => self.wdog.cmp,
            0x40 => self.rtc.cfg | rtc_ip,
            0x48 => self.rtc.count(now) as u32,
            0x4c => (self.rtc.count(now) >> 32) as u32,
            0x50 => self.rtc.scaled(now),
            0x60 => self.rtc.cmp,
            0x70 => self.lfrosccfg | (self.lfrosccfg & 1 << 30) << 1,
            0x7c => self.lfclkmux,
            0x80..=0xbc => self.backup[(offset - 0x80) as usize / 4],
            0x100..=0x14c => self.pmu.read(offset)?,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x1c => self.unlocked = value == UNLOCK,
            0x00..=0x20 => {
                // A write without the key before it is ignored (14.7), and any write removes the key again.
                if std::mem::take(&mut self.unlocked) {
                    self.write_watchdog(fabric, offset, value)?;
                }
            }
            0x40 => self.rtc.set_cfg(fabric, value & (ENALWAYS | 15)),
            0x48 => {
                let count = self.rtc.count(fabric.now());
                self.rtc.set_count(fabric, count & !0xffff_ffff | u64::from(value));
            }
            0x4c => {
                let count = self.rtc.count(fabric.now());
                self.rtc.set_count(fabric, count & 0xffff_ffff | u64::from(value) << 32);
            }
            0x50 => {}
            0x60 => {
                self.rtc.cmp = value;
                self.rtc.reschedule(fabric);
            }
            0x70 => self.lfrosccfg = value & (1 << 30 | 0x1f << 16 | 0x3f),
            0x7c => self.lfclkmux = value & 1,
            0x80..=0xbc => self.backup[(offset - 0x80) as usize / 4] = value,
            0x100..=0x14c => self.pmu.write(offset, value)?,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn write_watchdog(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => {
                let kept = WDOGRSTEN | WDOGZEROCMP | ENALWAYS | ENCOREAWAKE | IP0 | 15;
                self.wdog.set_cfg(fabric, value & kept);
            }
            0x08 => self.wdog.set_count(fabric, u64::from(value)),
            0x10 => {}
            0x18 if value == FOOD => self.wdog.set_count(fabric, 0),
            0x18 => {}
            0x20 => {
                self.wdog.cmp = value & 0xffff;
                self.wdog.reschedule(fabric);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        self.watch(fabric);
        Ok(())
    }

    /// The watchdog's event is due.
    pub(super) fn wake_watchdog(&mut self, fabric: &mut Fabric) {
        self.wdog.event = None;
        self.watch(fabric);
    }

    /// The watchdog bites when the comparison holds: it resets, or sets its interrupt bit until software clears it.
    fn watch(&mut self, fabric: &mut Fabric) {
        if !self.wdog.runs() || !self.wdog.is_reached(fabric.now()) {
            return;
        }
        self.wdog.cfg |= IP0;
        if self.wdog.cfg & WDOGRSTEN != 0 {
            fabric.request(Request::Reset(ResetKind::Watchdog));
        }
        if self.wdog.cfg & WDOGZEROCMP != 0 {
            self.wdog.set_count(fabric, 0);
        }
    }

    /// The clock's event is due.
    pub(super) fn wake_clock(&mut self, fabric: &mut Fabric) {
        self.rtc.event = None;
        self.rtc.reschedule(fabric);
    }

    pub(super) fn watchdog_interrupt(&self) -> bool {
        self.wdog.cfg & IP0 != 0
    }

    pub(super) fn clock_interrupt(&self, now: VirtualTime) -> bool {
        self.rtc.runs() && self.rtc.is_reached(now)
    }
}
