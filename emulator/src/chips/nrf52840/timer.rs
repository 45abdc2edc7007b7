//! TIMER (PS 6.30): counts 16 MHz divided by 2^PRESCALER, or COUNT tasks; compares and captures.

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

/// Ids of TIMER0 to TIMER4.
pub(super) const IDS: [u8; 5] = [8, 9, 10, 26, 27];
/// How many compare registers each has.
pub(super) const COMPARES: [usize; 5] = [4, 4, 4, 6, 6];

const CC_MAX: usize = 6;
/// Bit and index of COMPARE[0] among events.
const COMPARE0: u32 = 16;
/// One period of 16 MHz.
const TICK_PS: u64 = 62_500;

/// One timer.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Timer {
    pub(super) events: Events,
    id: u8,
    compares: usize,
    counter_mode: bool,
    bitmode: u32,
    prescaler: u32,
    shorts: u32,
    cc: [u32; CC_MAX],
    running: bool,
    /// The count at `since`; while stopped or counting tasks, the count.
    base: u32,
    since: VirtualTime,
    due: [Option<Due>; CC_MAX],
}

/// When a compare register is reached next.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Due {
    at: VirtualTime,
    event: EventId,
}

impl Timer {
    pub(super) fn new(id: u8, compares: usize) -> Self {
        Self {
            events: Events::new(id, ((1 << compares) - 1) << COMPARE0),
            id,
            compares,
            counter_mode: false,
            bitmode: 0,
            prescaler: 4,
            shorts: 0,
            cc: [0; CC_MAX],
            running: false,
            base: 0,
            since: VirtualTime::ZERO,
            due: [None; CC_MAX],
        }
    }

    fn mask(&self) -> u32 {
        match self.bitmode {
            0 => 0xffff,
            1 => 0xff,
            2 => 0xff_ffff,
            _ => u32::MAX,
        }
    }

    fn period_ps(&self) -> u64 {
        TICK_PS << self.prescaler
    }

    fn ticks_since(&self, now: VirtualTime) -> u64 {
        now.saturating_sub(self.since).as_ps() / self.period_ps()
    }

    fn count(&self, now: VirtualTime) -> u32 {
        let ticks = if self.running && !self.counter_mode {
            self.ticks_since(now)
        } else {
            0
        };
        self.base.wrapping_add(ticks as u32) & self.mask()
    }

    /// Makes `count` the count at `since`, and continues from there.
    fn set_count(&mut self, bus: &mut Bus<'_>, count: u32, since: VirtualTime) {
        self.base = count;
        self.since = since;
        self.schedule_all(bus);
    }

    fn schedule_all(&mut self, bus: &mut Bus<'_>) {
        for index in 0..self.compares {
            self.schedule(bus, index);
        }
    }

    /// Finds out when compare register `index` is reached next.
    fn schedule(&mut self, bus: &mut Bus<'_>, index: usize) {
        if let Some(due) = self.due[index].take() {
            bus.fabric.cancel(due.event);
        }
        if !self.running || self.counter_mode {
            return;
        }
        let passed = self.ticks_since(bus.now());
        let mask = self.mask();
        let count = self.base.wrapping_add(passed as u32);
        let ahead = match self.cc[index].wrapping_sub(count) & mask {
            0 => u64::from(mask) + 1,
            ahead => u64::from(ahead),
        };
        let at = self.since + VirtualTime::from_ps((passed + ahead) * self.period_ps());
        let event = bus.schedule(self.id, index as u16, at);
        self.due[index] = Some(Due { at, event });
    }

    /// The counter reached compare register `index`, at the exact instant `at`.
    fn compared(&mut self, bus: &mut Bus<'_>, index: usize, at: VirtualTime) {
        self.events.raise(bus, COMPARE0 + index as u32);
        if self.shorts >> (8 + index) & 1 != 0 {
            self.stop(bus);
        }
        if self.shorts >> index & 1 != 0 {
            self.set_count(bus, 0, at);
        } else {
            self.schedule(bus, index);
        }
    }

    fn stop(&mut self, bus: &mut Bus<'_>) {
        self.base = self.count(bus.now());
        self.running = false;
        self.schedule_all(bus);
    }

    fn compare(&self, offset: u32, base: u32) -> Result<usize, AccessFault> {
        let index = (offset as usize - base as usize) / 4;
        if index < self.compares {
            Ok(index)
        } else {
            Err(AccessFault::Unmapped)
        }
    }

    /// Changes mode, width or prescaler. While the timer runs, PS 6.30 leaves the outcome open; here it counts on from
    /// its count.
    fn configure(&mut self, bus: &mut Bus<'_>, change: impl FnOnce(&mut Self)) {
        let now = bus.now();
        let count = self.count(now);
        change(self);
        if self.running {
            self.set_count(bus, count, now);
        }
    }
}

impl Peripheral for Timer {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            // START
            0x000 if !self.running => {
                self.running = true;
                let now = bus.now();
                self.set_count(bus, self.base, now);
            }
            0x000 => {}
            // STOP
            0x004 => self.stop(bus),
            // COUNT
            0x008 if self.counter_mode && self.running => {
                self.base = self.base.wrapping_add(1) & self.mask();
                let now = bus.now();
                for index in 0..self.compares {
                    if self.base == self.cc[index] & self.mask() {
                        self.compared(bus, index, now);
                    }
                }
            }
            0x008 => {}
            // CLEAR
            0x00c => {
                let now = bus.now();
                self.set_count(bus, 0, now);
            }
            // SHUTDOWN
            0x010 => {
                self.stop(bus);
                self.base = 0;
            }
            // CAPTURE[n]
            0x040..0x058 => {
                let index = self.compare(offset, 0x040)?;
                self.cc[index] = self.count(bus.now());
                self.schedule(bus, index);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x200 => self.shorts,
            0x504 => u32::from(self.counter_mode),
            0x508 => self.bitmode,
            0x510 => self.prescaler,
            0x540..0x558 => self.cc[self.compare(offset, 0x540)?],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x200 => {
                let present = (1 << self.compares) - 1;
                self.shorts = value & (present | present << 8);
            }
            // 1 Counter, 2 LowPowerCounter
            0x504 => self.configure(bus, |timer| timer.counter_mode = value & 3 != 0),
            0x508 => self.configure(bus, |timer| timer.bitmode = value & 3),
            0x510 => self.configure(bus, |timer| timer.prescaler = (value & 0xf).min(9)),
            0x540..0x558 => {
                let index = self.compare(offset, 0x540)?;
                self.cc[index] = value;
                self.schedule(bus, index);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        let index = usize::from(what);
        if let Some(due) = self.due[index].take() {
            self.compared(bus, index, due.at);
        }
    }
}
