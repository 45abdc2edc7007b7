//! TEMP (PS 6.28): the die's temperature.

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 12;
const DATARDY: u32 = 0;
/// PS 6.28.2: t_TEMP 36 µs.
const MEASUREMENT: VirtualTime = VirtualTime::from_us(36);
/// Room temperature, in the register's unit of 0.25 °C.
const ROOM: i32 = 25 * 4;

/// A0..A5, B0..B5 and T0..T4 out of reset (PS 6.28.1).
pub(super) const SLOPES: [u32; 6] = [0x326, 0x348, 0x3aa, 0x40e, 0x4bd, 0x5a3];
pub(super) const INTERCEPTS: [u32; 6] = [0x3fef, 0x3fbe, 0x3fbe, 0x0012, 0x0124, 0x027c];
pub(super) const END_POINTS: [u32; 5] = [0xe2, 0x00, 0x19, 0x3c, 0x50];

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Temp {
    pub(super) events: Events,
    value: i32,
    slopes: [u32; 6],
    intercepts: [u32; 6],
    end_points: [u32; 5],
    measuring: Option<EventId>,
}

impl Temp {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, 1 << DATARDY),
            value: 0,
            slopes: SLOPES,
            intercepts: INTERCEPTS,
            end_points: END_POINTS,
            measuring: None,
        }
    }

    fn coefficient(&mut self, offset: u32) -> Option<&mut u32> {
        match offset {
            0x520..0x538 => self.slopes.get_mut((offset as usize - 0x520) / 4),
            0x540..0x558 => self.intercepts.get_mut((offset as usize - 0x540) / 4),
            0x560..0x574 => self.end_points.get_mut((offset as usize - 0x560) / 4),
            _ => None,
        }
    }
}

impl Peripheral for Temp {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x000 => {
                let at = bus.now() + MEASUREMENT;
                bus.cancel(&mut self.measuring);
                self.measuring = Some(bus.schedule(ID, 0, at));
            }
            0x004 => bus.cancel(&mut self.measuring),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x508 => Ok(self.value as u32),
            _ => self.coefficient(offset).copied().ok_or(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, _bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        if offset == 0x508 {
            return Err(AccessFault::Denied);
        }
        *self.coefficient(offset).ok_or(AccessFault::Unmapped)? = value;
        Ok(())
    }

    /// The room's temperature and a noise of one step, as the sensor shows it at rest.
    fn wake(&mut self, bus: &mut Bus<'_>, _what: u16) {
        self.measuring = None;
        let mut noise = [0];
        bus.fabric.entropy(&mut noise);
        self.value = ROOM + i32::from(noise[0] % 3) - 1;
        self.events.raise(bus, DATARDY);
    }
}
