//! The virtual parts of a board as a capability of its machine.

use drydock_assets::Millionths;

use super::BuiltinMachine;
use crate::machine::{PartError, PartState, VirtualParts};

impl VirtualParts for BuiltinMachine {
    fn list(&self) -> Vec<PartState> {
        self.core.fabric().parts().map_or_else(Vec::new, |parts| parts.list())
    }

    fn set(&mut self, part: &str, property: &str, value: Millionths) -> Result<(), PartError> {
        let now = self.core.now();
        match self.core.fabric_mut().parts_mut() {
            Some(parts) => parts.set(now, part, property, value),
            None => Err(PartError::NoPart {
                part: part.to_owned(),
                known: Vec::new(),
            }),
        }
    }
}
