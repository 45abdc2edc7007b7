//! RTC (RM0090 chapter 26) with its backup registers: calendar, both alarms, and the wake-up timer, on LSI. The domain outlasts
//! every reset but power-on, and the clock goes on through them.
//!
//! Initialisation mode and the shadow registers follow two cycles of RTCCLK later, as 26.3.5 and 26.3.6 say; other flags at
//! once. A read of TR keeps DR as it is until DR is read, one of SSR keeps TR too, unless BYPSHAD is set or the calendar is
//! initialised. Years are those of 2000 to 2099. Not modelled: LSE (the board has no crystal) and HSE as the clock, 12 hours,
//! the hour that summer time takes, shifts and calibration, time stamps, tampering, outputs, comparing subseconds. A store that
//! the protection holds back is lost, and told.

use super::super::calendar::{Calendar, from_bcd, to_bcd};
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// CR.
const WUCKSEL: u32 = 7;
const BYPSHAD: u32 = 1 << 5;
const ALRAE: u32 = 1 << 8;
const WUTE: u32 = 1 << 10;
const ALRAIE: u32 = 1 << 12;
const WUTIE: u32 = 1 << 14;
/// TSEDGE, REFCKON, FMT, DCE, TSE, TSIE, ADD1H, SUB1H, COSEL, OSEL, COE.
const UNMODELLED_CR: u32 = 0x00eb_88d8;
/// ISR.
const ALRAWF: u32 = 1 << 0;
const WUTWF: u32 = 1 << 2;
const INITS: u32 = 1 << 4;
const RSF: u32 = 1 << 5;
const INITF: u32 = 1 << 6;
const INIT: u32 = 1 << 7;
const ALRAF: u32 = 1 << 8;
const WUTF: u32 = 1 << 10;
/// ALRAF, ALRBF, WUTF, and flags that are never set here.
const CLEARABLE: u32 = 0x7f00;
/// ALRMxR.
const MASKS: [(u32, u32); 4] = [(7, 0x7f), (15, 0x7f << 8), (23, 0x3f << 16), (31, 0x3f << 24)];
const WDSEL: u32 = 1 << 30;

const BACKUP: usize = 20;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rtc {
    token: Token,
    /// RTCCLK; `None` while nothing clocks it.
    hz: Option<u32>,
    time: Calendar,
    cr: u32,
    /// INIT and the flags that are kept.
    isr: u32,
    /// When INITF and RSF follow.
    init_at: VirtualTime,
    synchronised_at: VirtualTime,
    prer: u32,
    wutr: u32,
    alarms: [u32; 2],
    backup: [u32; BACKUP],
    /// How much of the key was written to WPR: 2 opens the registers.
    key: u8,
    /// It counts since `anchor`; `seen` cycles of RTCCLK later are in `time`, whose second has lasted `prescaled` cycles.
    anchor: VirtualTime,
    seen: u64,
    prescaled: u64,
    /// Cycles since the wake-up timer was started.
    waited: u64,
    /// TR, if SSR was read, and DR as a read keeps them.
    kept: Option<(Option<u32>, u32)>,
    /// Levels of the lines to EXTI that were delivered: alarm, wake-up.
    pub(super) lines: [bool; 2],
}

