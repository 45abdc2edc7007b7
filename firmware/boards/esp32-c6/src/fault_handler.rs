//! What comes after a fault: the record that `drydock-riscv` makes, then a reset.

use esp_hal::interrupt::TrapFrame;

/// Exceptions that esp-hal's vector hands on.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(frame: &TrapFrame) -> ! {
    drydock_riscv::trapped(frame.ra as u32)
}

#[unsafe(no_mangle)]
fn drydock_reset() -> ! {
    esp_hal::system::software_reset()
}
