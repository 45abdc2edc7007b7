//! Stores to registers whose bits this driver names itself.

use nrf52840_pac::generic::{Reg, RegisterSpec};

pub(super) fn put<R: RegisterSpec<Ux = u32>>(register: &Reg<R>, bits: u32) {
    // SAFETY: the pointer is a register's; callers pass values that the product specification defines.
    unsafe { register.as_ptr().write_volatile(bits) };
}

const LOCK: *mut u32 = 0x4006_ec00 as *mut u32;
const KEY: u32 = 0x9375;

/// The workarounds of errata 187 and 171 around enabling USBD: values of undocumented registers, before and after.
pub(super) fn shift_errata(before: bool) {
    for (register, value) in [(0x4006_ed14 as *mut u32, 0x03), (0x4006_ec14 as *mut u32, 0xc0)] {
        // SAFETY: these are the stores that the errata document prescribes.
        unsafe {
            if LOCK.read_volatile() == 0 {
                LOCK.write_volatile(KEY);
            }
            register.write_volatile(if before { value } else { 0 });
            LOCK.write_volatile(KEY);
        }
    }
}
