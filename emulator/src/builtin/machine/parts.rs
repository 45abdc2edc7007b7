//! The virtual parts of a board as a capability of its machine.

use drydock_assets::Millionths;

use super::BuiltinMachine;
use crate::machine::{PartError, PartFault, PartMessage, PartState, PartTable, VirtualParts};

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
        let parts = fabric.parts_mut().ok_or_else(|| none(part))?;
        parts.set(now, part, property, value)?;
        // At once: a chip that is off may wait for this pin.
        fabric.serve_parts(chip);
        Ok(())
    }

    fn value(&self, part: &str, property: &str) -> Result<Millionths, PartError> {
        let parts = self.core.fabric().parts();
        let parts = parts.ok_or_else(|| none(part))?;
        parts.value(self.core.now(), part, property)
    }

    fn play(&mut self, table: Option<PartTable>) -> Result<(), PartError> {
        let now = self.core.now();
        let (chip, fabric) = self.core.chip_mut();
        let parts = fabric.parts_mut().ok_or_else(|| none("of a table"))?;
        parts.play(now, table)?;
        fabric.serve_parts(chip);
        Ok(())
    }

    fn content(&self, part: &str) -> Result<Vec<u8>, PartError> {
        let parts = self.core.fabric().parts();
        parts.ok_or_else(|| none(part))?.read_content(part)
    }

    fn load_content(&mut self, part: &str, content: &[u8]) -> Result<(), PartError> {
        let now = self.core.now();
        let (chip, fabric) = self.core.chip_mut();
        let parts = fabric.parts_mut().ok_or_else(|| none(part))?;
        parts.load(now, part, content)?;
        fabric.serve_parts(chip);
        Ok(())
    }

    fn contents(&self) -> Vec<(String, u64)> {
        let parts = self.core.fabric().parts();
        parts.map_or_else(Vec::new, |parts| parts.contents())
    }

    fn set_fault(&mut self, part: &str, fault: Option<PartFault>) -> Result<(), PartError> {
        let now = self.core.now();
        let (chip, fabric) = self.core.chip_mut();
        let parts = fabric.parts_mut().ok_or_else(|| none(part))?;
        parts.set_fault(now, part, fault)?;
        fabric.serve_parts(chip);
        Ok(())
    }

    fn take_messages(&mut self) -> Vec<PartMessage> {
        let parts = self.core.fabric_mut().parts_mut();
        parts.map_or_else(Vec::new, |parts| parts.take_messages())
    }
}

/// The board has no parts at all.
fn none(part: &str) -> PartError {
    PartError::NoPart {
        part: part.to_owned(),
        known: Vec::new(),
    }
}
