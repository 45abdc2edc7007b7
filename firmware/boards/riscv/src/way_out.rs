//! Abandons work like C's `longjmp`: the callee-saved registers (RISC-V ELF psABI, 1.1) are on the stack below the work's
//! frames, and the stack pointer returns to them. No destructor of the abandoned frames runs.

use core::{arch::naked_asm, ffi::c_void};

/// Calls `work(data)` and returns 0. Returns 1 if [`leave`] was called in the meantime with the value that is then at
/// `way_out`.
///
/// # Safety
/// `work` accepts what `data` points to.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(way_out: *mut u32, work: extern "C" fn(*mut c_void), data: *mut c_void) -> u32 {
    // 13 registers; the stack is kept aligned to 16 bytes.
    naked_asm!(
        "addi sp, sp, -64",
        "sw ra, 0(sp)",
        "sw s0, 4(sp)",
        "sw s1, 8(sp)",
        "sw s2, 12(sp)",
        "sw s3, 16(sp)",
        "sw s4, 20(sp)",
        "sw s5, 24(sp)",
        "sw s6, 28(sp)",
        "sw s7, 32(sp)",
        "sw s8, 36(sp)",
        "sw s9, 40(sp)",
        "sw s10, 44(sp)",
        "sw s11, 48(sp)",
        "sw sp, 0(a0)",
        "mv a0, a2",
        "jalr a1",
        "li a0, 0",
        "j {back}",
        back = sym back,
    )
}

/// Returns from [`enter`] a second way.
///
/// # Safety
/// The call of `enter` that left this way out has not returned.
#[unsafe(naked)]
pub unsafe extern "C" fn leave(way_out: u32) -> ! {
    naked_asm!("mv sp, a0", "li a0, 1", "j {back}", back = sym back)
}

/// Restores the registers from the stack and returns from `enter` with the value in `a0`.
#[unsafe(naked)]
extern "C" fn back() {
    naked_asm!(
        "lw ra, 0(sp)",
        "lw s0, 4(sp)",
        "lw s1, 8(sp)",
        "lw s2, 12(sp)",
        "lw s3, 16(sp)",
        "lw s4, 20(sp)",
        "lw s5, 24(sp)",
        "lw s6, 28(sp)",
        "lw s7, 32(sp)",
        "lw s8, 36(sp)",
        "lw s9, 40(sp)",
        "lw s10, 44(sp)",
        "lw s11, 48(sp)",
        "addi sp, sp, 64",
        "ret",
    )
}
