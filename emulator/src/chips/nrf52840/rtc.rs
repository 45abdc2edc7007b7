//! RTC (PS 6.20): a 24-bit counter of LFCLK / (PRESCALER + 1). It moves at edges of LFCLK only, so tasks and compare
//! values take effect with the next one.

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;

/// Ids of RTC0 to RTC2.
pub(super) const IDS: [u8; 3] = [11, 17, 36];
/// How many compare registers each has.
pub(super) const COMPARES: [usize; 3] = [3, 4, 4];

const TICK: u32 = 0;
const OVRFLW: u32 = 1;
const COMPARE0: u32 = 16;
const CC_MAX: usize = 4;
const MASK: u64 = 0xff_ffff;
/// Indices of scheduled events: compare registers first, then these.
const WAKE_TICK: usize = CC_MAX;
const WAKE_OVRFLW: usize = CC_MAX + 1;

/// One counter.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rtc {
    pub(super) events: Events,
    id: u8,
    compares: usize,
    evten: u32,
    prescaler: u64,
    running: bool,
    /// The count at LFCLK edge `since`, not reduced to 24 bits.
    base: u64,
    since: u64,
    cc: [u32; CC_MAX],
    /// First LFCLK edge at which a compare register can match: the second one after it was written.
    armed: [u64; CC_MAX],
    pending: [Option<EventId>; CC_MAX + 2],
}

impl Rtc {
    pub(super) fn new(id: u8, compares: usize) -> Self {
        let present = ((1 << compares) - 1) << COMPARE0 | 1 << TICK | 1 << OVRFLW;
        Self {
            events: Events::new(id, present),
            id,
            compares,
            evten: 0,
            prescaler: 0,
            running: false,
            base: 0,
            since: 0,
            cc: [0; CC_MAX],
            armed: [0; CC_MAX],
            pending: [None; CC_MAX + 2],
        }
    }

    /// LFCLK started or stopped: the count of its edges restarts.
    pub(super) fn lfclk_changed(&mut self, bus: &mut Bus<'_>) {
        self.since = 0;
        self.armed = [0; CC_MAX];
        self.schedule_all(bus);
    }

    fn edge(&self, bus: &Bus<'_>) -> u64 {
        bus.lines.lfclk.edges(bus.now()).unwrap_or(0)
    }

    /// The count, not reduced to 24 bits.
    fn count(&self, bus: &Bus<'_>) -> u64 {
        if !self.running {
            return self.base;
        }
        self.base + self.edge(bus).saturating_sub(self.since) / (self.prescaler + 1)
    }

    /// From the next LFCLK edge on, the counter continues from `count`.
    fn set_count(&mut self, bus: &mut Bus<'_>, count: u64) {
        self.base = count;
        self.since = self.edge(bus) + 1;
        self.schedule_all(bus);
    }

    fn schedule_all(&mut self, bus: &mut Bus<'_>) {
        for what in 0..self.pending.len() {
            self.schedule(bus, what);
        }
    }

    /// Schedules the edge at which `what` happens next, if it is used: the RTC generates events only if EVTEN or INTEN
    /// enables them (PS 6.20.5).
    fn schedule(&mut self, bus: &mut Bus<'_>, what: usize) {
        bus.cancel(&mut self.pending[what]);
        let event = event_of(what);
        let heard = (self.evten | self.events.inten()) >> event & 1 != 0;
        if !self.running || !heard {
            return;
        }
        let current = self.count(bus);
        let edge_of = |count: u64| self.since + (count - self.base) * (self.prescaler + 1);
        let edge = match what {
            WAKE_TICK => edge_of(current + 1),
            WAKE_OVRFLW => edge_of((current | MASK) + 1),
            _ => {
                let next = match u64::from(self.cc[what]).wrapping_sub(current) & MASK {
                    0 => current + MASK + 1,
                    ahead => current + ahead,
                };
                let missed = edge_of(next) < self.armed[what];
                edge_of(if missed { next + MASK + 1 } else { next })
            }
        };
        if let Some(at) = bus.lines.lfclk.edge_at(edge) {
            self.pending[what] = Some(bus.schedule(self.id, what as u16, at));
        }
    }

    fn compare(&self, offset: u32) -> Result<usize, AccessFault> {
        let index = (offset as usize - 0x540) / 4;
        if index < self.compares {
            Ok(index)
        } else {
            Err(AccessFault::Unmapped)
        }
    }
}

fn event_of(what: usize) -> u32 {
    match what {
        WAKE_TICK => TICK,
        WAKE_OVRFLW => OVRFLW,
        index => COMPARE0 + index as u32,
    }
}

impl Peripheral for Rtc {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn inten_changed(&mut self, bus: &mut Bus<'_>) {
        self.schedule_all(bus);
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            // START
            0x000 if !self.running => {
                self.running = true;
                self.set_count(bus, self.base);
            }
            0x000 => {}
            // STOP
            0x004 => {
                self.base = self.count(bus) & MASK;
                self.running = false;
                self.schedule_all(bus);
            }
            // CLEAR
            0x008 => self.set_count(bus, 0),
            // TRIGOVRFLW
            0x00c => self.set_count(bus, 0xff_fff0),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x340 | 0x344 | 0x348 => self.evten,
            0x504 => (self.count(bus) & MASK) as u32,
            0x508 => self.prescaler as u32,
            0x540..0x550 => self.cc[self.compare(offset)?],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x340 => self.evten = value,
            0x344 => self.evten |= value,
            0x348 => self.evten &= !value,
            0x504 => return Err(AccessFault::Denied),
            // Writable only while stopped (PS 6.20.2).
            0x508 if self.running => return Err(AccessFault::UnmodelledUse),
            0x508 => self.prescaler = u64::from(value & 0xfff),
            0x540..0x550 => {
                let index = self.compare(offset)?;
                self.cc[index] = value & 0xff_ffff;
                self.armed[index] = self.edge(bus) + 2;
                self.schedule(bus, index);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        if matches!(offset, 0x340..0x34c) {
            self.schedule_all(bus);
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        let what = usize::from(what);
        self.pending[what] = None;
        self.events.raise(bus, event_of(what));
        self.schedule(bus, what);
    }
}
