//! Crash handlers of this core: panics, hard faults and hangs, each with the addresses of the code.

use core::{fmt::Write, panic::PanicInfo};
use cortex_m_rt::{ExceptionFrame, exception};
use drydock_fault::{Cause, Crash};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
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
    cortex_m::peripheral::SCB::sys_reset()
}

/// Number of callers in a panic's message, besides those in the record's `pc` and `lr`.
const MORE_CALLERS: usize = 4;

/// Return addresses on the stack, innermost first. May include remains of earlier calls.
struct Callers {
    at: u32,
}

unsafe extern "C" {
    static __stext: u32;
    static __etext: u32;
    static _stack_start: u32;
}

impl Callers {
    fn of_this_stack() -> Self {
        Self {
            at: cortex_m::register::msp::read(),
        }
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
            if word & 1 == 1 && code.contains(&word) && follows_a_call(word & !1) {
                // An address within the call instruction, so that it is looked up in the caller and not after its end.
                return Some((word & !1) - 2);
            }
        }
        None
    }
}

/// Whether the instruction before this address is `BL`, or `BLX` of a register (ARMv7-M ARM, A7.7.18 and A7.7.19).
fn follows_a_call(address: u32) -> bool {
    // SAFETY: the caller has checked that these half-words are code.
    let (first, second) = unsafe {
        (
            (address as *const u16).sub(2).read(),
            (address as *const u16).sub(1).read(),
        )
    };
    (first & 0xF800 == 0xF000 && second & 0xD000 == 0xD000) || second & 0xFF87 == 0x4780
}

/// Writes the crash record when the watchdog is about to reset the board. `frame` is that of the code that hangs.
pub fn hung(frame: &ExceptionFrame) {
    drydock_fault::write_record(
        Crash {
            cause: Cause::Watchdog,
            pc: frame.pc(),
            lr: frame.lr(),
            status: 0,
            address: 0,
        },
        |_| (),
    );
}

/// CFSR, MMFAR and BFAR (ARMv7-M ARM, B3.2.15 and following).
const CFSR: *const u32 = 0xE000_ED28 as *const u32;
const MMFAR: *const u32 = 0xE000_ED34 as *const u32;
const BFAR: *const u32 = 0xE000_ED38 as *const u32;
const BFARVALID: u32 = 1 << 15;
const MMARVALID: u32 = 1 << 7;

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: these are registers of the System Control Block, readable at any time.
    let (status, mmfar, bfar) = unsafe { (CFSR.read_volatile(), MMFAR.read_volatile(), BFAR.read_volatile()) };
    let address = match status {
        _ if status & BFARVALID != 0 => bfar,
        _ if status & MMARVALID != 0 => mmfar,
        _ => 0,
    };
    drydock_fault::write_record(
        Crash {
            cause: Cause::HardFault,
            pc: frame.pc(),
            lr: frame.lr(),
            status,
            address,
        },
        |_| (),
    );
    cortex_m::peripheral::SCB::sys_reset()
}
