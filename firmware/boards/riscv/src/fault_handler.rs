//! Crash handlers of this core: panics and traps, each with the addresses of the code.
//!
//! The trap vector is in the chip's crate, because interrupts differ from chip to chip. It calls [`trapped`]. The
//! chip's crate also exports `fn drydock_reset() -> !`.

use core::{arch::asm, fmt::Write, panic::PanicInfo};
use drydock_fault::{Cause, Crash};

unsafe extern "Rust" {
    safe fn drydock_reset() -> !;
}

/// Handles an unexpected exception: writes the crash record and resets. `ra` is that of the interrupted code.
pub fn trapped(ra: u32) -> ! {
    let (pc, status, address): (u32, u32, u32);
    // SAFETY: machine-mode registers are read, which has no effect (Privileged Architecture, 3.1.14 to 3.1.16).
    unsafe {
        asm!("csrr {}, mepc", out(reg) pc, options(nomem, nostack));
        asm!("csrr {}, mcause", out(reg) status, options(nomem, nostack));
        asm!("csrr {}, mtval", out(reg) address, options(nomem, nostack));
    }
    drydock_fault::write_record(
        Crash {
            cause: Cause::HardFault,
            pc,
            lr: ra,
            status,
            address,
        },
        |_| (),
    );
    drydock_reset()
}

/// Number of callers in a panic's message, besides those in the record's `pc` and `lr`.
const MORE_CALLERS: usize = 4;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: clears MIE in `mstatus`; the code that follows needs no interrupt.
    unsafe { asm!("csrci mstatus, 8", options(nomem, nostack)) };
    let mut callers = Callers::of_this_stack();
    let (pc, lr) = (callers.next().unwrap_or(0), callers.next().unwrap_or(0));
    let crash = Crash {
        cause: Cause::Panic,
        pc,
        lr,
        status: 0,
        address: 0,
    };
    drydock_fault::write_record(crash, |message| {
        // Writing into memory cannot fail.
        let _ = write!(message, "look up in the image's symbols: {pc:#x} {lr:#x}");
        for caller in callers.take(MORE_CALLERS) {
            let _ = write!(message, " {caller:#x}");
        }
    });
    drydock_reset()
}

/// Return addresses on the stack, innermost first. May include remains of earlier calls.
struct Callers {
    at: u32,
}

unsafe extern "C" {
    // From the linker script: the code, and the stack's end.
    static __stext: u32;
    static __etext: u32;
    static _stack_start: u32;
}

impl Callers {
    fn of_this_stack() -> Self {
        let at: u32;
        // SAFETY: a register is read.
        unsafe { asm!("mv {}, sp", out(reg) at, options(nomem, nostack)) };
        Self { at }
    }
}

impl Iterator for Callers {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let code = &raw const __stext as u32 + 4..&raw const __etext as u32;
        while self.at < &raw const _stack_start as u32 {
            // SAFETY: the address lies within the stack, which is RAM.
            let word = unsafe { (self.at as *const u32).read_volatile() };
            self.at += 4;
            if word & 1 == 0 && code.contains(&word) && follows_a_call(word) {
                // An address within the call instruction, so that it is looked up in the caller and not after its end.
                return Some(word - 2);
            }
        }
        None
    }
}

/// Whether the instruction before this address is a `JAL` or `JALR` that links to `ra` (Unprivileged ISA, 2.5), or
/// `C.JAL` or `C.JALR` (27.4).
fn follows_a_call(address: u32) -> bool {
    // SAFETY: the caller has checked that these half-words are code.
    let (first, second) = unsafe {
        (
            u32::from((address as *const u16).sub(2).read()),
            u32::from((address as *const u16).sub(1).read()),
        )
    };
    const RA: u32 = 1 << 7;
    let links = first & 0xFFF == RA | 0x6F || first & 0x7FFF == RA | 0x67;
    links || second & 0xF07F == 0x9002 && second & 0x0F80 != 0 || second & 0xE003 == 0x2001
}