impl Rtc {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            hz: None,
            time: Calendar {
                second: 0,
                minute: 0,
                hour: 0,
                weekday: 1,
                day: 1,
                month: 1,
                year: 0,
            },
            cr: 0,
            isr: 0,
            init_at: VirtualTime::ZERO,
            synchronised_at: VirtualTime::ZERO,
            prer: 0x007f_00ff,
            wutr: 0xffff,
            alarms: [0; 2],
            backup: [0; BACKUP],
            key: 0,
            anchor: VirtualTime::ZERO,
            seen: 0,
            prescaled: 0,
            waited: 0,
            kept: None,
            lines: [false; 2],
        }
    }

    /// The domain's reset: power-on, or BDRST.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        *self = Self {
            lines: self.lines,
            ..Self::new(self.token)
        };
    }

    /// A reset of the chip around the domain, which has cancelled what was scheduled.
    pub(super) fn outlast(&mut self, fabric: &mut Fabric) {
        (self.kept, self.key, self.lines) = (None, 0, [false; 2]);
        self.isr &= !(RSF | INIT);
        self.synchronised_at = self.later(fabric.now(), 2);
        self.plan(fabric);
    }

    /// RCC selects another clock, or none.
    pub(super) fn set_clock(&mut self, fabric: &mut Fabric, hz: Option<u32>) {
        if self.hz != hz {
            self.catch_up(fabric.now());
            (self.anchor, self.seen, self.hz) = (fabric.now(), 0, hz);
            self.synchronised_at = self.later(fabric.now(), 2);
            if self.isr & INIT != 0 {
                self.init_at = self.synchronised_at;
            }
            self.plan(fabric);
        }
    }

    /// The interrupts of alarms and of the wake-up timer.
    pub(super) fn levels(&self) -> [bool; 2] {
        let on = |flag: u32, enable: u32| self.isr & flag != 0 && self.cr & enable != 0;
        let is_alarm = on(ALRAF, ALRAIE) || on(ALRAF << 1, ALRAIE << 1);
        [is_alarm, on(WUTF, WUTIE)]
    }

    fn later(&self, from: VirtualTime, cycles: u64) -> VirtualTime {
        match self.hz {
            Some(hz) => from.saturating_add(VirtualTime::from_ticks(cycles, hz.into())),
            None => VirtualTime::MAX,
        }
    }

    /// Cycles of RTCCLK in a step of SSR, and steps in a second.
    fn prescalers(&self) -> (u64, u64) {
        (u64::from(self.prer >> 16 & 0x7f) + 1, u64::from(self.prer & 0x7fff) + 1)
    }

    fn second(&self) -> u64 {
        let (near, far) = self.prescalers();
        near * far
    }

    /// The wake-up timer's period in cycles of RTCCLK.
    fn wake_up(&self) -> u64 {
        let reload = u64::from(self.wutr) + 1;
        match self.cr & WUCKSEL {
            divider @ 0..4 => reload * (16 >> divider),
            4 | 5 => reload * self.second(),
            _ => (reload + 0x1_0000) * self.second(),
        }
    }

    /// The calendar stands still in initialisation mode.
    fn counts(&self, now: VirtualTime) -> bool {
        self.isr & INIT == 0 || now < self.init_at
    }

    fn catch_up(&mut self, now: VirtualTime) {
        let Some(hz) = self.hz else { return };
        let until = now.saturating_sub(self.anchor).ticks(hz.into());
        let passed = until - self.seen;
        self.seen = until;
        if self.cr & WUTE != 0 {
            self.waited += passed;
            if self.waited >= self.wake_up() {
                self.waited %= self.wake_up();
                self.isr |= WUTF;
            }
        }
        if !self.counts(now) {
            return;
        }
        self.prescaled += passed;
        while self.prescaled >= self.second() {
            self.prescaled -= self.second();
            self.time = self.time.next(1);
            for index in 0..2 {
                if self.cr & ALRAE << index != 0 && self.is_alarm(self.alarms[index]) {
                    self.isr |= ALRAF << index;
                }
            }
        }
    }

    fn is_alarm(&self, alarm: u32) -> bool {
        let date = match alarm & WDSEL {
            0 => to_bcd(self.time.day),
            _ => self.time.weekday,
        };
        let now = self.tr() | date << 24;
        MASKS
            .iter()
            .all(|(mask, field)| alarm >> mask & 1 != 0 || (alarm ^ now) & field == 0)
    }

    fn plan(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        let alarm = (self.cr & (3 * ALRAE) != 0 && self.counts(fabric.now())).then(|| self.second() - self.prescaled);
        let wake_up = (self.cr & WUTE != 0).then(|| self.wake_up() - self.waited);
        if let Some(cycles) = alarm.into_iter().chain(wake_up).min()
            && self.hz.is_some()
        {
            fabric.schedule(self.later(self.anchor, self.seen + cycles), self.token);
        }
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric.now());
        self.plan(fabric);
    }

    fn tr(&self) -> u32 {
        to_bcd(self.time.second) | to_bcd(self.time.minute) << 8 | to_bcd(self.time.hour) << 16
    }

    fn dr(&self) -> u32 {
        to_bcd(self.time.day) | to_bcd(self.time.month) << 8 | self.time.weekday << 13 | to_bcd(self.time.year) << 16
    }

    /// ISR, with the flags that follow from the rest.
    fn isr(&self, now: VirtualTime) -> u32 {
        let on = |condition: bool, flag: u32| if condition { flag } else { 0 };
        self.isr
            | on(self.isr & INIT != 0 && now >= self.init_at, INITF)
            | on(self.isr & INIT == 0 && now >= self.synchronised_at, RSF)
            | on(self.time.year != 0, INITS)
            | on(self.cr & ALRAE == 0, ALRAWF)
            | on(self.cr & ALRAE << 1 == 0, ALRAWF << 1)
            | on(self.cr & WUTE == 0, WUTWF)
    }

    pub(super) fn read(&mut self, now: VirtualTime, offset: u32) -> Result<u32, AccessFault> {
        self.catch_up(now);
        let shadowed = self.cr & BYPSHAD == 0 && self.isr & INIT == 0;
        Ok(match offset {
            0x00 => {
                let kept = self.kept.or_else(|| shadowed.then(|| (None, self.dr())));
                self.kept = kept;
                kept.and_then(|(tr, _)| tr).unwrap_or_else(|| self.tr())
            }
            0x04 => self.kept.take().map_or_else(|| self.dr(), |(_, dr)| dr),
            0x08 => self.cr,
            0x0c => self.isr(now),
            0x10 => self.prer,
            0x14 => self.wutr,
            0x1c | 0x20 => self.alarms[(offset as usize - 0x1c) / 4],
            0x28 => {
                let (near, far) = self.prescalers();
                self.kept = shadowed.then(|| (Some(self.tr()), self.dr()));
                (far - 1 - self.prescaled / near) as u32
            }
            // CALIBR, SHIFTR, the time stamps, CALR, TAFCR, ALRMxSSR. WPR reads as zero.
            0x18 | 0x24 | 0x2c..0x50 => 0,
            0x50..0xa0 => self.backup[(offset as usize - 0x50) / 4],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    /// A store; `unprotected` is what PWR says. Whether it was taken.
    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        unprotected: bool,
        offset: u32,
        value: u32,
    ) -> Result<bool, AccessFault> {
        let now = fabric.now();
        self.catch_up(now);
        if offset == 0x24 {
            self.key = match (self.key, value & 0xff) {
                (_, 0xca) => 1,
                (1, 0x53) => 2,
                _ => 0,
            };
            return Ok(true);
        }
        // TAFCR, the backup registers, and the flags of ISR.
        let is_open = matches!(offset, 0x40 | 0x50..0xa0) || offset == 0x0c && value & INIT == self.isr & INIT;
        if !unprotected || !is_open && self.key != 2 {
            return Ok(false);
        }
        let in_init = self.isr(now) & INITF != 0;
        match offset {
            0x00 | 0x04 | 0x10 if !in_init => return Ok(false),
            0x00 if value & 1 << 22 != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 => {
                self.time.second = from_bcd(value & 0x7f);
                self.time.minute = from_bcd(value >> 8 & 0x7f);
                self.time.hour = from_bcd(value >> 16 & 0x3f);
            }
            0x04 => {
                self.time.day = from_bcd(value & 0x3f);
                self.time.month = from_bcd(value >> 8 & 0x1f);
                self.time.weekday = value >> 13 & 7;
                self.time.year = from_bcd(value >> 16 & 0xff);
            }
            0x08 if value & UNMODELLED_CR != 0 => return Err(AccessFault::UnmodelledUse),
            0x08 => {
                if value & !self.cr & WUTE != 0 {
                    self.waited = 0;
                }
                self.cr = value & 0x0014_7727;
            }
            0x0c => {
                self.isr &= value | !CLEARABLE;
                if value & RSF == 0 {
                    self.synchronised_at = self.later(now, 2);
                }
                if value & INIT != self.isr & INIT {
                    self.isr ^= INIT;
                    self.kept = None;
                    self.init_at = self.later(now, 2);
                    // The calendar starts anew with a whole second.
                    self.prescaled = 0;
                    self.synchronised_at = self.later(now, 4);
                }
            }
            0x10 => self.prer = value & 0x007f_7fff,
            0x14 if self.cr & WUTE != 0 => return Ok(false),
            0x14 => self.wutr = value & 0xffff,
            0x1c | 0x20 => self.alarms[(offset as usize - 0x1c) / 4] = value,
            0x18 | 0x2c | 0x3c | 0x40 | 0x44 | 0x48 if value & 0x0f03_ffff != 0 => {
                return Err(AccessFault::UnmodelledUse);
            }
            0x18 | 0x28..0x50 => {}
            0x50..0xa0 => self.backup[(offset as usize - 0x50) / 4] = value,
            _ => return Err(AccessFault::Unmapped),
        }
        self.plan(fabric);
        Ok(true)
    }
}
