//! Counts what a test's thread allocates. A host cannot leave work in the middle as a board does; it is told afterwards
//! that the work took too much, which is the same to the device: what was made is not to be used.

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
}

/// Does the work and returns the most that it held beyond what there was before; `held` is told what it holds in the end.
pub(crate) fn measure(work: &mut dyn FnMut(), held: impl FnOnce(i64)) -> i64 {
    let before_bytes = NOW_BYTES.get();
    PEAK_BYTES.set(before_bytes);
    work();
    let peak_bytes = PEAK_BYTES.get() - before_bytes;
    held(NOW_BYTES.get() - before_bytes);
    peak_bytes
}

fn count(bytes: i64) {
    let now_bytes = NOW_BYTES.get() + bytes;
    NOW_BYTES.set(now_bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(now_bytes));
}

// SAFETY: all is done by the system's allocator; the counters are plain cells of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}
