//! Abandons work like C's `longjmp`: the callee-saved registers are on the stack below the work's frames, and the stack
//! pointer returns to them. No destructor of the abandoned frames runs.

use core::{arch::naked_asm, ffi::c_void};

/// Calls `work(data)` and returns 0. Returns 1 if [`leave`] was called in the meantime with the value that is then at
/// `way_out`.
///
/// # Safety
/// `work` accepts what `data` points to.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(way_out: *mut u32, work: extern "C" fn(*mut c_void), data: *mut c_void) -> u32 {
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
pub unsafe extern "C" fn leave(way_out: u32) -> ! {
    naked_asm!("mov sp, r0", "movs r0, #1", "pop {{r3-r11, pc}}")
}
