//! RTC (manual chapter 24): calendar, alarm, periodic and carry events, on LOCO. Registers outlast every reset but power-on, and
//! the clock goes on through them.
//!
//! RFRL makes 128 Hz of LOCO, which R64CNT counts. A START, a RESET and an adjustment are done at once. RESET clears the prescaler,
//! the alarm, RADJ and the captures. Where the manual says that a counter must not be written while it counts, the store
//! is refused. Years are those of 2000 to 2099. Not modelled: the sub-clock (boards have no crystal for it), binary count mode,
//! 12 hours, captures, RTCOUT, correction of errors.

use std::collections::BTreeMap;

use super::super::calendar::{Calendar, from_bcd, to_bcd};
use super::system::LOCO_HZ;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric, ResetKind};
use crate::machine::VirtualTime;

/// Event numbers.
const ALARM: u8 = 0x26;
const PERIOD: u8 = 0x27;
const CARRY: u8 = 0x28;

/// RYRCNT, RYRAR, RFRH, RFRL.
const HALVES: [u32; 4] = [0x0e, 0x1c, 0x2a, 0x2c];
/// RSECCNT to RYRCNT; RSECAR to RYRAR stand 0xe behind them, RYRAREN behind those.
const RSECCNT: u32 = 0x02;
const RYRCNT: u32 = 0x0e;
const RSECAR: u32 = 0x10;
const RYRAREN: u32 = 0x1e;
const RCR1: u32 = 0x22;
const RCR2: u32 = 0x24;
const RCR4: u32 = 0x28;
const RFRL: u32 = 0x2c;
const RADJ: u32 = 0x2e;
const RTCCR: u32 = 0x40;
/// R64CNT and the captured times are read-only.
const CAPTURED: u32 = 0x50;

/// RCR1.
const AIE: u16 = 1 << 0;
const CIE: u16 = 1 << 1;
const PIE: u16 = 1 << 2;
/// RCR2.
const START: u16 = 1 << 0;
const RESET: u16 = 1 << 1;
const ADJ30: u16 = 1 << 2;
const RTCOE: u16 = 1 << 3;
const HR24: u16 = 1 << 6;
const CNTMD: u16 = 1 << 7;
/// RCR4.RCKSEL: LOCO.
const RCKSEL: u16 = 1 << 0;
/// ENB of an alarm register.
const ENB: u16 = 1 << 7;

/// Steps of R64CNT in a second.
const STEPS: u64 = 128;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rtc {
    token: Token,
    registers: BTreeMap<u32, u16>,
    /// It counts since `anchor`, at which R64CNT was `base`; what was `seen` steps later is in the counters.
    anchor: VirtualTime,
    base: u64,
    seen: u64,
    /// Events that were not carried to the ICU yet.
    pub(super) events: Vec<u8>,
}

