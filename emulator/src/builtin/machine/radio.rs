//! The radio of a chip as a capability of its machine.

use super::BuiltinMachine;
use crate::machine::{AirEvent, Heard, RadioAir};

impl RadioAir for BuiltinMachine {
    fn set_on_air(&mut self, on_air: bool) {
        self.core.fabric_mut().set_on_air(on_air);
    }

    fn take_air_events(&mut self) -> Vec<AirEvent> {
        self.core.fabric_mut().take_air_events()
    }

    fn hear(&mut self, heard: Heard) {
        let (chip, fabric) = self.core.chip_mut();
        chip.hear(fabric, heard);
    }
}
