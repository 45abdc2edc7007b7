//! The watchdog of timer group 0 (chapter 15): resets the chip if the main loop does not run for 8 seconds.

use crate::register::{TIMG0, read, write};
use core::arch::asm;
use drydock_fault::{Cause, Crash};
use esp_hal::{
    handler,
    interrupt::{self, Priority},
    peripherals::{Interrupt, TIMG0 as Group},
    time::Duration,
    timer::timg::{MwdtStage, MwdtStageAction, Wdt},
};

const TIMEOUT_S: u64 = 8;
/// Time from recording the hang to the reset.
const GRACE_MS: u64 = 10;

const WDTFEED: u32 = TIMG0 + 0x60;
const WDTWPROTECT: u32 = TIMG0 + 0x64;
const KEY: u32 = 0x50D8_3AA1;
const INT_ENA: u32 = TIMG0 + 0x70;
const WDT_INT: u32 = 1 << 1;

pub(crate) fn start() {
    let mut watchdog = Wdt::<Group<'static>>::new();
    watchdog.set_timeout(MwdtStage::Stage0, Duration::from_secs(TIMEOUT_S));
    watchdog.set_timeout(MwdtStage::Stage1, Duration::from_millis(GRACE_MS));
    watchdog.enable();
    // Enabling sets the stages back.
    watchdog.set_stage_action(MwdtStage::Stage0, MwdtStageAction::Interrupt);
    watchdog.set_stage_action(MwdtStage::Stage1, MwdtStageAction::ResetSystem);
    interrupt::bind_handler(Interrupt::TG0_WDT_LEVEL, timed_out);
    write(INT_ENA, read(INT_ENA) | WDT_INT);
}

pub(crate) fn feed() {
    write(WDTWPROTECT, KEY);
    write(WDTFEED, 1);
    write(WDTWPROTECT, 0);
}

/// The main loop did not run in time: records where the firmware was, and waits for the reset. Runs at the highest
/// priority, so that `mepc` still holds the interrupted address.
#[handler(priority = Priority::max())]
fn timed_out() {
    let pc: u32;
    // SAFETY: a register of machine mode is read, which has no effect.
    unsafe { asm!("csrr {}, mepc", out(reg) pc, options(nomem, nostack)) };
    let hung = Crash {
        cause: Cause::Watchdog,
        pc,
        lr: 0,
        status: 0,
        address: 0,
    };
    drydock_fault::write_record(hung, |_| {});
    loop {
        core::hint::spin_loop();
    }
}
