//! Registers of the chip by their addresses, and bits of `mie`.

use core::arch::asm;

/// A 32-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Register(pub(crate) u32);

impl Register {
    pub(crate) fn read(self) -> u32 {
        // SAFETY: every `Register` of this crate names one of the chip's, and reading them has no effect on memory.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above; none of them makes anything write to memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) };
    }

    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    pub(crate) fn clear(self, bits: u32) {
        self.write(self.read() & !bits);
    }
}

/// Lets interrupts through.
pub(crate) fn csr_set_mie(bits: u32) {
    // SAFETY: the handlers share atomics only with the code that they interrupt.
    unsafe { asm!("csrs mie, {}", in(reg) bits) };
}

/// Keeps interrupts away.
pub(crate) fn csr_clear_mie(bits: u32) {
    // SAFETY: less happens than before.
    unsafe { asm!("csrc mie, {}", in(reg) bits) };
}
