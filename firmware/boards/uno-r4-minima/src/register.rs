//! Registers of the chip by their addresses, and the events that reach the interrupt lines (chapter 14).

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};

/// A register of as many bits as `T` has.
#[derive(Clone, Copy)]
pub(crate) struct Register<T>(u32, core::marker::PhantomData<T>);

impl<T> Register<T> {
    pub(crate) const fn at(address: u32) -> Self {
        Self(address, core::marker::PhantomData)
    }
}

impl<T: Copy> Register<T> {
    pub(crate) fn read(self) -> T {
        // SAFETY: every `Register` of this crate names one of the chip's, and reading them has no effect on memory.
        unsafe { (self.0 as *const T).read_volatile() }
    }

    pub(crate) fn write(self, value: T) {
        // SAFETY: as above; none of them makes anything write to memory.
        unsafe { (self.0 as *mut T).write_volatile(value) };
    }

    pub(crate) fn change(self, change: impl FnOnce(T) -> T) {
        self.write(change(self.read()));
    }
}

const IELSR: u32 = 0x4000_6300;

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: numbers of the chip's interrupts, which do not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

fn ielsr(line: i16) -> Register<u32> {
    Register::at(IELSR + 4 * u32::from(line.unsigned_abs()))
}

/// Links an event to an interrupt line, and enables the line.
pub(crate) fn link_event(line: i16, event: u32) {
    ielsr(line).write(event);
    // SAFETY: the handlers share atomics only with the code that they interrupt.
    unsafe { NVIC::unmask(Interrupt(line.unsigned_abs())) };
}

/// Clears the pending state of an interrupt line.
pub(crate) fn acknowledge(line: i16) {
    const IR: u32 = 1 << 16;
    let register = ielsr(line);
    register.change(|ielsr| ielsr & !IR);
    // Read back, so that it is cleared before the handler returns (14.2.6).
    register.read();
}
