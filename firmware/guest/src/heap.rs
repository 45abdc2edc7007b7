//! An allocator for apps that use `alloc` (`Vec`, `String`, `Box`).
//!
//! ```ignore
//! extern crate alloc;
//!
//! #[global_allocator]
//! static HEAP: drydock_guest::heap::Heap = drydock_guest::heap::Heap::new();
//! ```
//!
//! It uses the rest of the module's initial memory and then grows it with `memory.grow`, for any size of a page. Blocks
//! are rounded up to powers of two; a freed block serves the next request of its size. If the board refuses more
//! memory, Rust ends the app, and the board reports `memory-limit`.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    ptr,
};

/// Blocks have 2^3 to 2^24 bytes.
const SMALLEST_CLASS: usize = 3;
const CLASSES: usize = 22;
/// Largest alignment that a request may have, in bytes.
const MAX_ALIGNMENT: usize = 16;

/// The app's heap. An app has one, as its `#[global_allocator]`.
pub struct Heap {
    /// Memory that was never handed out, as addresses; both 0 before the first request.
    next: Cell<usize>,
    end: Cell<usize>,
    page_bytes: Cell<usize>,
    /// Freed blocks by size. Each begins with the address of the next one.
    freed: [Cell<*mut u8>; CLASSES],
}

// SAFETY: an app has one thread.
unsafe impl Sync for Heap {}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl Heap {
    /// An empty heap.
    pub const fn new() -> Self {
        Self {
            next: Cell::new(0),
            end: Cell::new(0),
            page_bytes: Cell::new(0),
            freed: [const { Cell::new(ptr::null_mut()) }; CLASSES],
        }
    }

    /// A block of this size from memory that was never handed out.
    fn take(&self, bytes: usize) -> Option<*mut u8> {
        if self.end.get() == 0 {
            let (start, end) = initial();
            self.next.set(start);
            self.end.set(end);
            // The linker knows the end of the initial memory in bytes, the instruction its number of pages.
            self.page_bytes.set(end.checked_div(pages()).unwrap_or(0).max(1));
        }
        let start = self.next.get().next_multiple_of(bytes.min(MAX_ALIGNMENT));
        let end = start.checked_add(bytes)?;
        if let Some(missing) = end.checked_sub(self.end.get()).filter(|missing| *missing > 0) {
            let more = missing.div_ceil(self.page_bytes.get());
            grow(more)?;
            self.end.set(self.end.get() + more * self.page_bytes.get());
        }
        self.next.set(end);
        Some(start as *mut u8)
    }
}

/// The class of blocks that serve a request.
fn class(layout: Layout) -> Option<usize> {
    let bytes = layout.size().max(layout.align()).max(1 << SMALLEST_CLASS);
    let class = bytes.checked_next_power_of_two()?.trailing_zeros() as usize - SMALLEST_CLASS;
    (class < CLASSES && layout.align() <= MAX_ALIGNMENT).then_some(class)
}

// SAFETY: a block lies in memory that belongs to the heap, has at least the size and alignment of its class, and at any
// time has one owner or is in one list.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            return ptr::null_mut();
        };
        let block = self.freed[class].get();
        if block.is_null() {
            return self.take(1 << (class + SMALLEST_CLASS)).unwrap_or(ptr::null_mut());
        }
        // SAFETY: a freed block begins with the address of the next; `dealloc` wrote it.
        self.freed[class].set(unsafe { block.cast::<*mut u8>().read_unaligned() });
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else { return };
        // SAFETY: the block is no longer used, and it is large enough for an address.
        unsafe { block.cast::<*mut u8>().write_unaligned(self.freed[class].get()) };
        self.freed[class].set(block);
    }
}

#[cfg(target_arch = "wasm32")]
fn initial() -> (usize, usize) {
    unsafe extern "C" {
        static __heap_base: u8;
        static __heap_end: u8;
    }
    (&raw const __heap_base as usize, &raw const __heap_end as usize)
}

#[cfg(target_arch = "wasm32")]
fn pages() -> usize {
    core::arch::wasm32::memory_size(0)
}

#[cfg(target_arch = "wasm32")]
fn grow(pages: usize) -> Option<usize> {
    Some(core::arch::wasm32::memory_grow(0, pages)).filter(|before| *before != usize::MAX)
}

// Apps run on boards alone; elsewhere the crate only compiles.
#[cfg(not(target_arch = "wasm32"))]
fn initial() -> (usize, usize) {
    (0, 0)
}

#[cfg(not(target_arch = "wasm32"))]
fn pages() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn grow(_: usize) -> Option<usize> {
    None
}
