//! PWM (PS 6.17): a wave counter of 16 MHz divided by 2^PRESCALER, four compare channels on pins, and a decoder that
//! fills the compare registers from sequences in RAM.
//!
//! Edges have their exact instants, so that GPIOTE, PPI and the front panel see them as a probe would. The PS leaves
//! some points open. Here SEQEND and LOOPSDONE occur when the last value is *loaded*, before its REFRESH and ENDDELAY
//! (after the comments on nrfx's `NRFX_PWM_FLAG_STOP`). A sequence that is started while another plays begins with
//! the next period. MODE and PRESCALER take effect then. STOP while nothing runs answers STOPPED at once. The last
//! three were not checked against silicon.

mod wave;

use self::wave::Wave;
use super::block::{Bus, Events, Peripheral};
use crate::core::fabric::{AccessFault, AccessSize};
use crate::machine::VirtualTime;

/// Ids of PWM0 to PWM3.
pub(super) const IDS: [u8; 4] = [28, 33, 34, 45];

const STOPPED: u32 = 1;
const SEQSTARTED0: u32 = 2;
const SEQEND0: u32 = 4;
const PWMPERIODEND: u32 = 6;
const LOOPSDONE: u32 = 7;

/// SHORTS. SEQEND0_STOP and SEQEND1_STOP are bits 0 and 1.
const LOOPSDONE_SEQSTART0: u32 = 1 << 2;
const LOOPSDONE_SEQSTART1: u32 = 1 << 3;
const LOOPSDONE_STOP: u32 = 1 << 4;

const DISCONNECTED: u32 = 1 << 31;
/// DECODER.LOAD: the top comes from RAM, too.
const WAVE_FORM: u32 = 3;
/// Smallest COUNTERTOP (PS 6.17.5.13).
const TOP_MIN: u32 = 3;

const WAKE_PERIOD: u16 = 0;
const WAKE_EDGE: u16 = 1;

/// One PWM.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Pwm {
    pub(super) events: Events,
    id: u8,
    enabled: bool,
    shorts: u32,
    /// MODE: up and down, else up only.
    up_and_down: bool,
    countertop: u32,
    prescaler: u32,
    decoder: u32,
    /// LOOP: how often both sequences are played one after the other; 0 plays a single sequence.
    loops: u32,
    seq: [Sequence; 2],
    psel: [u32; 4],
    /// The compare registers, with polarity, and the counter's top, as loaded by the decoder.
    compare: [u16; 4],
    top: u32,
    playing: Option<Playing>,
    /// To begin with the next period.
    next: Option<usize>,
    /// NEXTSTEP was triggered.
    stepped: bool,
    /// STOP was triggered: this period is the last.
    stopping: bool,
    wave: Option<Wave>,
}

/// SEQ[n].
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Sequence {
    ptr: u32,
    /// In half-words.
    cnt: u32,
    /// In periods.
    refresh: u32,
    enddelay: u32,
}

/// Position of the decoder in a sequence. After the last value of the last sequence there is none, and that value
/// stays.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Playing {
    n: usize,
    /// As they were when it began.
    ptr: u32,
    cnt: u32,
    /// Half-words loaded.
    done: u32,
    /// Number of periods for which the value stays after this one.
    stays: u32,
    /// Loops that are left, this one included.
    loops: u32,
}

impl Pwm {
    pub(super) fn new(id: u8) -> Self {
        let sequence = Sequence {
            ptr: 0,
            cnt: 0,
            refresh: 1,
            enddelay: 0,
        };
        Self {
            events: Events::new(id, 0xfe).with_inten(),
            id,
            enabled: false,
            shorts: 0,
            up_and_down: false,
            countertop: 0x3ff,
            prescaler: 0,
            decoder: 0,
            loops: 0,
            seq: [sequence; 2],
            psel: [u32::MAX; 4],
            compare: [0; 4],
            top: 0x3ff,
            playing: None,
            next: None,
            stepped: false,
            stopping: false,
            wave: None,
        }
    }

    /// SEQSTART[n]
    fn start(&mut self, bus: &mut Bus<'_>, n: usize) -> Result<(), AccessFault> {
        if !self.enabled {
            return Ok(());
        }
        if self.seq[n].cnt == 0 {
            // "Sequence is disabled, and shall not be started as it is empty."
            return Err(AccessFault::UnmodelledUse);
        }
        self.next = Some(n);
        if self.wave.is_none() {
            let now = bus.now();
            self.begin_period(bus, now);
        }
        Ok(())
    }

