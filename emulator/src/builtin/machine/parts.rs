//! The virtual parts of a board as a capability of its machine.

use drydock_assets::Millionths;

use super::BuiltinMachine;
use crate::machine::{PartError, PartMessage, PartState, VirtualParts};

impl VirtualParts for BuiltinMachine {
    fn list(&self) -> Vec<PartState> {
        self.core
            .fabric()
            .parts()
            .map_or_else(Vec::new, |parts| parts.list(self.core.now()))
    }

    fn set(&mut self, part: &str, property: &str, value: Millionths) -> Result<(), PartError> {
        let now = self.core.now();
        let (chip, fabric) = self.core.chip_mut();
        let parts = fabric.parts_mut().ok_or_else(|| PartError::NoPart {
            part: part.to_owned(),
            known: Vec::new(),
        })?;
        parts.set(now, part, property, value)?;
        // At once: a chip that is off may wait for this pin.
        fabric.serve_parts(chip);
        Ok(())
    }

    fn take_messages(&mut self) -> Vec<PartMessage> {
        let parts = self.core.fabric_mut().parts_mut();
        parts.map_or_else(Vec::new, |parts| parts.take_messages())
    }
}
