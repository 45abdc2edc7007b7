//! WDT (6.36): resets the chip if the main loop does not run for 8 seconds.

use core::arch::naked_asm;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::ExceptionFrame;
use nrf52840_pac::{Interrupt, WDT};

const TIMEOUT_S: u32 = 8;
const LFCLK_HZ: u32 = 32_768;
/// The value that a reload register takes (RR, 6.36.4.10).
const RELOAD: u32 = 0x6E52_4635;

pub(crate) fn start(wdt: &WDT) {
    wdt.config.write(|w| w.sleep().run().halt().pause());
    // SAFETY: CRV takes any value above 15.
    wdt.crv.write(|w| unsafe { w.bits(TIMEOUT_S * LFCLK_HZ - 1) });
    wdt.rren.write(|w| w.rr0().enabled());
    wdt.intenset.write(|w| w.timeout().set_bit());
    // SAFETY: the handler shares nothing with the code it interrupts; the reset follows it.
    unsafe { NVIC::unmask(Interrupt::WDT) };
    wdt.tasks_start.write(|w| w.tasks_start().set_bit());
}

pub(crate) fn feed() {
    // SAFETY: reloading has no effect but the one wanted.
    let wdt = unsafe { &*WDT::ptr() };
    // SAFETY: the register takes this one value.
    wdt.rr[0].write(|w| unsafe { w.bits(RELOAD) });
}

/// The main loop did not run in time: records where the firmware was. The reset follows two cycles of the slow clock
/// later.
extern "C" fn timed_out(frame: &ExceptionFrame) -> ! {
    drydock_cortex_m::hung(frame);
    loop {
        cortex_m::asm::nop();
    }
}

/// The interrupt's entry: passes on the frame that the core has put on the stack.
#[unsafe(export_name = "WDT")]
#[unsafe(naked)]
unsafe extern "C" fn enter_timed_out() {
    naked_asm!("mov r0, sp", "b {timed_out}", timed_out = sym timed_out)
}
