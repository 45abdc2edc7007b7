//! SAADC (PS 6.23): conversions of voltages at pins into a buffer in RAM.
//!
//! A conversion takes the acquisition time and 2 µs (PS 6.23.8, t_CONV). A pin has the voltage of the part that is wired to it,
//! or that of its digital level; one that nobody drives has 0 V. The supply is 3.3 V. Offset calibration takes the time of one
//! conversion of 40 µs, because the PS has no number. Not modelled: the internal sample timer, oversampling without BURST, the
//! input resistors, noise.

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 7;

const STARTED: u32 = 0;
const END: u32 = 1;
const DONE: u32 = 2;
const RESULTDONE: u32 = 3;
const CALIBRATEDONE: u32 = 4;
const STOPPED: u32 = 5;
/// CH[0].LIMITH; LIMITL follows, then those of the next channel.
const LIMITH: u32 = 6;

const CHANNELS: usize = 8;
const SUPPLY_UV: u64 = 3_300_000;
const REFERENCE_UV: i64 = 600_000;
const T_CONV: VirtualTime = VirtualTime::from_us(2);
const CALIBRATION: VirtualTime = VirtualTime::from_us(42);
/// AIN0 to AIN7 (PS 7.1).
const INPUTS: [u16; CHANNELS] = [2, 3, 4, 5, 28, 29, 30, 31];

const WAKE_CONVERTED: u16 = 0;
const WAKE_CALIBRATED: u16 = 1;

/// The converter.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Saadc {
    events: Events,
    enabled: bool,
    channels: [Channel; CHANNELS],
    resolution: u32,
    oversample: u32,
    ptr: u32,
    maxcnt: u32,
    amount: u32,
    /// The buffer of the running START; `None` before it and behind its end.
    buffer: Option<Buffer>,
    /// The channel that is converted.
    converting: Option<u8>,
    due: VirtualTime,
    event: Option<EventId>,
}

#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Buffer {
    ptr: u32,
    words: u32,
}

/// Registers of a channel.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Channel {
    pselp: u32,
    pseln: u32,
    config: u32,
    limit: u32,
}

impl Channel {
    fn acquisition(self) -> VirtualTime {
        VirtualTime::from_us(match self.config >> 16 & 7 {
            0 => 3,
            1 => 5,
            2 => 10,
            3 => 15,
            4 => 20,
            _ => 40,
        })
    }

    /// Numerator and denominator of the gain.
    fn gain(self) -> (i64, i64) {
        match self.config >> 8 & 7 {
            code @ 0..=4 => (1, 6 - i64::from(code)),
            5 => (1, 1),
            6 => (2, 1),
            _ => (4, 1),
        }
    }

    fn is_differential(self) -> bool {
        self.config & 1 << 20 != 0
    }

    fn bursts(self) -> bool {
        self.config & 1 << 24 != 0
    }
}

