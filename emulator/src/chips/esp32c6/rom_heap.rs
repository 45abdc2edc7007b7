//! The mask ROM's heap, as ESP-IDF's `multi_heap.h` and `tlsf.h` use it. Heaps lie in the program's RAM: blocks one behind
//! the other, each behind a word with its size and two flags as in TLSF; a block of size 0 ends them. The first free block
//! that is large enough is taken.

use crate::core::fabric::{AccessFault, Fabric};

/// Flags in a block's word: it is free; the one before it is.
const FREE: u32 = 1;
const FLAGS: u32 = 3;
const ALIGNMENT: u32 = 4;
/// The shortest block: TLSF keeps its lists in there.
const SHORTEST: u32 = 12;
/// A heap begins with: lock, free bytes, fewest free bytes, bytes of the pool, a word that programs do not read.
const HEAD: u32 = 20;
const FREE_BYTES: u32 = 4;
const FEWEST_FREE: u32 = 8;
const POOL_BYTES: u32 = 12;
const WORD: u32 = 4;

/// A function of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeapCall {
    /// Start, bytes.
    Register,
    /// Heap, bytes.
    Allocate,
    /// Heap, bytes, alignment, offset of what is aligned.
    AllocateAligned,
    /// Heap, bytes, alignment.
    AllocatePlainlyAligned,
    /// Heap, lock.
    SetLock,
    /// Heap, block.
    Free,
    /// Heap, block, bytes.
    Resize,
    /// Heap, block.
    BlockBytes,
    /// Heap.
    FreeBytes,
    FewestFree,
    /// Heap, structure of `multi_heap_info_t`.
    Info,
    /// Heap; whether all is well.
    Check,
    /// A block's address, as its handle.
    Address,
}

/// One block: the address of its content, its bytes, whether it is free.
#[derive(Clone, Copy)]
struct Block {
    at: u32,
    bytes: u32,
    free: bool,
}

/// Carries a function out; 0 stands for no memory. What a damaged heap leads to outside RAM is a fault.
pub(super) fn call(fabric: &mut Fabric, call: HeapCall, arguments: [u32; 4]) -> u32 {
    let [heap, second, third, fourth] = arguments;
    let mut heap = Heap { fabric, at: heap };
    let done = match call {
        HeapCall::Register => heap.register(second).map(|()| heap.at),
        HeapCall::Allocate => heap.allocate(second, ALIGNMENT, 0),
        HeapCall::AllocateAligned => heap.allocate(second, third.max(ALIGNMENT), fourth),
        HeapCall::AllocatePlainlyAligned => heap.allocate(second, third.max(ALIGNMENT), 0),
        HeapCall::SetLock => heap.set(heap.at, second).map(|()| 0),
        HeapCall::Free => heap.free(second).map(|()| 0),
        HeapCall::Resize => heap.resize(second, third),
        HeapCall::BlockBytes => heap.word(second.wrapping_sub(WORD)).map(|word| word & !FLAGS),
        HeapCall::FreeBytes => heap.word(heap.at.wrapping_add(FREE_BYTES)),
        HeapCall::FewestFree => heap.word(heap.at.wrapping_add(FEWEST_FREE)),
        HeapCall::Info => heap.info(second).map(|()| 0),
        HeapCall::Check => heap.is_whole().map(u32::from),
        HeapCall::Address => Ok(heap.at),
    };
    done.unwrap_or(0)
}

struct Heap<'a> {
    fabric: &'a mut Fabric,
    at: u32,
}

