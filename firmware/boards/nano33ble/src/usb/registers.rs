//! Stores to registers whose bits this driver names itself.

use nrf52840_pac::generic::{Reg, RegisterSpec};

pub(super) fn put<R: RegisterSpec<Ux = u32>>(register: &Reg<R>, bits: u32) {
    // SAFETY: the pointer is a register's; callers pass values that the product specification defines.
    unsafe { register.as_ptr().write_volatile(bits) };
}

/// Sets PTR and MAXCNT of an endpoint's DMA (6.35.13): those of EPIN[0] are at this address, or EPOUT[0].
pub(super) const EPIN: u32 = 0x4002_7600;
pub(super) const EPOUT: u32 = 0x4002_7700;

pub(super) fn set_dma(direction: u32, endpoint: usize, ptr: u32, maxcnt: u32) {
    let registers = (direction + 0x14 * endpoint as u32) as *mut u32;
    // SAFETY: these are the registers of an endpoint; callers pass a buffer in RAM that is as long.
    unsafe {
        registers.write_volatile(ptr);
        registers.add(1).write_volatile(maxcnt);
    }
}

/// The last SETUP packet, a byte in each register (6.35.13.38 and on).
pub(super) fn setup() -> [u8; 8] {
    const BMREQUESTTYPE: *const u32 = 0x4002_7480 as *const u32;
    // SAFETY: these eight registers are there, and reading them has no effect.
    core::array::from_fn(|byte| unsafe { BMREQUESTTYPE.add(byte).read_volatile() } as u8)
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