    fn stop(&mut self, bus: &mut Bus<'_>) {
        if self.wave.is_some() {
            self.stopping = true;
        } else {
            self.events.raise(bus, STOPPED);
        }
    }

    /// No more pulses: GPIO drives the pins again, with the idle level in OUT.
    fn halt(&mut self, bus: &mut Bus<'_>) {
        self.playing = None;
        self.stopping = false;
        if let Some(mut wave) = self.wave.take() {
            wave.cancel(bus);
            for psel in self.psel {
                take(bus, psel, None);
            }
        }
    }

    fn end_period(&mut self, bus: &mut Bus<'_>) {
        let Some(at) = self.wave.as_ref().map(|wave| wave.ends) else {
            return;
        };
        self.events.raise(bus, PWMPERIODEND);
        if self.stopping {
            self.halt(bus);
            self.events.raise(bus, STOPPED);
            if self.next.is_none() {
                return;
            }
        }
        self.begin_period(bus, at);
    }

    fn begin_period(&mut self, bus: &mut Bus<'_>, at: VirtualTime) {
        self.advance(bus);
        self.wave = Some(Wave::begin(
            bus,
            self.id,
            at,
            self.prescaler,
            self.top,
            self.up_and_down,
        ));
        self.drive(bus, at);
    }

    /// Drives the pins' levels at `at`, and finds the next edge.
    fn drive(&mut self, bus: &mut Bus<'_>, at: VirtualTime) {
        let Some(wave) = &mut self.wave else { return };
        let connected = self.psel.iter().zip(self.compare);
        let connected = connected.filter(|(psel, _)| **psel & DISCONNECTED == 0);
        for (psel, compare) in connected.clone() {
            take(bus, *psel, Some(wave.level(compare, at)));
        }
        wave.schedule_edge(bus, self.id, at, connected.map(|(_, compare)| compare));
    }

    /// The decoder's step at the start of a period.
    fn advance(&mut self, bus: &mut Bus<'_>) {
        if let Some(n) = self.next.take() {
            self.play(bus, n, self.loops);
            return;
        }
        let by_task = self.decoder & 1 << 8 != 0;
        let Some(playing) = &mut self.playing else { return };
        if by_task {
            // REFRESH and ENDDELAY count for nothing then.
            if !std::mem::take(&mut self.stepped) {
                return;
            }
        } else if playing.stays > 0 {
            playing.stays -= 1;
            return;
        }
        let Playing { n, loops, .. } = *playing;
        if playing.done < playing.cnt {
            self.load(bus);
        } else if n == 0 {
            self.play(bus, 1, loops);
        } else {
            self.play(bus, 0, loops - 1);
        }
    }

    /// Begins sequence `n`.
    fn play(&mut self, bus: &mut Bus<'_>, n: usize, loops: u32) {
        let Sequence { ptr, cnt, .. } = self.seq[n];
        if cnt == 0 {
            // The other half of a loop is empty.
            let register = 0x4000_0524 + (u32::from(self.id) << 12) + 0x20 * n as u32;
            bus.fabric
                .log_fault(register, AccessSize::Word, None, AccessFault::UnmodelledUse);
            self.playing = None;
            return;
        }
        self.stepped = false;
        self.playing = Some(Playing {
            n,
            ptr,
            cnt,
            done: 0,
            stays: 0,
            loops,
        });
        self.events.raise(bus, SEQSTARTED0 + n as u32);
        self.load(bus);
    }

