//! The code cache: decoded blocks by address. Blocks decoded from an image's flash pages belong to the image and are
//! shared by all machines that hold these pages unchanged ([`SharedCodeCache`]); all others belong to one machine
//! ([`CodeCache`]). A machine that changes such a page stops using the shared cache and decodes its own blocks.
//!
//! A shared block depends only on the image's bytes: on no register, no other memory, no machine. If two machines
//! decode the same block at once, either result is valid for both.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use super::memory::PAGE_BYTES;

/// Bytes of guest code whose entries are allocated at once.
const CHUNK_BYTES: u32 = 256;
/// Instructions lie at even addresses.
const ALIGNMENT: u32 = 2;

/// The blocks of an image. They live until the cache is dropped.
pub(super) struct SharedCodeCache<B> {
    runs: Vec<Run<B>>,
}

/// Pages without a gap.
struct Run<B> {
    base: u32,
    bytes: u32,
    chunks: Box<[OnceLock<Chunk<B>>]>,
}

type Chunk<B> = Box<[OnceLock<Box<B>>]>;

impl<B> SharedCodeCache<B> {
    /// An empty cache of the code in `pages`, which must be in order of address.
    pub(super) fn new(pages: impl IntoIterator<Item = u32>) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for page in pages {
            match runs.last_mut() {
                Some((base, bytes)) if base.wrapping_add(*bytes) == page => *bytes += PAGE_BYTES as u32,
                _ => runs.push((page, PAGE_BYTES as u32)),
            }
        }
        let run = |(base, bytes): (u32, u32)| Run {
            base,
            bytes,
            chunks: (0..bytes / CHUNK_BYTES).map(|_| OnceLock::new()).collect(),
        };
        Self {
            runs: runs.into_iter().map(run).collect(),
        }
    }

    /// Whether `bytes` bytes at `addr` are the image's.
    pub(super) fn covers(&self, addr: u32, bytes: u32) -> bool {
        self.runs.iter().any(|run| {
            let offset = addr.wrapping_sub(run.base);
            offset < run.bytes && bytes <= run.bytes - offset
        })
    }

    fn get(&self, pc: u32) -> Option<&B> {
        let (run, offset) = self.run(pc)?;
        let chunk = run.chunks[(offset / CHUNK_BYTES) as usize].get()?;
        Some(chunk[entry_index(offset)].get()?)
    }

    /// Stores a block, unless another machine was first; returns the stored one.
    fn keep(&self, pc: u32, block: Box<B>) -> Option<&B> {
        let (run, offset) = self.run(pc)?;
        let chunk = run.chunks[(offset / CHUNK_BYTES) as usize]
            .get_or_init(|| (0..CHUNK_BYTES / ALIGNMENT).map(|_| OnceLock::new()).collect());
        Some(chunk[entry_index(offset)].get_or_init(|| block))
    }

    fn run(&self, pc: u32) -> Option<(&Run<B>, u32)> {
        let offsets = self.runs.iter().map(|run| (run, pc.wrapping_sub(run.base)));
        offsets.into_iter().find(|(run, offset)| *offset < run.bytes)
    }
}

fn entry_index(offset: u32) -> usize {
    (offset % CHUNK_BYTES / ALIGNMENT) as usize
}

/// The blocks that one machine runs: those of its image, shared, and its own.
pub(super) struct CodeCache<B> {
    shared: Option<Arc<SharedCodeCache<B>>>,
    /// Whether the machine's memory still equals the content from which the shared cache was decoded.
    shares: bool,
    own: HashMap<u32, Box<B>, BuildHasherDefault<PcHasher>>,
}

impl<B> Default for CodeCache<B> {
    fn default() -> Self {
        Self {
            shared: None,
            shares: false,
            own: HashMap::default(),
        }
    }
}

impl<B> CodeCache<B> {
    /// A cache without own blocks, on top of `shared`, whose image the machine's memory holds.
    pub(super) fn with_shared(shared: Arc<SharedCodeCache<B>>) -> Self {
        Self {
            shared: Some(shared),
            shares: true,
            own: HashMap::default(),
        }
    }

    /// The blocks of a machine with the same memory.
    pub(super) fn fork(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            shares: self.shares,
            own: HashMap::default(),
        }
    }

    /// The shared cache, while this machine may use it.
    pub(super) fn shared_cache(&self) -> Option<&SharedCodeCache<B>> {
        self.shared.as_deref().filter(|_| self.shares)
    }

    pub(super) fn get(&self, pc: u32) -> Option<&B> {
        let shared = self.shared_cache().and_then(|shared| shared.get(pc));
        shared.or_else(|| self.own.get(&pc).map(|block| &**block))
    }

    /// Stores a block in the shared cache, which must cover everything that it was decoded from.
    pub(super) fn keep_shared(&self, pc: u32, block: Box<B>) -> Option<&B> {
        self.shared_cache()?.keep(pc, block)
    }

    /// Keeps a block of this machine alone.
    pub(super) fn keep_own(&mut self, pc: u32, block: Box<B>) -> Option<&B> {
        Some(self.own.entry(pc).insert_entry(block).into_mut())
    }

    /// Drops the machine's own blocks, because code was rewritten. `shares`: the image's pages still hold their loaded
    /// content, so that shared blocks may be run.
    pub(super) fn clear(&mut self, shares: bool) {
        self.own.clear();
        self.shares = shares;
    }
}

/// Spreads addresses over a hash table.
#[derive(Default)]
struct PcHasher(u64);

impl Hasher for PcHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, pc: u32) {
        self.0 = (self.0 ^ u64::from(pc))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_cache_covers_its_pages_and_nothing_between() {
        let shared: SharedCodeCache<u8> = SharedCodeCache::new([0x1000, 0x2000, 0x8000]);
        for (addr, bytes, covered) in [
            (0x1000, 0x2000, true),
            (0x1000, 0x2001, false),
            (0x2fff, 1, true),
            (0x2fff, 2, false),
            (0xfff, 1, false),
            (0x8ffe, 2, true),
            (0x7fff, 1, false),
        ] {
            assert_eq!(shared.covers(addr, bytes), covered, "{addr:#x}");
        }
        assert!(shared.keep(0x3000, Box::new(1)).is_none());
    }

    #[test]
    fn the_first_block_stays() {
        let shared = SharedCodeCache::new([0x1000]);
        assert_eq!(shared.get(0x1100), None);
        assert_eq!(shared.keep(0x1100, Box::new(1)), Some(&1));
        assert_eq!(shared.keep(0x1100, Box::new(2)), Some(&1));
        assert_eq!((shared.get(0x1100), shared.get(0x1102)), (Some(&1), None));
    }

    #[test]
    fn a_machine_that_changed_its_image_sees_only_its_own_blocks() {
        let shared = Arc::new(SharedCodeCache::new([0x1000]));
        let (mut one, other) = (CodeCache::with_shared(shared.clone()), CodeCache::with_shared(shared));
        one.keep_shared(0x1000, Box::new(1));
        assert_eq!(other.get(0x1000), Some(&1));
        one.keep_own(0x2000, Box::new(2));
        assert_eq!((one.get(0x2000), other.get(0x2000)), (Some(&2), None));
        one.clear(false);
        assert_eq!((one.get(0x1000), one.get(0x2000)), (None, None));
        assert_eq!(one.keep_shared(0x1004, Box::new(3)), None);
        assert_eq!((other.get(0x1000), other.get(0x1004)), (Some(&1), None));
    }
}
