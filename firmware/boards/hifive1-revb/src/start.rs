//! The path from reset to `main`, and from a trap to its handler.

use crate::{clock, main, register::csr_clear_mie, uart};
use core::arch::{asm, naked_asm};

/// Where the bootloader jumps to: stack, trap vector, statics.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".init")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "csrci mstatus, 8",
        "csrw mie, zero",
        ".option push",
        ".option norelax",
        "la gp, __global_pointer$",
        ".option pop",
        "la sp, _stack_start",
        "la t0, {trap}",
        "csrw mtvec, t0",
        "la t0, _sidata",
        "la t1, _sdata",
        "la t2, _edata",
        "1: bgeu t1, t2, 2f",
        "lw t3, 0(t0)",
        "sw t3, 0(t1)",
        "addi t0, t0, 4",
        "addi t1, t1, 4",
        "j 1b",
        "2: la t1, _sbss",
        "la t2, _ebss",
        "3: bgeu t1, t2, 4f",
        "sw zero, 0(t1)",
        "addi t1, t1, 4",
        "j 3b",
        "4: tail {main}",
        trap = sym trap,
        main = sym main,
    )
}

/// Saves the registers that a call may change, and passes `ra` to the handler. `mtvec` needs it aligned, which the
/// linker script ensures.
#[unsafe(naked)]
#[unsafe(link_section = ".trap")]
unsafe extern "C" fn trap() {
    naked_asm!(
        "addi sp, sp, -64",
        "sw ra, 0(sp)",
        "sw t0, 4(sp)",
        "sw t1, 8(sp)",
        "sw t2, 12(sp)",
        "sw t3, 16(sp)",
        "sw t4, 20(sp)",
        "sw t5, 24(sp)",
        "sw t6, 28(sp)",
        "sw a0, 32(sp)",
        "sw a1, 36(sp)",
        "sw a2, 40(sp)",
        "sw a3, 44(sp)",
        "sw a4, 48(sp)",
        "sw a5, 52(sp)",
        "sw a6, 56(sp)",
        "sw a7, 60(sp)",
        "mv a0, ra",
        "call {taken}",
        "lw ra, 0(sp)",
        "lw t0, 4(sp)",
        "lw t1, 8(sp)",
        "lw t2, 12(sp)",
        "lw t3, 16(sp)",
        "lw t4, 20(sp)",
        "lw t5, 24(sp)",
        "lw t6, 28(sp)",
        "lw a0, 32(sp)",
        "lw a1, 36(sp)",
        "lw a2, 40(sp)",
        "lw a3, 44(sp)",
        "lw a4, 48(sp)",
        "lw a5, 52(sp)",
        "lw a6, 56(sp)",
        "lw a7, 60(sp)",
        "addi sp, sp, 64",
        "mret",
        taken = sym taken,
    )
}

/// `mcause` of the enabled interrupts (Privileged Architecture, 3.1.15).
const TIMER: u32 = 1 << 31 | 7;
const EXTERNAL: u32 = 1 << 31 | 11;

extern "C" fn taken(ra: u32) {
    let cause: u32;
    // SAFETY: a register is read.
    unsafe { asm!("csrr {}, mcause", out(reg) cause, options(nomem, nostack)) };
    match cause {
        TIMER => {
            // The interrupt stays pending until the next alarm is set.
            csr_clear_mie(clock::MTIE);
            clock::wake();
        }
        EXTERNAL => uart::interrupted(),
        _ => drydock_riscv::trapped(ra),
    }
}
