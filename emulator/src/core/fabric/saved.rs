//! The state of a chip and of its fabric as a copy, as a hash, and as bytes for snapshot files. Every part of a
//! chip's struct must have all three, or the chip does not compile: no peripheral can be forgotten.

use std::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Chip, Dropped, Fabric, IrqLines, Request};
use crate::core::events::EventQueue;
use crate::machine::VirtualTime;
use crate::machine::entropy::SavedEntropy;
use crate::parts::Parts;

/// The bytes are not a state of this build of Drydock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is not one of this model ({0})")]
pub struct BadState(pub String);

impl From<postcard::Error> for BadState {
    fn from(error: postcard::Error) -> Self {
        Self(error.to_string())
    }
}

/// A chip's whole state. Implemented for every chip that can be cloned, hashed and serialised by `serde`.
pub trait ChipState {
    /// A copy for a snapshot or a fork.
    fn snapshot(&self) -> Box<dyn Chip>;

    /// Feeds everything that determines the future of the chip into `state` (replay hash).
    fn hash_state(&self, state: &mut dyn Hasher);

    /// The state as bytes.
    ///
    /// # Errors
    /// [`BadState`]: a part of it has no serialised form.
    fn save(&self) -> Result<Vec<u8>, BadState>;

    /// Loads a saved state.
    ///
    /// # Errors
    /// [`BadState`]; the chip is unchanged then.
    fn load(&mut self, state: &[u8]) -> Result<(), BadState>;
}

impl<T: Chip + Clone + Hash + Serialize + DeserializeOwned + 'static> ChipState for T {
    fn snapshot(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }

    fn hash_state(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }

    fn save(&self) -> Result<Vec<u8>, BadState> {
        Ok(postcard::to_allocvec(self)?)
    }

    fn load(&mut self, state: &[u8]) -> Result<(), BadState> {
        let (chip, rest) = postcard::take_from_bytes(state)?;
        if !rest.is_empty() {
            return Err(BadState("bytes are left over".to_owned()));
        }
        *self = chip;
        Ok(())
    }
}

/// Everything that decides the future of a fabric, except memory.
#[derive(Serialize, Deserialize)]
pub(in crate::core) struct SavedFabric {
    now: VirtualTime,
    pc: u32,
    cpu_hz: u32,
    cpu_hz_changed: bool,
    events: EventQueue,
    irq: IrqLines,
    entropy: SavedEntropy,
    request: Option<Request>,
    stalled_until: VirtualTime,
    dropped: Dropped,
    parts: Option<Box<Parts>>,
}

impl Fabric {
    /// The state without memory, and without outputs that were not taken yet.
    pub(in crate::core) fn save(&self) -> SavedFabric {
        let Self {
            now,
            pc,
            cpu_hz,
            cpu_hz_changed,
            events,
            irq,
            memory: _,
            entropy,
            request,
            stalled_until,
            polls_are_skipped: _,
            serves_semihosting: _,
            collects_itm: _,
            uart_output: _,
            pin_changes: _,
            trace: _,
            faults: _,
            repeats: _,
            unmodelled: _,
            command_line: _,
            dropped,
            attention: _,
            usb_events: _,
            air: _,
            profile: _,
            parts,
        } = self;
        SavedFabric {
            now: *now,
            pc: *pc,
            cpu_hz: *cpu_hz,
            cpu_hz_changed: *cpu_hz_changed,
            events: events.clone(),
            irq: irq.clone(),
            entropy: entropy.save(),
            request: *request,
            stalled_until: *stalled_until,
            dropped: *dropped,
            parts: parts.clone(),
        }
    }

    /// Loads a saved state; memory stays unchanged.
    pub(in crate::core) fn load(&mut self, saved: SavedFabric) {
        let SavedFabric {
            now,
            pc,
            cpu_hz,
            cpu_hz_changed,
            events,
            irq,
            entropy,
            request,
            stalled_until,
            dropped,
            parts,
        } = saved;
        self.now = now;
        self.pc = pc;
        self.cpu_hz = cpu_hz;
        self.cpu_hz_changed = cpu_hz_changed;
        self.events = events;
        self.irq = irq;
        self.entropy = entropy.load();
        self.request = request;
        self.stalled_until = stalled_until;
        self.dropped = dropped;
        self.parts = parts;
        self.polls_are_skipped = false;
        self.uart_output.clear();
        self.pin_changes.clear();
        self.take_trace();
        self.take_air_events();
        self.faults.clear();
        self.repeats.clear();
        self.attention = true;
    }
}
