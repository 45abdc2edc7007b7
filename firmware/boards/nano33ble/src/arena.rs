//! Work whose memory is bounded. What it allocates belongs to its arena; when the arena or the heap is exhausted the work
//! is left in the middle, like a thread that is killed, and its arena is freed as a whole.
//!
//! Rust code expects allocation to succeed or the program to end, and this image does not unwind. So the way out of the
//! middle is the one of C's `setjmp`: the callee-saved registers are on the stack below the work's frames, and the stack
//! pointer goes back to them. No destructor of those frames runs. What they own is either in the arena or, by the
//! device's design, nothing: see [`Board::in_arena`](drydock_device::board::Board::in_arena).

use crate::{fault, heap};
use core::{
    arch::naked_asm,
    cell::Cell,
    ffi::c_void,
    sync::atomic::{AtomicU32, Ordering},
};
use drydock_device::board::{Arena, OutOfMemory};

struct Current {
    /// The arena's number and its limit.
    arena: Cell<Option<(u8, u32)>>,
    /// Stack pointer to leave with.
    way_out: Cell<u32>,
}

// SAFETY: one core; interrupt handlers do not allocate.
unsafe impl Sync for Current {}

static CURRENT: Current = Current {
    arena: Cell::new(None),
    way_out: Cell::new(0),
};

/// Bytes that were asked for when there were no more.
static WANTED_BYTES: AtomicU32 = AtomicU32::new(0);

/// The arena of the work under way and its limit in bytes.
pub(crate) fn current() -> Option<(u8, u32)> {
    CURRENT.arena.get()
}

/// Does work whose allocations belong to the arena.
pub(crate) fn run(arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory> {
    extern "C" fn call(work: *mut c_void) {
        // SAFETY: `run` passes a pointer to its parameter, which outlives the call.
        unsafe { (*work.cast::<&mut dyn FnMut()>())() }
    }
    let mut work = work;
    fault::mark_app(Some(arena.mark));
    CURRENT.arena.set(Some((arena.number, arena.limit_bytes)));
    // SAFETY: `call` fits what it is given, and nothing between here and there needs its destructors.
    let left = unsafe { enter(CURRENT.way_out.as_ptr(), call, (&raw mut work).cast()) };
    CURRENT.arena.set(None);
    fault::mark_app(None);
    if left == 0 {
        return Ok(());
    }
    Err(OutOfMemory {
        used_bytes: heap::arena_bytes(arena.number),
        wanted_bytes: WANTED_BYTES.load(Ordering::Relaxed),
        limit_bytes: arena.limit_bytes,
    })
}

/// Leaves the work under way, if there is one.
pub(crate) fn exhausted(wanted_bytes: usize) {
    if CURRENT.arena.take().is_some() {
        WANTED_BYTES.store(wanted_bytes as u32, Ordering::Relaxed);
        // SAFETY: the arena was set, so `enter` has not returned and its frame is on the stack.
        unsafe { leave(CURRENT.way_out.get()) }
    }
}

/// Calls `work(data)` and returns 0; or 1, if [`leave`] was called meanwhile with what is then at `way_out`.
///
/// # Safety
/// `work` takes what `data` points to.
#[unsafe(naked)]
unsafe extern "C" fn enter(way_out: *mut u32, work: extern "C" fn(*mut c_void), data: *mut c_void) -> u32 {
    // r3 is saved only to keep the stack aligned to 8 bytes (AAPCS32, 6.2.1.2).
    naked_asm!(
        "push {{r3-r11, lr}}",
        "str sp, [r0]",
        "mov r0, r2",
        "blx r1",
        "movs r0, #0",
        "pop {{r3-r11, pc}}",
    )
}

/// Returns from [`enter`] a second way.
///
/// # Safety
/// The call of `enter` that left this way out has not returned.
#[unsafe(naked)]
unsafe extern "C" fn leave(way_out: u32) -> ! {
    naked_asm!("mov sp, r0", "movs r0, #1", "pop {{r3-r11, pc}}")
}
