//! TIM1 to TIM14 (RM0090 chapters 17 to 20) as up-counters: update events, output compare in every mode, on a pin or
//! without one, input capture, preloads, one-pulse mode, slave modes by the inputs (a PWM measured, an encoder, a pulse that an
//! edge starts), interrupts. Not modelled: down- and centre-aligned counting by the clock, triggers from other timers and ETR,
//! capture at the internal trigger or at each 2nd to 8th edge, input filters, complementary outputs, repetition, DMA
//! requests.

mod channel;
mod slave;

pub(super) use self::channel::pins;
use self::channel::{Channel, Direction, Mode};
use self::slave::{Effect, Slave, SlaveMode};
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::time::{PS_PER_SECOND, VirtualTime};

pub(super) const COUNT: usize = 14;

/// CR1.
const CEN: u32 = 1 << 0;
const UDIS: u32 = 1 << 1;
const URS: u32 = 1 << 2;
const OPM: u32 = 1 << 3;
/// DIR, CMS.
const NOT_UP: u32 = 7 << 4;
const DIR: u32 = 1 << 4;
const ARPE: u32 = 1 << 7;

/// SR and DIER.
const UIF: u32 = 1;
const TIF: u32 = 1 << 6;
/// SR.CC1OF.
const CC1OF: u32 = 1 << 9;
/// BDTR.MOE: the outputs of TIM1 and TIM8 are on.
const MOE: u32 = 1 << 15;

/// Levels that the channels drive on their pins; `None` for those that do not.
pub(super) type Outputs = [Option<bool>; 4];

/// Compare channels of TIM1 to TIM14.
const CHANNELS: [usize; COUNT] = [4, 4, 4, 4, 4, 0, 0, 4, 2, 1, 1, 2, 1, 1];

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Timer {
    /// TIM1 is 0.
    index: usize,
    token: Token,
    hz: u64,
    cr1: u32,
    cr2: u32,
    slave: SlaveMode,
    /// Edges that count, since the prescaler let one through.
    divided: u32,
    dier: u32,
    sr: u32,
    ccmr: [u32; 2],
    ccer: u32,
    bdtr: u32,
    ccr: [u32; 4],
    active_ccr: [u32; 4],
    /// OCxREF, in the modes in which it is not a function of the count.
    reference: [bool; 4],
    /// Channels that a pin is given to, as bits: their output needs an event at each change.
    connected: u32,
    /// What was last reported.
    outputs: Outputs,
    /// Preloaded, and in use.
    psc: u32,
    arr: u32,
    active_psc: u32,
    active_arr: u32,
    /// The counter was `base` at `anchor`, and everything up to `seen` ticks later has been accounted for.
    anchor: VirtualTime,
    base: u32,
    seen: u64,
}

