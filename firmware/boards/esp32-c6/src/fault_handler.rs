//! The chip's part of the crash handlers: `drydock-riscv` writes the record, then the chip is reset.

use esp_hal::interrupt::TrapFrame;

/// Called by esp-hal's trap vector for exceptions.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(frame: &TrapFrame) -> ! {
    drydock_riscv::trapped(frame.ra as u32)
}

#[unsafe(no_mangle)]
fn drydock_reset() -> ! {
    esp_hal::system::software_reset()
}
