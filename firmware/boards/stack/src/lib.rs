//! Measures stack use: the stack is filled with a pattern at start, and changed words count as used.
//!
//! The linker script sets its bounds, `_stack_floor` and `_stack_start`.
#![no_std]

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};
use drydock_device::board::Usage;

const PAINT: u32 = 0x57AC_C01A;
/// Number of consecutive untouched words that mark the end of the used part.
const QUIET_WORDS: u32 = 128;
/// Not painted: the frames of the painting function and its callers.
const OWN_BYTES: u32 = 256;

/// Lowest address known to have been used.
static LOWEST: AtomicU32 = AtomicU32::new(u32::MAX);

unsafe extern "C" {
    static mut _stack_floor: u32;
    static mut _stack_start: u32;
}

fn bounds() -> (u32, u32) {
    (&raw mut _stack_floor as u32, &raw mut _stack_start as u32)
}

#[inline(always)]
fn pointer() -> u32 {
    let pointer: u32;
    // SAFETY: a register is read.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Paints the stack below the present frame.
pub fn paint() {
    let (floor, _) = bounds();
    let top = pointer() - OWN_BYTES;
    for at in (floor..top).step_by(4) {
        // SAFETY: the stack grows down; nothing lives below the present frame.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
    }
    LOWEST.store(top, Ordering::Relaxed);
}

/// Numbers of the stack.
pub fn usage() -> Usage {
    let (floor, start) = bounds();
    let mut lowest = LOWEST.load(Ordering::Relaxed);
    let mut at = lowest;
    let mut quiet = 0;
    while at > floor && quiet < QUIET_WORDS {
        at -= 4;
        // SAFETY: the address lies within the stack, which is RAM.
        if unsafe { (at as *const u32).read_volatile() } == PAINT {
            quiet += 1;
        } else {
            quiet = 0;
            lowest = at;
        }
    }
    LOWEST.store(lowest, Ordering::Relaxed);
    Usage {
        used_bytes: start - pointer(),
        peak_bytes: start - lowest,
        total_bytes: start - floor,
    }
}
