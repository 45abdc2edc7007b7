//! Registers of the chip by their addresses, and the interrupts.

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};

/// A 32-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Register(pub(crate) u32);

impl Register {
    pub(crate) fn read(self) -> u32 {
        // SAFETY: every `Register` of this crate names one of the chip's, and reading them has no effect on memory.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above; the addresses that DMA is given are those of its own buffers.
        unsafe { (self.0 as *mut u32).write_volatile(value) };
    }

    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    /// Waits until one of the bits is set.
    pub(crate) fn wait_for(self, bits: u32) {
        while self.read() & bits == 0 {}
    }
}

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: numbers of the chip's interrupts, which do not change.
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
