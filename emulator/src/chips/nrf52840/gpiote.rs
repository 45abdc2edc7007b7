//! GPIOTE (PS 6.10): eight channels that turn pin edges into events and tasks into pin levels, and the PORT event.

use super::block::{Bus, Events, Peripheral};
use super::gpio::PINS;
use crate::core::fabric::AccessFault;

pub(super) const ID: u8 = 6;
const CHANNELS: usize = 8;
const PORT: u32 = 31;

/// CONFIG.MODE.
const MODE_EVENT: u32 = 1;
const MODE_TASK: u32 = 3;

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpiote {
    pub(super) events: Events,
    config: [u32; CHANNELS],
    /// The level that each channel in task mode drives.
    out: [bool; CHANNELS],
}

impl Gpiote {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, 0xff | 1 << PORT),
            config: [0; CHANNELS],
            out: [false; CHANNELS],
        }
    }

    /// A pin changed its level.
    pub(super) fn pin_changed(&mut self, bus: &mut Bus<'_>, pin: u16, level: bool) {
        for channel in 0..CHANNELS {
            let config = self.config[channel];
            if config & 3 != MODE_EVENT || pin_of(config) != pin {
                continue;
            }
            // POLARITY: 1 LoToHi, 2 HiToLo, 3 Toggle
            let polarity = config >> 16 & 3;
            if polarity & if level { 1 } else { 2 } != 0 {
                self.events.raise(bus, channel as u32);
            }
        }
    }

    /// DETECT rose on a port.
    pub(super) fn port_detected(&mut self, bus: &mut Bus<'_>) {
        self.events.raise(bus, PORT);
    }

    fn drive(&mut self, bus: &mut Bus<'_>, channel: usize, level: bool) {
        self.out[channel] = level;
        let pin = pin_of(self.config[channel]);
        let (lines, fabric) = (&mut *bus.lines, &mut *bus.fabric);
        lines.gpio.take(fabric, &mut lines.signals, pin, Some(level));
    }

    fn configure(&mut self, bus: &mut Bus<'_>, channel: usize, value: u32) -> Result<(), AccessFault> {
        let value = value & 0x0013_3f03;
        if value & 3 == 2 || value & 3 != 0 && pin_of(value) >= PINS {
            return Err(AccessFault::UnmodelledUse);
        }
        let old = self.config[channel];
        if old & 3 == MODE_TASK && (value & 3 != MODE_TASK || pin_of(old) != pin_of(value)) {
            let (lines, fabric) = (&mut *bus.lines, &mut *bus.fabric);
            lines.gpio.take(fabric, &mut lines.signals, pin_of(old), None);
        }
        self.config[channel] = value;
        if value & 3 == MODE_TASK {
            self.drive(bus, channel, value >> 20 & 1 != 0);
        }
        Ok(())
    }
}

/// CONFIG.PORT and CONFIG.PSEL.
fn pin_of(config: u32) -> u16 {
    (config >> 8 & 0x3f) as u16
}

impl Peripheral for Gpiote {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        let channel = (offset as usize % 0x30) / 4;
        if channel >= CHANNELS || offset >= 0x80 {
            return Err(AccessFault::Unmapped);
        }
        if self.config[channel] & 3 != MODE_TASK {
            return Ok(());
        }
        let level = match (offset / 0x30, self.config[channel] >> 16 & 3) {
            // OUT: what POLARITY says
            (0, 0) => return Ok(()),
            (0, 1) => true,
            (0, 2) => false,
            (0, _) => !self.out[channel],
            // SET, CLR
            (1, _) => true,
            _ => false,
        };
        self.drive(bus, channel, level);
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x510..0x530 => Ok(self.config[(offset as usize - 0x510) / 4]),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x510..0x530 => self.configure(bus, (offset as usize - 0x510) / 4, value),
            _ => Err(AccessFault::Unmapped),
        }
    }
}
