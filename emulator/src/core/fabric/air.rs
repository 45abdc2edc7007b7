//! What the chip's radio does, for whoever carries its frames. Alone on the air it sends into nothing.

use super::Fabric;
use crate::machine::AirEvent;

/// A radio sends fewer frames between two calls, however long the machine runs.
const EVENTS_MAX: usize = 4_096;

/// The log of a radio. No part of the machine's state: it says who is outside.
#[derive(Default)]
pub(super) struct AirLog {
    events: Vec<AirEvent>,
    /// Somebody carries what it sends.
    is_carried: bool,
}

impl Fabric {
    /// The chip's radio did something.
    pub fn air_event(&mut self, event: AirEvent) {
        if self.air.is_carried && self.air.events.len() < EVENTS_MAX {
            self.air.events.push(event);
        }
    }

    /// Whether somebody carries what the radio sends.
    pub(crate) fn is_on_air(&self) -> bool {
        self.air.is_carried
    }

    /// Somebody carries what the radio sends from now on, or nobody does.
    pub(crate) fn set_on_air(&mut self, on_air: bool) {
        self.air.is_carried = on_air;
        self.air.events.clear();
    }

    /// Takes what the radio did since the last call.
    pub fn take_air_events(&mut self) -> Vec<AirEvent> {
        std::mem::take(&mut self.air.events)
    }
}
