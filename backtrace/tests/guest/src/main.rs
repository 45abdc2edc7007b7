//! Loads from where nothing is, three calls below `main`. The handler of the fault ends the program with 1 by semihosting.

#![no_std]
#![no_main]

use core::arch::asm;
use core::hint::black_box;
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, entry, exception};

/// Nothing is there on an nRF52840.
const NOWHERE: usize = 0x6000_0000;

#[entry]
fn main() -> ! {
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
    let address = NOWHERE + inlined(depth) as usize;
    // SAFETY: there is no memory, so that nothing is read.
    let nothing = unsafe { (address as *const u32).read_volatile() };
    nothing + 1
}

#[inline(always)]
fn inlined(depth: u32) -> u32 {
    black_box(depth) * 4
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    end()
}

#[inline(never)]
fn end() -> ! {
    // SAFETY: SYS_EXIT changes no memory.
    unsafe { asm!("bkpt 0xab", in("r0") 0x18, in("r1") 1, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    end()
}
