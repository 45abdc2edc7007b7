//! The heap: all RAM after the statics, two-level segregated fit, shared by the firmware and the apps' arenas.
//!
//! An arena is an account, not a region: fixed regions would waste most of their memory. Each block stores its arena
//! and its neighbours in that arena's list, so that all blocks of an arena can be freed without their owners (see
//! [`work`](crate::work)).

use crate::work;
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::{Cell, RefCell},
    mem::MaybeUninit,
    ptr::{self, NonNull},
};
use drydock_device::board::{MAX_ARENAS, Usage};
use rlsf::Tlsf;

#[global_allocator]
static HEAP: Heap = Heap {
    blocks: RefCell::new(Tlsf::new()),
    used_bytes: Cell::new(0),
    peak_bytes: Cell::new(0),
    total_bytes: Cell::new(0),
    arenas: [const { Arena::new() }; MAX_ARENAS],
};

/// Block sizes up to 256 KiB (16 bytes shifted by 14) in classes of an eighth.
type Blocks = Tlsf<'static, u16, u8, 14, 8>;

/// Overhead of the allocator per block, and the granularity of sizes.
const BLOCK_HEADER_BYTES: usize = 8;
const BLOCK_GRAIN_BYTES: usize = 16;

struct Heap {
    blocks: RefCell<Blocks>,
    used_bytes: Cell<u32>,
    peak_bytes: Cell<u32>,
    total_bytes: Cell<u32>,
    arenas: [Arena; MAX_ARENAS],
}

struct Arena {
    used_bytes: Cell<u32>,
    first: Cell<Option<NonNull<Tag>>>,
}

impl Arena {
    const fn new() -> Self {
        Self {
            used_bytes: Cell::new(0),
            first: Cell::new(None),
        }
    }
}

// SAFETY: one core, and interrupt handlers neither allocate nor use the heap.
unsafe impl Sync for Heap {}

/// Precedes the bytes of each block.
#[derive(Clone, Copy)]
#[repr(C)]
struct Tag {
    /// Neighbours in the arena's list, as [`link`]s.
    next: u16,
    previous: u16,
    /// [`FIRMWARE`] or an arena's number.
    owner: u8,
    /// Binary logarithm of the block's alignment.
    alignment: u8,
    reserved: u16,
}

const FIRMWARE: u8 = 0xFF;
const TAG_BYTES: usize = size_of::<Tag>();

/// The base address of [`link`]s; the heap ends less than 512 KiB after it. On Arm it is the start of RAM in the
/// architecture's memory map (ARMv7-M ARM, B3.1); elsewhere the linker script defines it.
#[cfg(target_arch = "arm")]
fn ram_start() -> usize {
    0x2000_0000
}

#[cfg(not(target_arch = "arm"))]
fn ram_start() -> usize {
    unsafe extern "C" {
        static _ram_start: u32;
    }
    &raw const _ram_start as usize
}

/// A tag's address in a half-word. 0 stands for `None`: the allocator's own header precedes the first tag.
fn link(tag: Option<NonNull<Tag>>) -> u16 {
    tag.map_or(0, |tag| ((tag.as_ptr() as usize - ram_start()) / TAG_BYTES) as u16)
}

fn linked(link: u16) -> Option<NonNull<Tag>> {
    match link {
        0 => None,
        _ => NonNull::new((ram_start() + usize::from(link) * TAG_BYTES) as *mut Tag),
    }
}

/// Gives the allocator its memory: from the linker script's `_heap_start` to its `_heap_end`. Called once, before anything
/// is allocated.
pub fn init() {
    unsafe extern "C" {
        static mut _heap_start: u32;
        static mut _heap_end: u32;
    }
    let (start, end) = (&raw mut _heap_start as usize, &raw mut _heap_end as usize);
    // SAFETY: the linker reserves this range for the heap, and nothing else uses it.
    let memory: &'static mut [MaybeUninit<u8>] =
        unsafe { core::slice::from_raw_parts_mut(start as *mut MaybeUninit<u8>, end - start) };
    HEAP.total_bytes.set((end - start) as u32);
    HEAP.blocks.borrow_mut().insert_free_block(memory);
}

/// Numbers of the heap, headers and tags included.
pub fn usage() -> Usage {
    Usage {
        used_bytes: HEAP.used_bytes.get(),
        peak_bytes: HEAP.peak_bytes.get(),
        total_bytes: HEAP.total_bytes.get(),
    }
}

/// Bytes that belong to an arena, headers and tags included.
pub fn arena_bytes(arena: u8) -> u32 {
    HEAP.arenas
        .get(usize::from(arena))
        .map_or(0, |arena| arena.used_bytes.get())
}

/// Frees all blocks of an arena.
///
/// # Safety
/// The blocks are no longer used.
pub unsafe fn free_arena(number: u8) {
    let Some(arena) = HEAP.arenas.get(usize::from(number)) else {
        return;
    };
    let mut next = arena.first.take();
    while let Some(tag) = next {
        // SAFETY: tags in a list stand before live blocks of the heap.
        let Tag {
            next: following,
            alignment,
            ..
        } = unsafe { tag.read() };
        let alignment = 1usize << alignment;
        // SAFETY: the block was allocated with this alignment, and the caller guarantees that it is no longer used.
        unsafe { HEAP.blocks.borrow_mut().deallocate(block_of(tag, alignment), alignment) };
        next = linked(following);
    }
    HEAP.count(0, arena.used_bytes.take());
}

/// Start of the allocator's block: before the bytes by their alignment, but at least by a tag.
unsafe fn block_of(tag: NonNull<Tag>, alignment: usize) -> NonNull<u8> {
    // SAFETY: the caller got the tag from a block that was made so.
    unsafe { tag.cast::<u8>().add(TAG_BYTES).sub(lead(alignment)) }
}

