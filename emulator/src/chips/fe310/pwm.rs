//! PWM0 to 2 (FE310-G002 manual, chapter 20): a counter with four comparators, their interrupts, and their outputs on the pins.
//!
//! It counts the core's clock. A comparator is as in the manual's circuit, without the cycle by which its flip-flop is late:
//! `pwmcmpXip` is set while pwms is at least pwmcmpX, and stays set with `pwmsticky`, or with `pwmdeglitch` until the counter is
//! reset. With `pwmzerocmp` the counter is zero in the cycle behind the first in which pwms is pwmcmp0. Modelled completely.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

pub(super) const COUNT: usize = 3;
const COMPARATORS: usize = 4;
/// The first pin of each, in GPIO's numbering (table 53); all are IOF 1.
pub(super) const PINS: [[u16; COMPARATORS]; COUNT] = [[0, 1, 2, 3], [20, 19, 21, 22], [10, 11, 12, 13]];

/// pwmcfg.
const STICKY: u32 = 1 << 8;
const ZEROCMP: u32 = 1 << 9;
const DEGLITCH: u32 = 1 << 10;
const ENALWAYS: u32 = 1 << 12;
const ENONESHOT: u32 = 1 << 13;
const CENTER: u32 = 16;
const GANG: u32 = 24;
const IP: u32 = 28;
const WRITABLE: u32 = 0xff0f_370f;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Pwm {
    token: Token,
    /// Bits of a comparator.
    width: u32,
    cfg: u32,
    cmp: [u32; COMPARATORS],
    /// pwmcount is `count`, `seen` cycles of a clock of `hz` behind `anchor`.
    count: u64,
    anchor: VirtualTime,
    seen: u64,
    hz: u32,
}

impl Pwm {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            token,
            width: if index == 0 { 8 } else { 16 },
            cfg: 0,
            cmp: [0; COMPARATORS],
            count: 0,
            anchor: VirtualTime::ZERO,
            seen: 0,
            hz: 0,
        }
    }

    fn counts(&self) -> bool {
        self.cfg & (ENALWAYS | ENONESHOT) != 0
    }

    fn scale(&self) -> u32 {
        self.cfg & 15
    }

    fn limit(&self) -> u32 {
        (1 << self.width) - 1
    }

    /// The count at which the counter is zero again: behind pwmcmp0, or behind the last one.
    fn period(&self) -> u64 {
        match self.cfg & ZEROCMP {
            0 => 1 << (self.width + self.scale()),
            _ => (u64::from(self.cmp[0]) << self.scale()) + 1,
        }
    }

    /// pwms at a count.
    fn scaled(&self, count: u64) -> u32 {
        (count >> self.scale()) as u32 & self.limit()
    }

    /// The comparators at a count.
    fn elapsed(&self, count: u64) -> u32 {
        let pwms = self.scaled(count);
        (0..COMPARATORS).fold(0, |bits, index| {
            let is_mirrored = self.cfg >> (CENTER + index as u32) & 1 != 0 && pwms >> (self.width - 1) != 0;
            let value = if is_mirrored { !pwms & self.limit() } else { pwms };
            bits | u32::from(value >= self.cmp[index]) << index
        })
    }

    /// Takes over the comparators at a count.
    fn latch(&mut self, count: u64) {
        let is_reset = count == 0;
        let keeps = self.cfg & STICKY != 0 || self.cfg & DEGLITCH != 0 && !is_reset;
        let kept = if keeps { self.cfg >> IP } else { 0 };
        self.cfg = self.cfg & !(15 << IP) | (self.elapsed(count) | kept) << IP;
    }

    /// The next count above `count` at which a comparator or the counter may change: `period` at most.
    fn next(&self, count: u64) -> u64 {
        let mut next = self.period().max(count + 1);
        let mut try_at = |pwms: u32| {
            let at = u64::from(pwms) << self.scale();
            if at > count {
                next = next.min(at);
            }
        };
        for (index, cmp) in self.cmp.iter().enumerate() {
            try_at(*cmp);
            if self.cfg >> (CENTER + index as u32) & 1 != 0 {
                try_at(1 << (self.width - 1));
                try_at(self.limit() - cmp + 1);
            }
        }
        next
    }

    /// Counts from now on.
    fn anchor(&mut self, now: VirtualTime) {
        (self.anchor, self.seen) = (now, 0);
    }

    /// Goes through what happened up to now.
    fn catch_up(&mut self, now: VirtualTime) {
        if !self.counts() {
            return self.anchor(now);
        }
        if self.period() == 1 {
            // It stands at zero.
            self.count = 0;
            self.anchor(now);
            return self.latch(0);
        }
        let until = now.saturating_sub(self.anchor).ticks(self.hz.max(1).into());
        loop {
            let next = self.next(self.count);
            let ahead = next - self.count;
            if self.seen + ahead > until {
                self.count += until - self.seen;
                self.seen = until;
                return;
            }
            self.seen += ahead;
            self.count = if next >= self.period() { 0 } else { next };
            self.latch(self.count);
            if self.count == 0 && self.cfg & ENONESHOT != 0 {
                self.cfg &= !ENONESHOT;
                if !self.counts() {
                    return self.anchor(now);
                }
            }
        }
    }

    fn plan(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if self.counts() && self.period() > 1 {
            let cycles = self.seen + self.next(self.count) - self.count;
            let at = self.anchor + VirtualTime::from_ticks(cycles, self.hz.max(1).into());
            fabric.schedule(at, self.token);
        }
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric.now());
        self.plan(fabric);
    }

    /// The core's clock may be another.
    pub(super) fn set_clock(&mut self, fabric: &mut Fabric) {
        if self.hz != fabric.cpu_hz() {
            self.catch_up(fabric.now());
            self.anchor(fabric.now());
            self.hz = fabric.cpu_hz();
            self.plan(fabric);
        }
    }

    /// The comparators' interrupts.
    pub(super) fn interrupts(&self) -> u32 {
        self.cfg >> IP
    }

    /// The levels of the outputs: an output that is ganged is low while the next comparator is true.
    pub(super) fn outputs(&self) -> u32 {
        let (ip, gang) = (self.cfg >> IP, self.cfg >> GANG & 15);
        let next = ip >> 1 | (ip & 1) << 3;
        ip & !(gang & next)
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32) -> Result<u32, AccessFault> {
        self.set_clock(fabric);
        self.catch_up(fabric.now());
        self.plan(fabric);
        Ok(match offset {
            0x00 => self.cfg,
            0x08 => self.count as u32,
            0x10 => self.scaled(self.count),
            0x20..0x30 if offset.is_multiple_of(4) => self.cmp[(offset as usize - 0x20) / 4],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        self.set_clock(fabric);
        self.catch_up(fabric.now());
        match offset {
            0x00 => self.cfg = value & WRITABLE,
            0x08 => self.count = u64::from(value) & ((1 << (self.width + 15)) - 1),
            0x10 => {}
            0x20..0x30 if offset.is_multiple_of(4) => self.cmp[(offset as usize - 0x20) / 4] = value & self.limit(),
            _ => return Err(AccessFault::Unmapped),
        }
        self.count %= self.period();
        if offset != 0x10 {
            self.latch(self.count);
        }
        self.plan(fabric);
        Ok(())
    }
}
