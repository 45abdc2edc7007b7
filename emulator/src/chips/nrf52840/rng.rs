//! RNG (PS 6.19): random bytes at the rate of the silicon, drawn from the machine's recorded seed.

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 13;
const VALRDY: u32 = 0;

/// PS 6.19.3: t_RNG,START 128 µs, t_RNG,RAW 30 µs, t_RNG,BC 120 µs a byte (typical).
const START: VirtualTime = VirtualTime::from_us(128);
const RAW: VirtualTime = VirtualTime::from_us(30);
const BIAS_CORRECTED: VirtualTime = VirtualTime::from_us(120);

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rng {
    pub(super) events: Events,
    valrdy_stop: bool,
    bias_correction: bool,
    value: u8,
    running: bool,
    next: Option<EventId>,
}

impl Rng {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, 1 << VALRDY),
            valrdy_stop: false,
            bias_correction: false,
            value: 0,
            running: false,
            next: None,
        }
    }

    fn go_on(&mut self, bus: &mut Bus<'_>, settling: VirtualTime) {
        let byte = if self.bias_correction { BIAS_CORRECTED } else { RAW };
        let at = bus.now() + settling + byte;
        bus.cancel(&mut self.next);
        self.next = Some(bus.schedule(ID, 0, at));
    }

    fn stop(&mut self, bus: &mut Bus<'_>) {
        self.running = false;
        bus.cancel(&mut self.next);
    }

    /// Restarts a generator that was held after its last byte because nothing read it (see `wake`).
    fn release(&mut self, bus: &mut Bus<'_>) {
        if self.running && self.next.is_none() {
            self.go_on(bus, VirtualTime::ZERO);
        }
    }
}

impl Peripheral for Rng {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x000 => {
                self.running = true;
                self.go_on(bus, START);
            }
            0x004 => self.stop(bus),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x200 => u32::from(self.valrdy_stop),
            0x504 => u32::from(self.bias_correction),
            0x508 => {
                self.release(bus);
                u32::from(self.value)
            }
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, _bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x200 => self.valrdy_stop = value & 1 != 0,
            0x504 => self.bias_correction = value & 1 != 0,
            0x508 => return Err(AccessFault::Denied),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, _what: u16) {
        self.next = None;
        let mut byte = [0];
        bus.fabric.entropy(&mut byte);
        self.value = byte[0];
        let unheard = self.events.is_set(VALRDY) && !self.events.is_heard(bus, VALRDY);
        self.events.raise(bus, VALRDY);
        if self.valrdy_stop {
            self.running = false;
        } else if !unheard {
            // While VALRDY stays set, further values cannot be distinguished from this one: there is no need to wake a
            // sleeping machine for them. Reading VALUE, or clearing VALRDY, restarts the generator.
            self.go_on(bus, VirtualTime::ZERO);
        }
    }

    fn event_cleared(&mut self, bus: &mut Bus<'_>) {
        self.release(bus);
    }
}
