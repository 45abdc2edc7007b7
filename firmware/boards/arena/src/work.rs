//! Work with bounded memory. Its allocations belong to its arena. When the arena or the heap is exhausted, the work is
//! abandoned like a thread that is killed, and its arena is freed as a whole.
//!
//! Rust code expects an allocation to succeed or the program to end, and this image does not unwind. So abandoning works
//! like C's `longjmp`, which each architecture's crate implements: the stack pointer returns to where the work began. No
//! destructor of the abandoned frames runs. These frames own only values in the arena; see
//! [`RuntimeServices::in_arena`](drydock_device::board::RuntimeServices::in_arena).

use crate::{
    arch::{enter, leave},
    heap,
};
use core::{
    cell::Cell,
    ffi::c_void,
    sync::atomic::{AtomicU32, Ordering},
};
use drydock_device::board::{Arena, OutOfMemory};

struct Current {
    /// The arena's number and its limit.
    arena: Cell<Option<(u8, u32)>>,
    /// The arena's limit for the next allocation of bytes, which may fail without abandoning the work.
    growth: Cell<Option<u32>>,
    /// Stack pointer to return to.
    way_out: Cell<u32>,
}

// SAFETY: one core; interrupt handlers do not allocate.
unsafe impl Sync for Current {}

static CURRENT: Current = Current {
    arena: Cell::new(None),
    growth: Cell::new(None),
    way_out: Cell::new(0),
};

/// Size of the allocation that failed, in bytes.
static WANTED_BYTES: AtomicU32 = AtomicU32::new(0);

/// The arena of the current work and its limit in bytes.
pub(crate) fn current() -> Option<(u8, u32)> {
    CURRENT.arena.get()
}

/// Runs work whose allocations belong to the arena. The caller sets the mark.
///
/// # Errors
/// [`OutOfMemory`], if the work was abandoned.
pub fn run(arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory> {
    extern "C" fn call(work: *mut c_void) {
        // SAFETY: `run` passes a pointer to its parameter, which outlives the call.
        unsafe { (*work.cast::<&mut dyn FnMut()>())() }
    }
    let mut work = work;
    CURRENT.arena.set(Some((arena.number, arena.limit_bytes)));
    // SAFETY: `call` matches its argument, and no frame in between needs its destructors.
    let left = unsafe { enter(CURRENT.way_out.as_ptr(), call, (&raw mut work).cast()) };
    CURRENT.arena.set(None);
    CURRENT.growth.set(None);
    if left == 0 {
        return Ok(());
    }
    Err(OutOfMemory {
        used_bytes: heap::arena_bytes(arena.number),
        wanted_bytes: WANTED_BYTES.load(Ordering::Relaxed),
        limit_bytes: arena.limit_bytes,
    })
}

/// Lets the next allocation of bytes in the current work fail; see
/// [`allow_growth`](drydock_device::board::RuntimeServices::allow_growth).
pub fn allow_growth(limit_bytes: Option<u32>) {
    CURRENT.growth.set(limit_bytes);
}

/// The limit that [`allow_growth`] set for this allocation. Only allocations of bytes have alignment 1.
pub(crate) fn take_growth(alignment: usize) -> Option<u32> {
    (alignment == 1).then(|| CURRENT.growth.take()).flatten()
}

/// Raises the current arena's limit by the growth of the memory.
pub(crate) fn grew(bytes: u32) {
    let raised = CURRENT.arena.get().map(|(number, limit)| (number, limit + bytes));
    CURRENT.arena.set(raised);
}

/// Abandons the current work, if there is one.
pub(crate) fn exhausted(wanted_bytes: usize) {
    if CURRENT.arena.take().is_some() {
        WANTED_BYTES.store(wanted_bytes as u32, Ordering::Relaxed);
        // SAFETY: the arena was set, so `enter` has not returned and its frame is on the stack.
        unsafe { leave(CURRENT.way_out.get()) }
    }
}
