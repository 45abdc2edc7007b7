//! Ends itself with 3 by semihosting, three calls below `run`.

#![no_std]

use core::arch::{asm, global_asm};
use core::hint::black_box;
use core::panic::PanicInfo;

global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "la sp, _stack",
    "call run",
    "1: j 1b",
);

/// Called by the start-up code.
#[unsafe(no_mangle)]
extern "C" fn run() -> ! {
    outer(black_box(2));
    loop {}
}

#[inline(never)]
fn outer(depth: u32) {
    let kept = [depth; 9];
    middle(black_box(depth) + 1);
    black_box(kept);
}

#[inline(never)]
fn middle(depth: u32) {
    // A caller goes on after its call.
    let sum = inner(black_box(depth)) + 1;
    black_box(sum);
}

#[inline(never)]
fn inner(depth: u32) -> u32 {
    let code = inlined(depth);
    end(black_box(code));
    code + 1
}

#[inline(always)]
fn inlined(depth: u32) -> u32 {
    black_box(depth)
}

#[inline(never)]
fn end(code: u32) {
    // ADP_Stopped_ApplicationExit, and the code.
    let block = [0x2_0026, code];
    // SAFETY: SYS_EXIT_EXTENDED reads the block and changes no memory.
    unsafe {
        asm!(
            ".balign 16", ".option push", ".option norvc",
            "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7", ".option pop",
            inout("a0") 0x20 => _, in("a1") block.as_ptr()
        );
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
