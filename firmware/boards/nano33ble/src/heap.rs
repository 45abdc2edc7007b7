//! The heap: all RAM behind the statics, two-level segregated fit.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::{Cell, RefCell},
    mem::MaybeUninit,
    ptr::{self, NonNull},
};
use drydock_device::board::Usage;
use rlsf::Tlsf;

#[global_allocator]
static HEAP: Heap = Heap {
    blocks: RefCell::new(Tlsf::new()),
    used_bytes: Cell::new(0),
    peak_bytes: Cell::new(0),
    total_bytes: Cell::new(0),
};

/// Block sizes up to 256 KB (16 bytes shifted by 14) in classes of an eighth.
type Blocks = Tlsf<'static, u16, u8, 14, 8>;

/// What an allocation takes beside its bytes, and the grain of sizes.
const BLOCK_HEADER_BYTES: usize = 8;
const BLOCK_GRAIN_BYTES: usize = 16;

struct Heap {
    blocks: RefCell<Blocks>,
    used_bytes: Cell<u32>,
    peak_bytes: Cell<u32>,
    total_bytes: Cell<u32>,
}

// SAFETY: one core, and interrupt handlers neither allocate nor look at the heap.
unsafe impl Sync for Heap {}

/// Gives the allocator its memory. Called once, before anything is allocated.
pub(crate) fn init() {
    unsafe extern "C" {
        static mut __euninit: u32;
        static mut _heap_end: u32;
    }
    let (start, end) = (&raw mut __euninit as usize, &raw mut _heap_end as usize);
    // SAFETY: the linker leaves this range to us, and nothing else has it.
    let memory: &'static mut [MaybeUninit<u8>] =
        unsafe { core::slice::from_raw_parts_mut(start as *mut MaybeUninit<u8>, end - start) };
    HEAP.total_bytes.set((end - start) as u32);
    HEAP.blocks.borrow_mut().insert_free_block(memory);
}

/// Numbers of the heap, headers included.
pub(crate) fn usage() -> Usage {
    Usage {
        used_bytes: HEAP.used_bytes.get(),
        peak_bytes: HEAP.peak_bytes.get(),
        total_bytes: HEAP.total_bytes.get(),
    }
}

fn block_bytes(size: usize) -> u32 {
    (size + BLOCK_HEADER_BYTES).next_multiple_of(BLOCK_GRAIN_BYTES) as u32
}

impl Heap {
    fn count(&self, added: u32, removed: u32) {
        let used = self.used_bytes.get() + added - removed;
        self.used_bytes.set(used);
        self.peak_bytes.set(self.peak_bytes.get().max(used));
    }
}

// SAFETY: rlsf's allocator keeps to the contract; the counters do not matter for it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.blocks.borrow_mut().allocate(layout) {
            Some(block) => {
                self.count(block_bytes(layout.size()), 0);
                block.as_ptr()
            }
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller got the block from `alloc` with this layout.
            unsafe { self.blocks.borrow_mut().deallocate(block, layout.align()) };
            self.count(0, block_bytes(layout.size()));
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (Some(block), Ok(new)) = (NonNull::new(block), Layout::from_size_align(new_size, layout.align())) else {
            return ptr::null_mut();
        };
        // SAFETY: the caller got the block from `alloc` with this alignment.
        match unsafe { self.blocks.borrow_mut().reallocate(block, new) } {
            Some(block) => {
                self.count(block_bytes(new_size), block_bytes(layout.size()));
                block.as_ptr()
            }
            None => ptr::null_mut(),
        }
    }
}
