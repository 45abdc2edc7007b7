//! Registers of the board by their addresses, and the interrupts.

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};

/// A 32-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Register(pub(crate) u32);

impl Register {
    pub(crate) fn read(self) -> u32 {
        // SAFETY: every `Register` of this crate names one of the board's, and reading them has no effect that matters.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above; none of them makes the core or DMA write to memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) };
    }
}

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: numbers of the board's interrupts, which do not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// Lets an interrupt through.
pub(crate) fn unmask(number: i16) {
    // SAFETY: the handlers share atomics only with the code that they interrupt.
    unsafe { NVIC::unmask(Interrupt(number.unsigned_abs())) };
}