fn lead(alignment: usize) -> usize {
    TAG_BYTES.max(alignment)
}

fn tagged(layout: Layout) -> Option<Layout> {
    let alignment = layout.align().max(align_of::<Tag>());
    Layout::from_size_align(layout.size().checked_add(lead(alignment))?, alignment).ok()
}

/// The bytes of the heap that an allocation uses.
fn cost(tagged: Layout) -> u32 {
    (tagged.size() + BLOCK_HEADER_BYTES).next_multiple_of(BLOCK_GRAIN_BYTES) as u32
}

impl Heap {
    fn count(&self, added: u32, removed: u32) {
        let used = self.used_bytes.get() + added - removed;
        self.used_bytes.set(used);
        self.peak_bytes.set(self.peak_bytes.get().max(used));
    }

    /// Adds a block to its owner's list and counts it.
    unsafe fn enlist(&self, tag: NonNull<Tag>, owner: u8, alignment: usize, bytes: u32) {
        self.count(bytes, 0);
        let mut next = None;
        if let Some(arena) = self.arenas.get(usize::from(owner)) {
            arena.used_bytes.set(arena.used_bytes.get() + bytes);
            next = arena.first.replace(Some(tag));
        }
        // SAFETY: the caller has just allocated the block, and tags in a list are alive.
        unsafe {
            tag.write(Tag {
                next: link(next),
                previous: 0,
                owner,
                alignment: alignment.trailing_zeros() as u8,
                reserved: 0,
            });
            if let Some(next) = next {
                (*next.as_ptr()).previous = link(Some(tag));
            }
        }
    }

    /// Removes a block from its owner's list. Returns the owner.
    unsafe fn delist(&self, tag: NonNull<Tag>, bytes: u32) -> u8 {
        self.count(0, bytes);
        // SAFETY: the caller's block is alive, and so are its neighbours.
        let Tag {
            next, previous, owner, ..
        } = unsafe { tag.read() };
        if let Some(arena) = self.arenas.get(usize::from(owner)) {
            arena.used_bytes.set(arena.used_bytes.get() - bytes);
            // SAFETY: as above.
            unsafe {
                match linked(previous) {
                    Some(previous) => (*previous.as_ptr()).next = next,
                    None => arena.first.set(linked(next)),
                }
                if let Some(next) = linked(next) {
                    (*next.as_ptr()).previous = previous;
                }
            }
        }
        owner
    }

    /// Whether an arena may grow by this many bytes: up to `other_limit_bytes`, or without it up to the limit of the
    /// current work. The firmware itself has no limit.
    fn may_grow(&self, owner: u8, bytes: u32, other_limit_bytes: Option<u32>) -> bool {
        match (self.arenas.get(usize::from(owner)), work::current()) {
            (Some(arena), Some((number, limit_bytes))) if number == owner => {
                arena.used_bytes.get() + bytes <= other_limit_bytes.unwrap_or(limit_bytes)
            }
            _ => true,
        }
    }
}

// SAFETY: rlsf's allocator fulfils the contract; tags lie before the returned bytes, not in them.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let owner = work::current().map_or(FIRMWARE, |(number, _)| number);
        let growth = work::take_growth(layout.align());
        let allocated = tagged(layout)
            .filter(|tagged| self.may_grow(owner, cost(*tagged), growth))
            .and_then(|tagged| Some((self.blocks.borrow_mut().allocate(tagged)?, tagged)));
        let Some((block, tagged)) = allocated else {
            if growth.is_none() {
                work::exhausted(layout.size());
            }
            return ptr::null_mut();
        };
        if growth.is_some() {
            work::grew(cost(tagged));
        }
        // SAFETY: the block is as long as its lead and the bytes; the tag is the end of the lead.
        unsafe {
            let bytes = block.add(lead(tagged.align()));
            self.enlist(bytes.sub(TAG_BYTES).cast(), owner, tagged.align(), cost(tagged));
            bytes.as_ptr()
        }
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        let (Some(bytes), Some(tagged)) = (NonNull::new(bytes), tagged(layout)) else {
            return;
        };
        // SAFETY: the caller got the bytes from `alloc` with this layout.
        unsafe {
            let tag = bytes.sub(TAG_BYTES).cast();
            self.delist(tag, cost(tagged));
            self.blocks
                .borrow_mut()
                .deallocate(block_of(tag, tagged.align()), tagged.align());
        }
    }

    unsafe fn realloc(&self, bytes: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (Some(bytes), Some(old)) = (NonNull::new(bytes), tagged(layout)) else {
            return ptr::null_mut();
        };
        let Some(new) = Layout::from_size_align(new_size, layout.align()).ok().and_then(tagged) else {
            return ptr::null_mut();
        };
        let growth = work::take_growth(layout.align());
        let tag = bytes.cast::<Tag>();
        // SAFETY: the caller got the bytes from `alloc` with this layout; a block that moves keeps its lead.
        unsafe {
            let tag = tag.sub(1);
            let owner = self.delist(tag, cost(old));
            let block = block_of(tag, old.align());
            let moved = match self.may_grow(owner, cost(new), growth) {
                true => self.blocks.borrow_mut().reallocate(block, new),
                false => None,
            };
            let Some(block) = moved else {
                self.enlist(tag, owner, old.align(), cost(old));
                if growth.is_none() {
                    work::exhausted(new_size);
                }
                return ptr::null_mut();
            };
            if growth.is_some() {
                work::grew(cost(new).saturating_sub(cost(old)));
            }
            let bytes = block.add(lead(new.align()));
            self.enlist(bytes.sub(TAG_BYTES).cast(), owner, new.align(), cost(new));
            bytes.as_ptr()
        }
    }
}