impl Heap<'_> {
    fn word(&mut self, at: u32) -> Result<u32, AccessFault> {
        let mut bytes = [0; 4];
        self.fabric.dma_read(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn set(&mut self, at: u32, word: u32) -> Result<(), AccessFault> {
        self.fabric.dma_write(at, &word.to_le_bytes())
    }

    fn register(&mut self, bytes: u32) -> Result<(), AccessFault> {
        let pool = bytes.saturating_sub(HEAD + 2 * WORD) & !(ALIGNMENT - 1);
        for (offset, word) in [
            (0, 0),
            (FREE_BYTES, pool),
            (FEWEST_FREE, pool),
            (POOL_BYTES, pool),
            (16, 0),
        ] {
            self.set(self.at.wrapping_add(offset), word)?;
        }
        let first = self.at.wrapping_add(HEAD + WORD);
        self.set(first.wrapping_sub(WORD), pool | FREE)?;
        self.set(first.wrapping_add(pool), 0)
    }

    /// All blocks. A list that a program has damaged ends where it leaves the heap.
    fn blocks(&mut self) -> Vec<Block> {
        let pool = self.word(self.at.wrapping_add(POOL_BYTES)).unwrap_or(0);
        let (mut at, end) = (
            self.at.wrapping_add(HEAD + WORD),
            self.at.saturating_add(HEAD + WORD).saturating_add(pool),
        );
        let mut blocks = Vec::new();
        while let Ok(word) = self.word(at.wrapping_sub(WORD)) {
            let bytes = word & !FLAGS;
            if bytes == 0 || at >= end {
                break;
            }
            blocks.push(Block {
                at,
                bytes,
                free: word & FREE != 0,
            });
            at = at.saturating_add(bytes).saturating_add(WORD);
        }
        blocks
    }

    /// Whether the blocks fill the pool, as they do unless a program has written over their words.
    fn is_whole(&mut self) -> Result<bool, AccessFault> {
        let pool = self.word(self.at.wrapping_add(POOL_BYTES))?;
        let spans = self
            .blocks()
            .into_iter()
            .map(|block| u64::from(block.bytes) + u64::from(WORD));
        Ok(spans.sum::<u64>() == u64::from(pool) + u64::from(WORD))
    }

    fn allocate(&mut self, bytes: u32, alignment: u32, offset: u32) -> Result<u32, AccessFault> {
        if bytes == 0 || bytes > i32::MAX as u32 || !alignment.is_power_of_two() {
            return Ok(0);
        }
        let bytes = bytes.next_multiple_of(ALIGNMENT).max(SHORTEST);
        for block in self.blocks().into_iter().filter(|block| block.free) {
            let mask = alignment - 1;
            let aligned = |at: u32| (at.wrapping_add(offset).wrapping_add(mask) & !mask).wrapping_sub(offset);
            let mut at = aligned(block.at);
            // What is left before it must be a block.
            while at != block.at && at.wrapping_sub(block.at) < SHORTEST + WORD {
                at = aligned(at.wrapping_add(ALIGNMENT));
            }
            if u64::from(at.wrapping_sub(block.at)) + u64::from(bytes) > u64::from(block.bytes) {
                continue;
            }
            let mut own = block.bytes;
            if at != block.at {
                let before = at - block.at - WORD;
                self.set(block.at.wrapping_sub(WORD), before | FREE)?;
                own = block.bytes - before - WORD;
            }
            own = self.split(at, own, bytes)?;
            self.set(at.wrapping_sub(WORD), own)?;
            self.count()?;
            return Ok(at);
        }
        Ok(0)
    }

    /// Makes what is behind so many bytes of a block a free one, if it is long enough. Returns the block's bytes then.
    fn split(&mut self, at: u32, has: u32, bytes: u32) -> Result<u32, AccessFault> {
        if has - bytes < SHORTEST + WORD {
            return Ok(has);
        }
        self.set(at.wrapping_add(bytes), (has - bytes - WORD) | FREE)?;
        Ok(bytes)
    }

    fn free(&mut self, block: u32) -> Result<(), AccessFault> {
        if block == 0 {
            return Ok(());
        }
        let word = self.word(block.wrapping_sub(WORD))?;
        self.set(block.wrapping_sub(WORD), word | FREE)?;
        self.join()?;
        self.count()
    }

    /// Joins free blocks that lie side by side.
    fn join(&mut self) -> Result<(), AccessFault> {
        let mut last: Option<Block> = None;
        for block in self.blocks() {
            last = match last {
                Some(before) if before.free && block.free => {
                    let joined = Block {
                        bytes: before.bytes.wrapping_add(WORD).wrapping_add(block.bytes),
                        ..before
                    };
                    self.set(joined.at.wrapping_sub(WORD), joined.bytes | FREE)?;
                    Some(joined)
                }
                _ => Some(block),
            };
        }
        Ok(())
    }

    fn resize(&mut self, block: u32, bytes: u32) -> Result<u32, AccessFault> {
        if block == 0 {
            return self.allocate(bytes, ALIGNMENT, 0);
        }
        if bytes == 0 {
            self.free(block)?;
            return Ok(0);
        }
        let has = self.word(block.wrapping_sub(WORD))? & !FLAGS;
        if bytes > i32::MAX as u32 || has > self.word(self.at.wrapping_add(POOL_BYTES))? {
            return Ok(0);
        }
        let wanted = bytes.next_multiple_of(ALIGNMENT).max(SHORTEST);
        if wanted <= has {
            let own = self.split(block, has, wanted)?;
            self.set(block.wrapping_sub(WORD), own)?;
            self.join()?;
            self.count()?;
            return Ok(block);
        }
        let moved = self.allocate(bytes, ALIGNMENT, 0)?;
        if moved != 0 {
            let mut content = vec![0; has as usize];
            self.fabric.dma_read(block, &mut content)?;
            self.fabric.dma_write(moved, &content)?;
            self.free(block)?;
        }
        Ok(moved)
    }

    fn count(&mut self) -> Result<(), AccessFault> {
        let free = self
            .blocks()
            .iter()
            .filter(|block| block.free)
            .fold(0, |sum: u32, block| sum.wrapping_add(block.bytes));
        self.set(self.at.wrapping_add(FREE_BYTES), free)?;
        let fewest = self.word(self.at.wrapping_add(FEWEST_FREE))?.min(free);
        self.set(self.at.wrapping_add(FEWEST_FREE), fewest)
    }

    fn info(&mut self, to: u32) -> Result<(), AccessFault> {
        let (free, taken): (Vec<Block>, Vec<Block>) = self.blocks().into_iter().partition(|block| block.free);
        let bytes = |blocks: &[Block]| blocks.iter().fold(0, |sum: u32, block| sum.wrapping_add(block.bytes));
        let words = [
            bytes(&free),
            bytes(&taken),
            free.iter().map(|block| block.bytes).max().unwrap_or(0),
            self.word(self.at.wrapping_add(FEWEST_FREE))?,
            taken.len() as u32,
            free.len() as u32,
            (free.len() + taken.len()) as u32,
        ];
        for (word, at) in words.into_iter().zip((0..).step_by(4)) {
            self.set(to.wrapping_add(at), word)?;
        }
        Ok(())
    }
}