impl Timer {
    pub(super) fn new(index: usize, token: Token) -> Self {
        let arr = if is_wide(index) { u32::MAX } else { 0xffff };
        Self {
            index,
            token,
            hz: 16_000_000,
            cr1: 0,
            cr2: 0,
            slave: SlaveMode::default(),
            divided: 0,
            dier: 0,
            sr: 0,
            ccmr: [0; 2],
            ccer: 0,
            bdtr: 0,
            ccr: [0; 4],
            active_ccr: [0; 4],
            reference: [false; 4],
            connected: 0,
            outputs: [None; 4],
            psc: 0,
            arr,
            active_psc: 0,
            active_arr: arr,
            anchor: VirtualTime::ZERO,
            base: 0,
            seen: 0,
        }
    }

    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        *self = Self {
            hz: self.hz,
            connected: self.connected,
            outputs: self.outputs,
            ..Self::new(self.index, self.token)
        };
    }

    /// The timer's clock runs at `hz` from now on.
    pub(super) fn set_clock(&mut self, fabric: &mut Fabric, hz: u32) {
        if self.hz != u64::from(hz) {
            self.catch_up(fabric.now());
            self.rebase(fabric.now());
            self.hz = u64::from(hz);
            self.plan(fabric);
        }
    }

    /// Flags that interrupt: bit 0 the update, bits 1 to 4 the channels, bit 6 the trigger.
    pub(super) fn pending(&self) -> u32 {
        self.sr & self.dier & (TIF | 0x1f)
    }

    /// Whether the internal clock counts.
    fn runs(&self) -> bool {
        self.cr1 & CEN != 0
            && self
                .slave
                .passes_clock([0, 1].map(|channel| self.channel_fields(channel)))
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32) -> Result<u32, AccessFault> {
        self.catch_up(fabric.now());
        Ok(match offset {
            0x00 => self.cr1,
            0x04 => self.cr2,
            0x08 => self.slave.smcr,
            0x0c => self.dier,
            0x10 => self.sr,
            0x14 => 0,
            0x18 | 0x1c if self.channels() > 0 => self.ccmr[(offset as usize - 0x18) / 4],
            0x20 if self.channels() > 0 => self.ccer,
            0x24 => self.count(),
            0x28 => self.psc,
            0x2c => self.arr,
            0x30 if self.is_advanced() => 0,
            0x34..0x44 if self.channel(offset).is_some() => {
                let channel = (offset as usize - 0x34) / 4;
                // Taking a captured value clears its flag (18.4.5).
                if self.channel_fields(channel).direction() != Some(Direction::Compare) {
                    self.sr &= !(2 << channel);
                }
                self.ccr[channel]
            }
            0x44 if self.is_advanced() => self.bdtr,
            // DCR: no DMA burst was set up. OR: no remapping.
            0x48 | 0x50 => 0,
            // DMAR.
            0x4c if self.has_dma() => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let now = fabric.now();
        self.catch_up(now);
        match offset {
            // An encoder has its own direction.
            0x00 if value & NOT_UP & !(self.direction()) != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 => {
                self.rebase(now);
                self.cr1 = value & 0x38f | self.cr1 & self.direction();
                self.rebase(now);
            }
            // MMS: nothing listens to a trigger output.
            0x04 => self.cr2 = value & 0x7ffb,
            0x30 if !self.is_advanced() => return Err(AccessFault::Unmapped),
            0x08 => {
                self.rebase(now);
                if !self.slave.set(value, self.channels()) {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.cr1 &= !DIR | self.direction();
                self.rebase(now);
            }
            0x30 | 0x48 | 0x50 if value == 0 => {}
            0x30 | 0x48 | 0x50 => return Err(AccessFault::UnmodelledUse),
            // DMA requests, break interrupts; the trigger's of TIM1 and TIM8 has a line of its own.
            0x0c if value & !(TIF | 0x1f) != 0 || value & TIF != 0 && self.is_advanced() => {
                return Err(AccessFault::UnmodelledUse);
            }
            0x0c => self.dier = value & (self.flags() | TIF),
            0x10 => self.sr &= value,
            0x14 if value & !0x1f != 0 => return Err(AccessFault::UnmodelledUse),
            0x14 => self.generate(now, value),
            0x18 | 0x1c if self.channels() > 0 => {
                let mut ccmr = self.ccmr;
                ccmr[(offset as usize - 0x18) / 4] = value & 0xffff;
                self.configure(now, ccmr, self.ccer)?;
            }
            0x20 if self.channels() > 0 => {
                // CCxNE: only TIM1 and TIM8 have complementary outputs.
                let bits = if self.is_advanced() { 0xffff } else { 0xbbbb };
                self.configure(now, self.ccmr, value & bits)?;
            }
            0x24 => {
                self.rebase(now);
                self.base = value & self.mask();
            }
            0x28 => self.psc = value & 0xffff,
            0x2c => {
                self.arr = value & self.mask();
                if self.cr1 & ARPE == 0 {
                    self.rebase(now);
                    self.active_arr = self.arr;
                }
            }
            0x34..0x44 if self.channel(offset).is_some() => {
                let channel = (offset as usize - 0x34) / 4;
                self.rebase(now);
                self.ccr[channel] = value & self.mask();
                if !self.channel_fields(channel).is_preloaded() {
                    self.active_ccr[channel] = self.ccr[channel];
                }
            }
            0x44 if self.is_advanced() => self.bdtr = value & 0xffff,
            0x4c if self.has_dma() => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        self.plan(fabric);
        Ok(())
    }

    /// Takes over CCMR and CCER.
    fn configure(&mut self, now: VirtualTime, ccmr: [u32; 2], ccer: u32) -> Result<(), AccessFault> {
        let channels = 0..self.channels();
        if channels.clone().any(|it| Channel::new(it, ccmr, ccer).is_unmodelled()) {
            return Err(AccessFault::UnmodelledUse);
        }
        for channel in channels {
            self.reference[channel] = self.reference(channel);
            if !Channel::new(channel, ccmr, ccer).is_preloaded() {
                self.active_ccr[channel] = self.ccr[channel];
            }
        }
        // The polarity of an input may open or close the gate.
        let gates = self.slave.slave() == Slave::Gated;
        if gates {
            self.rebase(now);
        }
        (self.ccmr, self.ccer) = (ccmr, ccer);
        if gates {
            self.rebase(now);
        }
        Ok(())
    }

    /// Pins are given to the channels in `connected`.
    pub(super) fn connect(&mut self, fabric: &mut Fabric, connected: u32) {
        if self.connected != connected {
            self.catch_up(fabric.now());
            self.connected = connected;
            self.plan(fabric);
        }
    }

    /// The level that an input has when its pin is given to the timer.
    pub(super) fn set_level(&mut self, input: usize, level: bool) {
        self.slave.set_level(input, level);
    }

    /// The channels' outputs, if they have changed since the last call.
    pub(super) fn changed_outputs(&mut self) -> Option<Outputs> {
        if self.ccer == 0 && self.outputs == [None; 4] {
            return None;
        }
        let outputs = std::array::from_fn(|channel| self.output(channel));
        (outputs != self.outputs).then(|| {
            self.outputs = outputs;
            outputs
        })
    }

    fn output(&self, channel: usize) -> Option<bool> {
        let fields = self.channel_fields(channel);
        let on = channel < self.channels()
            && fields.is_enabled()
            && fields.direction() == Some(Direction::Compare)
            && (!self.is_advanced() || self.bdtr & MOE != 0);
        on.then(|| self.reference(channel) ^ fields.is_inverted())
    }

    /// OCxREF.
    fn reference(&self, channel: usize) -> bool {
        let below = || self.count() < self.active_ccr[channel];
        match self.channel_fields(channel).mode() {
            Mode::Inactive => false,
            Mode::Active => true,
            Mode::Pwm1 => below(),
            Mode::Pwm2 => !below(),
            _ => self.reference[channel],
        }
    }

    /// The level at the input of channel `input` has changed.
    pub(super) fn edge(&mut self, fabric: &mut Fabric, input: usize, level: bool) {
        self.catch_up(fabric.now());
        for channel in 0..self.channels() {
            let fields = self.channel_fields(channel);
            let listens = match fields.direction() {
                Some(Direction::Own) => channel == input,
                Some(Direction::Other) => channel ^ 1 == input,
                _ => false,
            };
            if listens && fields.is_enabled() && fields.captures(level) {
                let flag = 2 << channel;
                if self.sr & flag != 0 {
                    self.sr |= CC1OF << channel;
                }
                self.sr |= flag;
                self.ccr[channel] = self.count();
                self.active_ccr[channel] = self.ccr[channel];
            }
        }
        // A value is captured before the edge changes the count.
        if self.channels() >= 2 {
            self.follow(fabric, input, level);
        }
    }

    /// DIR, if edges decide about it.
    fn direction(&self) -> u32 {
        match self.slave.slave() {
            Slave::Encoder { .. } => DIR,
            _ => 0,
        }
    }

    /// What an edge does to the counter (SMCR).
    fn follow(&mut self, fabric: &mut Fabric, input: usize, level: bool) {
        let now = fabric.now();
        if self.slave.slave() != Slave::None {
            self.rebase(now);
        }
        let channels = [0, 1].map(|channel| self.channel_fields(channel));
        let (up, triggers) = match self.slave.edge(input, level, channels) {
            Effect::Nothing => return,
            Effect::Trigger => (None, true),
            Effect::Count { up, triggers } => (Some(up), triggers),
        };
        if triggers {
            self.sr |= TIF;
        }
        match self.slave.slave() {
            Slave::Reset => self.generate(now, UIF),
            Slave::Trigger => self.cr1 |= CEN,
            _ => {}
        }
        if let Some(up) = up.filter(|_| self.cr1 & CEN != 0) {
            self.count_edge(up);
        }
        self.rebase(now);
        self.plan(fabric);
    }

    /// An edge counts.
    fn count_edge(&mut self, up: bool) {
        if self.direction() != 0 {
            self.cr1 = self.cr1 & !DIR | if up { 0 } else { DIR };
        }
        self.divided += 1;
        if self.divided <= self.active_psc {
            return;
        }
        self.divided = 0;
        let wraps = if up {
            self.base >= self.active_arr
        } else {
            self.base == 0
        };
        self.base = match (up, wraps) {
            (true, true) => 0,
            (true, false) => self.base + 1,
            (false, true) => self.active_arr,
            (false, false) => self.base - 1,
        };
        if wraps && self.cr1 & UDIS == 0 {
            self.sr |= UIF;
            self.load();
            if self.cr1 & OPM != 0 {
                self.cr1 &= !CEN;
            }
        }
        for channel in 0..self.channels() {
            self.matched(channel, u64::from(self.base == self.active_ccr[channel]));
        }
    }

    fn channel_fields(&self, channel: usize) -> Channel {
        Channel::new(channel, self.ccmr, self.ccer)
    }

    /// Something was due.
    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric.now());
        self.plan(fabric);
    }

    /// EGR.
    fn generate(&mut self, now: VirtualTime, value: u32) {
        if value & 1 != 0 {
            self.rebase(now);
            self.base = 0;
            if self.cr1 & UDIS == 0 {
                self.load();
                if self.cr1 & URS == 0 {
                    self.sr |= UIF;
                }
            }
        }
        self.sr |= value & 0x1e & self.flags();
    }

    /// The preloaded values take effect.
    fn load(&mut self) {
        self.active_psc = self.psc;
        self.active_arr = self.arr;
        self.active_ccr = self.ccr;
    }

    /// Whether the next update changes how it counts and compares.
    fn changes(&self) -> bool {
        self.cr1 & OPM != 0 || self.active_psc != self.psc || self.active_arr != self.arr || self.active_ccr != self.ccr
    }

    /// Channel `channel` was equal to its compare value `times` times.
    fn matched(&mut self, channel: usize, times: u64) {
        let fields = self.channel_fields(channel);
        if times == 0 || fields.direction() != Some(Direction::Compare) {
            return;
        }
        self.sr |= 2 << channel;
        let reference = &mut self.reference[channel];
        match fields.mode() {
            Mode::ActiveOnMatch => *reference = true,
            Mode::InactiveOnMatch => *reference = false,
            Mode::ToggleOnMatch => *reference ^= !times.is_multiple_of(2),
            _ => {}
        }
    }

    /// Accounts for everything that happened up to `now`.
    fn catch_up(&mut self, now: VirtualTime) {
        while self.runs() {
            let ticks = self.ticks_at(now);
            if ticks <= self.seen {
                return;
            }
            let wrap = self.ticks_to_wrap();
            // After this overflow other rules of counting apply.
            let changes = self.changes();
            let until = if changes { ticks.min(wrap) } else { ticks };
            for channel in 0..self.channels() {
                self.matched(channel, self.passes(self.active_ccr[channel], until));
            }
            let overflowed = self.wraps_at(until) > self.wraps_at(self.seen);
            self.seen = until;
            if !overflowed || self.cr1 & UDIS != 0 {
                if until == ticks {
                    return;
                }
                continue;
            }
            self.sr |= UIF;
            if changes {
                self.anchor = self.time_of(until);
                self.base = 0;
                self.seen = 0;
                self.load();
                if self.cr1 & OPM != 0 {
                    self.cr1 &= !CEN;
                }
            }
        }
    }

    /// Schedules a call of [`Self::wake`] at the next flag that interrupts, or the next change of the counting rules.
    fn plan(&mut self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if !self.runs() {
            return;
        }
        let waits = self.dier & !self.sr;
        // Channels whose pins move with a comparison, and with an overflow.
        let drives = (0..self.channels()).filter(|channel| self.connected >> channel & 1 != 0);
        let modes = drives.filter(|channel| self.output(*channel).is_some());
        let (mut on_match, mut on_wrap) = (waits, false);
        for channel in modes {
            match self.channel_fields(channel).mode() {
                Mode::Frozen | Mode::Inactive | Mode::Active => continue,
                Mode::Pwm1 | Mode::Pwm2 => on_wrap = true,
                Mode::ActiveOnMatch | Mode::InactiveOnMatch | Mode::ToggleOnMatch => {}
            }
            on_match |= 2 << channel;
        }
        let updates = waits & UIF != 0 && self.cr1 & UDIS == 0;
        let wrap = (updates || on_wrap || self.changes()).then(|| self.ticks_to_wrap());
        let compares = (0..self.channels())
            .filter(|channel| on_match & 2 << channel != 0)
            .filter_map(|channel| self.ticks_to(self.active_ccr[channel]));
        if let Some(ticks) = compares.chain(wrap).min() {
            fabric.schedule(self.time_of(ticks), self.token);
        }
    }

    /// Restarts the counting from the current count.
    fn rebase(&mut self, now: VirtualTime) {
        if !self.runs() {
            self.anchor = now;
            self.seen = 0;
            return;
        }
        let ticks = self.ticks_at(now);
        self.base = self.count_at(ticks);
        self.anchor = self.time_of(ticks);
        self.seen = self.seen.saturating_sub(ticks);
    }

    fn count(&self) -> u32 {
        match self.runs() {
            false => self.base,
            true => self.count_at(self.seen),
        }
    }

    fn period(&self) -> u64 {
        u64::from(self.active_arr) + 1
    }

    fn count_at(&self, ticks: u64) -> u32 {
        let base = u64::from(self.base);
        if base >= self.period() {
            // Beyond the reload value: it counts to its maximum and wraps there.
            let end = u64::from(self.mask()) + 1;
            return match base + ticks {
                count if count < end => count as u32,
                count => ((count - end) % self.period()) as u32,
            };
        }
        ((base + ticks) % self.period()) as u32
    }

    /// Overflows up to `ticks`.
    fn wraps_at(&self, ticks: u64) -> u64 {
        let base = u64::from(self.base);
        let period = self.period();
        if base >= period {
            let end = u64::from(self.mask()) + 1;
            return (base + ticks).checked_sub(end).map_or(0, |beyond| 1 + beyond / period);
        }
        (base + ticks) / period
    }

    /// The tick of the first overflow after `seen`.
    fn ticks_to_wrap(&self) -> u64 {
        let base = u64::from(self.base);
        let period = self.period();
        let first = if base >= period {
            u64::from(self.mask()) + 1 - base
        } else {
            period - base
        };
        if self.seen < first {
            first
        } else {
            first + ((self.seen - first) / period + 1) * period
        }
    }

    /// The tick after `seen` at which the counter is `value`.
    fn ticks_to(&self, value: u32) -> Option<u64> {
        let (value, base) = (u64::from(value), u64::from(self.base));
        let period = self.period();
        if base < period && value >= period {
            return None;
        }
        let first = match value.checked_sub(base) {
            Some(ticks) if ticks > 0 => ticks,
            _ if value >= period => return None,
            _ => {
                let wrap = if base >= period {
                    u64::from(self.mask()) + 1 - base
                } else {
                    period - base
                };
                wrap + value
            }
        };
        Some(if self.seen < first {
            first
        } else {
            first + ((self.seen - first) / period + 1) * period
        })
    }

    /// How often the counter reaches `value` after `seen` and up to `until`.
    fn passes(&self, value: u32, until: u64) -> u64 {
        let first = self.ticks_to(value).filter(|ticks| *ticks <= until);
        first.map_or(0, |first| 1 + (until - first) / self.period())
    }

    fn ticks_at(&self, now: VirtualTime) -> u64 {
        let span = now.saturating_sub(self.anchor).as_ps();
        let divider = u128::from(PS_PER_SECOND) * u128::from(self.active_psc + 1);
        (u128::from(span) * u128::from(self.hz) / divider) as u64
    }

    fn time_of(&self, ticks: u64) -> VirtualTime {
        self.anchor.saturating_add(VirtualTime::from_ticks(
            ticks.saturating_mul(u64::from(self.active_psc) + 1),
            self.hz,
        ))
    }

    fn channels(&self) -> usize {
        CHANNELS[self.index]
    }

    fn channel(&self, offset: u32) -> Option<usize> {
        let channel = (offset as usize - 0x34) / 4;
        (channel < self.channels()).then_some(channel)
    }

    /// Flags that it has.
    fn flags(&self) -> u32 {
        (2 << self.channels()) - 1
    }

    /// Whether it makes DMA bursts.
    fn has_dma(&self) -> bool {
        self.index <= 4 || self.index == 7
    }

    fn is_advanced(&self) -> bool {
        matches!(self.index, 0 | 7)
    }

    fn mask(&self) -> u32 {
        if is_wide(self.index) { u32::MAX } else { 0xffff }
    }
}

/// TIM2 and TIM5 have 32 bits.
fn is_wide(index: usize) -> bool {
    matches!(index, 1 | 4)
}