impl Saadc {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, 0x3f_ffff).with_inten(),
            enabled: false,
            channels: [Channel {
                pselp: 0,
                pseln: 0,
                config: 0x0002_0000,
                limit: 0x7fff_8000,
            }; CHANNELS],
            resolution: 1,
            oversample: 0,
            ptr: 0,
            maxcnt: 0,
            amount: 0,
            buffer: None,
            converting: None,
            due: VirtualTime::ZERO,
            event: None,
        }
    }

    fn start(&mut self, bus: &mut Bus<'_>) {
        if self.enabled {
            self.amount = 0;
            self.buffer = Some(Buffer {
                ptr: self.ptr,
                words: self.maxcnt,
            });
            self.events.raise(bus, STARTED);
        }
    }

    fn sample(&mut self, bus: &mut Bus<'_>) -> Result<(), AccessFault> {
        let is_ready = self.enabled && self.buffer.is_some() && self.converting.is_none();
        if !is_ready {
            return Ok(());
        }
        if self.oversample > 0
            && self
                .channels
                .iter()
                .any(|channel| channel.pselp != 0 && !channel.bursts())
        {
            return Err(AccessFault::UnmodelledUse);
        }
        self.due = bus.now();
        self.convert_next(bus, 0);
        Ok(())
    }

    /// Converts the next enabled channel from number `first` on.
    fn convert_next(&mut self, bus: &mut Bus<'_>, first: usize) {
        let next = (first..CHANNELS).find(|index| self.channels[*index].pselp != 0);
        self.converting = next.map(|index| index as u8);
        if let Some(index) = next {
            let one = (self.channels[index].acquisition() + T_CONV).as_ps();
            self.due += VirtualTime::from_ps(one << self.oversample);
            self.event = Some(bus.schedule(ID, WAKE_CONVERTED, self.due));
        }
    }

    fn converted(&mut self, bus: &mut Bus<'_>) {
        self.event = None;
        let Some(index) = self.converting else { return };
        let result = self.result(bus, usize::from(index));
        self.events.raise(bus, DONE);
        let limit = self.channels[usize::from(index)].limit;
        if result > (limit >> 16) as i16 {
            self.events.raise(bus, LIMITH + 2 * u32::from(index));
        }
        if result < limit as i16 {
            self.events.raise(bus, LIMITH + 2 * u32::from(index) + 1);
        }
        let Some(buffer) = self.buffer else { return };
        // The fabric logs a pointer outside RAM; the result is lost, as on silicon.
        let _ = bus
            .fabric
            .dma_write(buffer.ptr.wrapping_add(2 * self.amount), &result.to_le_bytes());
        self.amount += 1;
        self.events.raise(bus, RESULTDONE);
        if self.amount >= buffer.words {
            self.buffer = None;
            self.converting = None;
            self.events.raise(bus, END);
        } else {
            self.convert_next(bus, usize::from(index) + 1);
        }
    }

    /// PS 6.23.2 "Digital output".
    fn result(&self, bus: &mut Bus<'_>, index: usize) -> i16 {
        let channel = self.channels[index];
        let mut voltage = input_uv(bus, channel.pselp);
        let mut bits = 8 + 2 * self.resolution;
        if channel.is_differential() {
            voltage -= input_uv(bus, channel.pseln);
            bits -= 1;
        }
        let reference = match channel.config & 1 << 12 {
            0 => REFERENCE_UV,
            _ => SUPPLY_UV as i64 / 4,
        };
        let (gain, divisor) = channel.gain();
        let value = (voltage * gain * (1 << bits)).div_euclid(reference * divisor);
        let low = if channel.is_differential() { -(1 << bits) } else { 0 };
        value.clamp(low, (1 << bits) - 1) as i16
    }

    fn stop(&mut self, bus: &mut Bus<'_>) {
        bus.cancel(&mut self.event);
        self.buffer = None;
        self.converting = None;
        self.events.raise(bus, STOPPED);
    }

    fn register(&mut self, offset: u32) -> Option<(&mut u32, u32)> {
        Some(match offset {
            0x510..0x590 => {
                let channel = &mut self.channels[(offset as usize - 0x510) / 16];
                match offset & 0xf {
                    0x0 => (&mut channel.pselp, 0x1f),
                    0x4 => (&mut channel.pseln, 0x1f),
                    0x8 => (&mut channel.config, 0x0117_1733),
                    _ => (&mut channel.limit, u32::MAX),
                }
            }
            0x5f0 => (&mut self.resolution, 3),
            0x5f4 => (&mut self.oversample, 0xf),
            0x62c => (&mut self.ptr, u32::MAX),
            0x630 => (&mut self.maxcnt, 0x7fff),
            _ => return None,
        })
    }
}

/// The voltage at what PSELP or PSELN chooses, in microvolts.
fn input_uv(bus: &mut Bus<'_>, psel: u32) -> i64 {
    let pin = match psel {
        1..=8 => INPUTS[psel as usize - 1],
        // VDD; VDDHDIV5, whose pin has the same supply.
        9 => return SUPPLY_UV as i64,
        0xd => return SUPPLY_UV as i64 / 5,
        _ => return 0,
    };
    let wired = bus.fabric.analog_uv(pin, SUPPLY_UV);
    let level = || match bus.lines.gpio.level(pin) {
        Some(true) => SUPPLY_UV,
        _ => 0,
    };
    wired.unwrap_or_else(level) as i64
}

impl Peripheral for Saadc {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x000 => self.start(bus),
            0x004 => return self.sample(bus),
            0x008 => self.stop(bus),
            0x00c if self.enabled => {
                let at = bus.now() + CALIBRATION;
                bus.schedule(ID, WAKE_CALIBRATED, at);
            }
            0x00c => {}
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x400 => u32::from(self.converting.is_some()),
            0x500 => u32::from(self.enabled),
            // SAMPLERATE: by the SAMPLE task.
            0x5f8 => 0,
            0x634 => self.amount,
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?.0,
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x500 => {
                self.enabled = value & 1 != 0;
                if !self.enabled {
                    bus.cancel(&mut self.event);
                    self.buffer = None;
                    self.converting = None;
                }
            }
            0x5f8 if value & 1 << 12 != 0 => return Err(AccessFault::UnmodelledUse),
            0x5f8 => {}
            0x400 | 0x634 => return Err(AccessFault::Denied),
            _ => {
                let (register, mask) = self.register(offset).ok_or(AccessFault::Unmapped)?;
                *register = value & mask;
            }
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_CONVERTED => self.converted(bus),
            _ => self.events.raise(bus, CALIBRATEDONE),
        }
    }
}
