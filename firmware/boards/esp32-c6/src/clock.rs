//! Microseconds since reset, and sleep: unit 0 of the system timer (chapter 14), which esp-hal starts, and its first alarm.

use crate::{
    register::{SYSTIMER, read, write},
    uart::Uart,
};
use core::sync::atomic::{AtomicBool, Ordering};
use esp_hal::{
    handler,
    interrupt::{self, Priority},
    peripherals::Interrupt,
    time::Instant,
};

const TICKS_PER_US: u64 = 16;
const CONF: u32 = SYSTIMER;
const TARGET0_WORK_EN: u32 = 1 << 24;
const TARGET0_HI: u32 = SYSTIMER + 0x1C;
const TARGET0_LO: u32 = SYSTIMER + 0x20;
const TARGET0_CONF: u32 = SYSTIMER + 0x34;
const COMP0_LOAD: u32 = SYSTIMER + 0x50;
const INT_ENA: u32 = SYSTIMER + 0x64;
const INT_CLR: u32 = SYSTIMER + 0x6C;
const TARGET0: u32 = 1 << 0;

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// Makes the next sleep return at once, so that it does not miss an event that an interrupt handler has just seen.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

/// Makes the alarm ready.
pub(crate) fn start() {
    // A value, compared to unit 0.
    write(TARGET0_CONF, 0);
    interrupt::bind_handler(Interrupt::SYSTIMER_TARGET0, alarm);
    write(INT_ENA, read(INT_ENA) | TARGET0);
}

pub(crate) fn now_us() -> u64 {
    Instant::now().duration_since_epoch().as_micros()
}

/// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
pub(crate) fn sleep_until(deadline_us: u64, uart: &Uart) -> u64 {
    let began_us = now_us();
    set_alarm(deadline_us);
    loop {
        let due = esp_hal::riscv::interrupt::free(|| {
            let due = WOKEN.swap(false, Ordering::Relaxed) || uart.has_bytes() || now_us() >= deadline_us;
            if !due {
                // A pending interrupt ends WFI although it is masked; its handler runs right after.
                esp_hal::riscv::asm::wfi();
            }
            due
        });
        if due {
            return now_us() - began_us;
        }
    }
}

fn set_alarm(deadline_us: u64) {
    let target = deadline_us.saturating_mul(TICKS_PER_US).min((1 << 51) - 1);
    write(CONF, read(CONF) & !TARGET0_WORK_EN);
    write(TARGET0_HI, (target >> 32) as u32);
    write(TARGET0_LO, target as u32);
    write(COMP0_LOAD, 1);
    write(CONF, read(CONF) | TARGET0_WORK_EN);
}

#[handler(priority = Priority::Priority1)]
fn alarm() {
    write(INT_CLR, TARGET0);
}
