//! Registers by their addresses. Always inlined: code that runs while flash is busy uses them.

/// Peripherals' first addresses (table 5-2).
pub(crate) const UART0: u32 = 0x6000_0000;
pub(crate) const SPI0: u32 = 0x6000_2000;
pub(crate) const SPI1: u32 = 0x6000_3000;
pub(crate) const SYSTIMER: u32 = 0x6000_A000;
pub(crate) const TIMG0: u32 = 0x6000_8000;
pub(crate) const IO_MUX: u32 = 0x6009_0000;
pub(crate) const GPIO: u32 = 0x6009_1000;
pub(crate) const EFUSE: u32 = 0x600B_0800;
pub(crate) const LP_PERI: u32 = 0x600B_2800;

#[inline(always)]
pub(crate) fn read(address: u32) -> u32 {
    // SAFETY: the addresses that this crate reads are registers of peripherals that only it uses.
    unsafe { (address as *const u32).read_volatile() }
}

#[inline(always)]
pub(crate) fn write(address: u32, value: u32) {
    // SAFETY: as for `read`; no register that is written here makes hardware change memory that other code uses.
    unsafe { (address as *mut u32).write_volatile(value) };
}
