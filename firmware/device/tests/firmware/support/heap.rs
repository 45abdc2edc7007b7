//! Counts the allocations of a test's thread. A host cannot abandon work in the middle as a board does. The board in
//! memory reports afterwards that the work took too much, which is equivalent for the device: the results must not be
//! used.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

thread_local! {
    static NOW_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
    /// Allocated bytes of the thread when the current work began.
    static BEFORE_BYTES: Cell<i64> = const { Cell::new(0) };
    /// Limit of the work's bytes at its next allocation of bytes, which may fail.
    static GROWTH_BYTES: Cell<Option<i64>> = const { Cell::new(None) };
    /// Bytes of allocations that were allowed to fail.
    static GREW_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Bytes that work allocated beyond those before it.
pub(crate) struct Held {
    /// The peak, without the growth of its memory.
    pub(crate) peak_bytes: i64,
    /// In the end.
    pub(crate) end_bytes: i64,
}

/// Does the work and counts what it holds.
pub(crate) fn measure(work: &mut dyn FnMut()) -> Held {
    let before_bytes = NOW_BYTES.get();
    BEFORE_BYTES.set(before_bytes);
    PEAK_BYTES.set(before_bytes);
    GREW_BYTES.set(0);
    work();
    GROWTH_BYTES.set(None);
    Held {
        peak_bytes: PEAK_BYTES.get() - before_bytes - GREW_BYTES.get(),
        end_bytes: NOW_BYTES.get() - before_bytes,
    }
}

/// Lets the next allocation of bytes fail if the work would hold more than this after it.
pub(crate) fn allow_growth(limit_bytes: Option<i64>) {
    GROWTH_BYTES.set(limit_bytes);
}

/// Whether an allocation that adds so many bytes is to succeed.
fn may_allocate(alignment: usize, added_bytes: i64) -> bool {
    let growth = (alignment == 1).then(|| GROWTH_BYTES.take()).flatten();
    let Some(limit_bytes) = growth else { return true };
    let fits = NOW_BYTES.get() - BEFORE_BYTES.get() + added_bytes <= limit_bytes;
    if fits {
        GREW_BYTES.set(GREW_BYTES.get() + added_bytes);
    }
    fits
}

fn count(bytes: i64) {
    let now_bytes = NOW_BYTES.get() + bytes;
    NOW_BYTES.set(now_bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(now_bytes));
}

// SAFETY: the system's allocator does all the work; the counters are plain cells of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !may_allocate(layout.align(), layout.size() as i64) {
            return std::ptr::null_mut();
        }
        count(layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let added_bytes = new_size as i64 - layout.size() as i64;
        if !may_allocate(layout.align(), added_bytes) {
            return std::ptr::null_mut();
        }
        count(added_bytes);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}
