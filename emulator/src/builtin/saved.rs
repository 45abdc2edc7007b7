//! The whole state of a machine as bytes: the serialised core and chip, and the memory pages that differ from those of
//! a freshly loaded machine.

use serde::{Deserialize, Serialize};

use super::machine::{BuiltinMachine, LogReader};
use crate::core::any_core::SavedCore;
use crate::core::fabric::BadState;
use crate::core::memory::PAGE_BYTES;
use crate::machine::MachineError;
use crate::machine::{BlankMachine, Machine, SavedState};

#[derive(Serialize, Deserialize)]
struct SavedMachine {
    core: SavedCore,
    /// Why it crashed, if it did.
    crashed: Option<String>,
    logs: Option<LogReader>,
    pages: Vec<SavedPage>,
}

#[derive(Serialize, Deserialize)]
struct SavedPage {
    addr: u32,
    bytes: Vec<u8>,
}

impl SavedState for BuiltinMachine {
    fn write_state(&mut self, blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError> {
        let mut blank = blank()?;
        let mut pages = Vec::new();
        let mut loaded = [0; PAGE_BYTES];
        for (addr, bytes) in self.core().fabric().memory().pages() {
            blank.read_memory(addr, &mut loaded)?;
            if *bytes != loaded {
                pages.push(SavedPage {
                    addr,
                    bytes: bytes.to_vec(),
                });
            }
        }
        let written = self.core().save().and_then(|core| {
            let saved = SavedMachine {
                core,
                crashed: self.crash().map(str::to_owned),
                logs: self.logs().cloned(),
                pages,
            };
            Ok(postcard::to_allocvec(&saved)?)
        });
        written.map_err(|bad| self.bad_state(bad))
    }

    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError> {
        self.take_over(state).map_err(|bad| self.bad_state(bad))
    }
}

impl BuiltinMachine {
    fn take_over(&mut self, state: &[u8]) -> Result<(), BadState> {
        let (saved, rest) = postcard::take_from_bytes::<SavedMachine>(state)?;
        if !rest.is_empty() {
            return Err(BadState("bytes are left over".to_owned()));
        }
        for page in &saved.pages {
            if page.bytes.len() != PAGE_BYTES || !page.addr.is_multiple_of(PAGE_BYTES as u32) {
                return Err(BadState(format!("{:#010x} is no page of memory", page.addr)));
            }
            let memory = self.core_mut().fabric_mut().memory_mut();
            let written = memory.write(page.addr, &page.bytes);
            written.map_err(|missing| BadState(missing.to_string()))?;
        }
        self.core_mut().load(saved.core)?;
        self.set_crash(saved.crashed);
        self.set_logs(saved.logs);
        Ok(())
    }

    fn bad_state(&self, BadState(reason): BadState) -> MachineError {
        MachineError::BadState {
            board: self.info().board.clone(),
            reason,
        }
    }
}