    /// Fills the compare registers with the next value of the sequence (PS 6.17.2, "Decoder memory access modes").
    fn load(&mut self, bus: &mut Bus<'_>) {
        let Some(mut playing) = self.playing.take() else { return };
        let mode = self.decoder & 3;
        if mode != WAVE_FORM {
            self.top = self.countertop;
        }
        let width = [1, 2, 4, 4][mode as usize].min(playing.cnt - playing.done);
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..2 * width as usize];
        let from = playing.ptr.wrapping_add(2 * playing.done);
        if bus.fabric.dma_read(from, bytes).is_err() {
            // The fabric has logged it. The last loaded values stay.
            return;
        }
        let (halves, _) = bytes.as_chunks::<2>();
        let half = |index: usize| halves.get(index).map(|half| u16::from_le_bytes(*half));
        for (channel, compare) in self.compare.iter_mut().enumerate() {
            let index = match mode {
                0 => 0,
                1 => channel / 2,
                WAVE_FORM if channel == 3 => continue,
                _ => channel,
            };
            *compare = half(index).unwrap_or(*compare);
        }
        if let Some(top) = half(3).filter(|_| mode == WAVE_FORM) {
            self.top = self.top_from_ram(bus, from, u32::from(top) & 0x7fff);
        }
        playing.done += width;
        let Sequence { refresh, enddelay, .. } = self.seq[playing.n];
        playing.stays = refresh;
        if playing.done < playing.cnt {
            self.playing = Some(playing);
            return;
        }
        playing.stays += enddelay;
        let over = playing.loops == 0 || playing.n == 1 && playing.loops == 1;
        self.playing = (!over).then_some(playing);
        self.ended(bus, playing);
    }

    fn top_from_ram(&self, bus: &mut Bus<'_>, from: u32, top: u32) -> u32 {
        if top < TOP_MIN {
            bus.fabric
                .log_fault(from + 6, AccessSize::Half, None, AccessFault::UnmodelledUse);
        }
        top.max(TOP_MIN)
    }

    /// The last value of a sequence is in the compare registers.
    fn ended(&mut self, bus: &mut Bus<'_>, playing: Playing) {
        self.events.raise(bus, SEQEND0 + playing.n as u32);
        let mut stops = self.shorts & 1 << playing.n != 0;
        if playing.n == 1 && playing.loops == 1 {
            self.events.raise(bus, LOOPSDONE);
            stops |= self.shorts & LOOPSDONE_STOP != 0;
            let again = [LOOPSDONE_SEQSTART0, LOOPSDONE_SEQSTART1].map(|short| self.shorts & short != 0);
            self.next = again.iter().position(|again| *again);
        }
        self.stopping |= stops;
    }

    fn enable(&mut self, bus: &mut Bus<'_>, enabled: bool) {
        self.enabled = enabled;
        if !enabled {
            self.next = None;
            self.halt(bus);
        }
    }

    /// PSEL.OUT[n]
    fn select(&mut self, bus: &mut Bus<'_>, channel: usize, psel: u32) {
        if self.wave.is_some() {
            take(bus, self.psel[channel], None);
        }
        self.psel[channel] = psel;
        let now = bus.now();
        self.drive(bus, now);
    }

    fn register(&mut self, offset: u32) -> Option<&mut u32> {
        let seq = &mut self.seq[usize::from(offset >= 0x540)];
        Some(match offset {
            0x200 => &mut self.shorts,
            0x508 => &mut self.countertop,
            0x50c => &mut self.prescaler,
            0x510 => &mut self.decoder,
            0x514 => &mut self.loops,
            0x520 | 0x540 => &mut seq.ptr,
            0x524 | 0x544 => &mut seq.cnt,
            0x528 | 0x548 => &mut seq.refresh,
            0x52c | 0x54c => &mut seq.enddelay,
            _ => return None,
        })
    }
}

/// Drives a pin, or stops driving it.
fn take(bus: &mut Bus<'_>, psel: u32, level: Option<bool>) {
    if psel & DISCONNECTED == 0 {
        let (lines, fabric) = (&mut *bus.lines, &mut *bus.fabric);
        lines.gpio.take(fabric, &mut lines.signals, (psel & 0x3f) as u16, level);
    }
}

impl Peripheral for Pwm {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x004 => self.stop(bus),
            0x008 => self.start(bus, 0)?,
            0x00c => self.start(bus, 1)?,
            // NEXTSTEP starts nothing.
            0x010 => self.stepped = self.playing.is_some(),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x500 => u32::from(self.enabled),
            0x504 => u32::from(self.up_and_down),
            0x560..0x570 => self.psel[(offset as usize - 0x560) / 4],
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?,
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        let mask = match offset {
            0x200 => 0x1f,
            0x500 => {
                self.enable(bus, value & 1 != 0);
                return Ok(());
            }
            0x504 => {
                self.up_and_down = value & 1 != 0;
                return Ok(());
            }
            0x508 if value & 0x7fff < TOP_MIN => return Err(AccessFault::UnmodelledUse),
            0x508 | 0x524 | 0x544 => 0x7fff,
            0x50c => 7,
            // MODE, LOAD
            0x510 => 0x103,
            0x514 => 0xffff,
            0x528 | 0x52c | 0x548 | 0x54c => 0x00ff_ffff,
            0x560..0x570 => {
                self.select(bus, (offset as usize - 0x560) / 4, value & 0x8000_003f);
                return Ok(());
            }
            _ => u32::MAX,
        };
        *self.register(offset).ok_or(AccessFault::Unmapped)? = value & mask;
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_PERIOD => self.end_period(bus),
            WAKE_EDGE => {
                let edge = self.wave.as_mut().and_then(Wave::take_edge);
                if let Some(at) = edge {
                    self.drive(bus, at);
                }
            }
            _ => {}
        }
    }
}
