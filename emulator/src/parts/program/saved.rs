//! The state of a part that is a module: as a copy, as a hash, and as bytes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use drydock_assets::PartProgram;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wasmi::Val;

use super::host::{MEMORY_BYTES_MAX, Outside};
use super::{Compiled, INIT_FUEL, Program, bits};
use crate::machine::VirtualTime;

/// Memory is saved in pieces of this size, without those that are zero.
const PIECE_BYTES: usize = 256;
/// A page of WebAssembly: custom sizes are off.
const PAGE_BYTES: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Saved {
    kind: String,
    module: Vec<u8>,
    memory_bytes: u32,
    /// Number and content.
    pieces: Vec<(u32, Vec<u8>)>,
    globals: Vec<u64>,
    outside: Outside,
    now: VirtualTime,
}

impl Program {
    fn bytes(&self) -> &[u8] {
        self.memory().map_or(&[], |memory| memory.data(&self.store))
    }

    fn global_bits(&self) -> Vec<u64> {
        let value = |global: &wasmi::Global| bits(&global.get(&self.store));
        self.globals.iter().map(value).collect()
    }

    fn save(&self) -> Saved {
        let pieces = self.bytes().chunks(PIECE_BYTES).enumerate();
        let pieces = pieces.filter(|(_, piece)| piece.iter().any(|byte| *byte != 0));
        let host = self.store.data();
        Saved {
            kind: self.kind.name.clone(),
            module: self.compiled.source.0.to_vec(),
            memory_bytes: self.bytes().len() as u32,
            pieces: pieces.map(|(number, piece)| (number as u32, piece.to_vec())).collect(),
            globals: self.global_bits(),
            outside: host.outside.clone(),
            now: host.now,
        }
    }

    /// A new instance in a saved state.
    fn restore(compiled: Arc<Compiled>, saved: Saved) -> Result<Self, String> {
        let mut part = Self::begin(&saved.kind, compiled).map_err(|error| error.to_string())?;
        let host = part.store.data();
        let fits = saved.outside.values.len() == host.outside.values.len()
            && saved.outside.levels.len() == host.outside.levels.len()
            && saved.outside.drives.len() == host.outside.drives.len()
            && saved.outside.canvas.len() == host.outside.canvas.len()
            && saved.globals.len() == part.globals.len()
            && saved.memory_bytes as usize <= MEMORY_BYTES_MAX;
        if !fits {
            return Err(format!("the state of {} is not one of its module", saved.kind));
        }
        part.grow(saved.memory_bytes as usize)?;
        if let Some(memory) = part.memory() {
            let bytes = memory.data_mut(&mut part.store);
            bytes.fill(0);
            for (number, piece) in &saved.pieces {
                let at = *number as usize * PIECE_BYTES;
                let place = at.checked_add(piece.len()).and_then(|end| bytes.get_mut(at..end));
                let place = place.ok_or_else(|| format!("the state of {} has memory outside", saved.kind))?;
                place.copy_from_slice(piece);
            }
        }
        for (global, bits) in part.globals.clone().into_iter().zip(&saved.globals) {
            let value = match global.get(&part.store) {
                Val::I32(_) => Val::I32(*bits as u32 as i32),
                _ => Val::I64(*bits as i64),
            };
            global.set(&mut part.store, value).map_err(|error| error.to_string())?;
        }
        let host = part.store.data_mut();
        host.outside = saved.outside;
        host.now = saved.now;
        host.messages.clear();
        Ok(part)
    }

    /// Lets memory have `bytes` bytes, as it had.
    fn grow(&mut self, bytes: usize) -> Result<(), String> {
        let other = || "the state has another memory than its module".to_owned();
        let Some(memory) = self.memory() else {
            return if bytes == 0 { Ok(()) } else { Err(other()) };
        };
        let has = memory.data_size(&self.store);
        if bytes < has || !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(other());
        }
        self.store.set_fuel(INIT_FUEL).map_err(|_| other())?;
        let grown = memory.grow(&mut self.store, ((bytes - has) / PAGE_BYTES) as u64);
        grown.map(drop).map_err(|_| other())
    }
}

impl Clone for Program {
    fn clone(&self) -> Self {
        Self::restore(Arc::clone(&self.compiled), self.save()).expect("a module that runs can be instantiated again")
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("kind", &self.kind.name)
            .finish_non_exhaustive()
    }
}

impl Hash for Program {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let host = self.store.data();
        (self.compiled.digest, self.bytes(), self.global_bits(), &host.outside).hash(state);
    }
}

impl Serialize for Program {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.save().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let compiled = Compiled::new(&PartProgram(saved.module.as_slice().into())).map_err(D::Error::custom)?;
        Self::restore(Arc::new(compiled), saved).map_err(D::Error::custom)
    }
}
