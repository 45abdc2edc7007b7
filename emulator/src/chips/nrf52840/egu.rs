//! EGU (PS 6.8): events that software triggers, to reach interrupt handlers and PPI. The SWI peripherals share these
//! pages.

use super::block::{Bus, Events, Peripheral};
use crate::core::fabric::AccessFault;

/// Ids of EGU0 to EGU5.
pub(super) const IDS: [u8; 6] = [20, 21, 22, 23, 24, 25];

/// One of them.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Egu {
    pub(super) events: Events,
}

impl Egu {
    pub(super) fn new(id: u8) -> Self {
        Self {
            events: Events::new(id, 0xffff).with_inten(),
        }
    }
}

impl Peripheral for Egu {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        if offset >= 0x40 {
            return Err(AccessFault::Unmapped);
        }
        self.events.raise(bus, offset / 4);
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, _offset: u32) -> Result<u32, AccessFault> {
        Err(AccessFault::Unmapped)
    }

    fn write(&mut self, _bus: &mut Bus<'_>, _offset: u32, _value: u32) -> Result<(), AccessFault> {
        Err(AccessFault::Unmapped)
    }
}