impl Rtc {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            registers: BTreeMap::new(),
            anchor: VirtualTime::ZERO,
            base: 0,
            seen: 0,
            events: Vec::new(),
        }
    }

    /// A reset of the chip, which has cancelled all that was scheduled.
    pub(super) fn reset(&mut self, fabric: &mut Fabric, kind: ResetKind) {
        if kind == ResetKind::PowerOn {
            *self = Self::new(self.token);
        }
        self.plan(fabric);
    }

    fn register(&self, offset: u32) -> u16 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    fn counts(&self) -> bool {
        self.register(RCR2) & START != 0
    }

    /// When it is `steps` steps behind the anchor.
    fn time(&self, steps: u64) -> VirtualTime {
        let cycles = steps * (u64::from(self.register(RFRL)) + 1);
        self.anchor
            .saturating_add(VirtualTime::from_ticks(cycles, LOCO_HZ.into()))
    }

    fn steps(&self, now: VirtualTime) -> u64 {
        if !self.counts() {
            return 0;
        }
        now.saturating_sub(self.anchor).ticks(LOCO_HZ.into()) / (u64::from(self.register(RFRL)) + 1)
    }

    /// Steps between periodic events (RCR1.PES).
    fn period(&self) -> Option<u64> {
        let pes = self.register(RCR1) >> 4 & 15;
        (7..16).contains(&pes).then(|| 1 << (pes - 7))
    }

    /// Takes what happened up to now.
    fn catch_up(&mut self, now: VirtualTime) {
        let until = self.steps(now);
        let control = self.register(RCR1);
        if let Some(period) = self.period().filter(|_| control & PIE != 0)
            && (self.base + until) / period > (self.base + self.seen) / period
        {
            self.events.push(PERIOD);
        }
        let passed = (self.base + until) / STEPS - (self.base + self.seen) / STEPS;
        for _ in 0..passed {
            self.step();
            if control & CIE != 0 {
                self.events.push(CARRY);
            }
            if control & AIE != 0 && self.is_alarm() {
                self.events.push(ALARM);
            }
        }
        self.seen = until;
    }

    /// A second passes.
    fn step(&mut self) {
        let at = |index: u32| RSECCNT + 2 * index;
        let field = |index| from_bcd(self.register(at(index)).into());
        let next = Calendar {
            second: field(0),
            minute: field(1),
            hour: field(2),
            weekday: field(3),
            day: field(4),
            month: field(5),
            year: field(6),
        }
        .next(0);
        let fields = [
            next.second,
            next.minute,
            next.hour,
            next.weekday,
            next.day,
            next.month,
            next.year,
        ];
        for (index, field) in fields.into_iter().enumerate() {
            self.registers.insert(at(index as u32), to_bcd(field) as u16);
        }
    }

    /// Whether the counters have the values of all alarm registers that are enabled.
    fn is_alarm(&self) -> bool {
        let mut enabled = false;
        let mut equal = true;
        for index in 0..7 {
            let (counter, alarm) = (RSECCNT + 2 * index, RSECAR + 2 * index);
            let alarm = self.register(alarm);
            let (enable, value) = match counter {
                RYRCNT => (self.register(RYRAREN) & ENB, alarm & 0xff),
                _ => (alarm & ENB, alarm & 0x7f),
            };
            if enable != 0 {
                enabled = true;
                equal &= value == self.register(counter);
            }
        }
        enabled && equal
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric.now());
        self.plan(fabric);
    }

    /// Schedules the next event that somebody asked for.
    fn plan(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if !self.counts() {
            return;
        }
        let control = self.register(RCR1);
        let period = self.period().filter(|_| control & PIE != 0);
        let second = (control & (AIE | CIE) != 0).then_some(STEPS);
        let position = self.base + self.seen;
        let next = period
            .into_iter()
            .chain(second)
            .map(|every| every - position % every)
            .min();
        if let Some(ahead) = next {
            fabric.schedule(self.time(self.seen + ahead), self.token);
        }
    }

    pub(super) fn read(&mut self, now: VirtualTime, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        check(offset, size)?;
        self.catch_up(now);
        Ok(match offset {
            0x00 => ((self.base + self.seen) % STEPS) as u32,
            _ => self.register(offset).into(),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        check(offset, size)?;
        self.catch_up(fabric.now());
        let value = value as u16;
        match offset {
            RCR1 if value & PIE != 0 && !(7..16).contains(&(value >> 4 & 15)) => {
                return Err(AccessFault::UnmodelledUse);
            }
            RCR2 => self.control(fabric.now(), value)?,
            0x00 | CAPTURED.. => {}
            // The counters and their clock.
            RSECCNT..=RYRCNT | RCR4..=RFRL if self.counts() => return Err(AccessFault::UnmodelledUse),
            _ => {
                self.registers.insert(offset, value);
            }
        }
        self.plan(fabric);
        Ok(())
    }

    fn control(&mut self, now: VirtualTime, value: u16) -> Result<(), AccessFault> {
        let has_clock = self.register(RCR4) & RCKSEL != 0;
        let is_calendar = value & (HR24 | CNTMD) == HR24;
        if value & RTCOE != 0 || value & START != 0 && !(has_clock && is_calendar) {
            return Err(AccessFault::UnmodelledUse);
        }
        let goes_on = self.register(RCR2) & value & START != 0 && value & (RESET | ADJ30) == 0;
        if !goes_on {
            // From here on the steps are counted anew.
            self.base = (self.base + self.seen) % STEPS;
            (self.anchor, self.seen) = (now, 0);
        }
        if value & RESET != 0 {
            self.base = 0;
            self.registers
                .retain(|offset, _| !(RSECAR..=RYRAREN).contains(offset) && *offset != RADJ && *offset < RTCCR);
        }
        if value & ADJ30 != 0 {
            let late = from_bcd(self.register(RSECCNT).into()) >= 30;
            self.base = 0;
            self.registers.insert(RSECCNT, if late { 0x59 } else { 0 });
            if late {
                self.step();
            }
        }
        self.registers.insert(RCR2, value & !(RESET | ADJ30));
        Ok(())
    }
}

/// Registers are at even offsets.
fn check(offset: u32, size: AccessSize) -> Result<(), AccessFault> {
    let half = HALVES.contains(&offset);
    match size {
        AccessSize::Byte if offset.is_multiple_of(2) && !half => Ok(()),
        AccessSize::Half if half => Ok(()),
        AccessSize::Byte if !offset.is_multiple_of(2) => Err(AccessFault::Unmapped),
        _ => Err(AccessFault::Width),
    }
}
