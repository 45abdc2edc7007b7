//! Microseconds since reset, and sleep: FPGAIO's COUNTER at 25 MHz, which the engine reads too, and CMSDK TIMER0 as alarm.

use crate::{TIMER0, register::Register, register::unmask, uart::Uart};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};

const COUNTER: Register = Register(0x4002_8018);
const TICKS_PER_US: u64 = 25;

const TIMER_CTRL: Register = Register(0x4000_0000);
const TIMER_VALUE: Register = Register(0x4000_0004);
const TIMER_RELOAD: Register = Register(0x4000_0008);
const TIMER_INTCLEAR: Register = Register(0x4000_000C);
const TIMER_ENABLE_AND_INTERRUPT: u32 = 0b1001;

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// COUNTER has 32 bits; the upper ones are kept here.
pub(crate) struct Clock {
    last: Cell<u32>,
    ticks: Cell<u64>,
}

/// Makes the next sleep return at once, so that it does not miss an event that an interrupt handler has just seen.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

/// TIMER0 reached zero.
pub(crate) fn alarm() {
    TIMER_CTRL.write(0);
    TIMER_INTCLEAR.write(1);
    wake();
}

impl Clock {
    pub(crate) fn start() -> Self {
        unmask(TIMER0);
        Self {
            last: Cell::new(COUNTER.read()),
            ticks: Cell::new(0),
        }
    }

    /// Must be called at least once in 171 seconds; the main loop does so each half second.
    pub(crate) fn now_us(&self) -> u64 {
        let now = COUNTER.read();
        let passed = now.wrapping_sub(self.last.replace(now));
        self.ticks.set(self.ticks.get() + u64::from(passed));
        self.ticks.get() / TICKS_PER_US
    }

    /// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
    pub(crate) fn sleep_until(&self, deadline_us: u64, uart: &Uart) -> u64 {
        let began_us = self.now_us();
        let ticks = deadline_us.saturating_sub(began_us).saturating_mul(TICKS_PER_US);
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
        TIMER_CTRL.write(0);
        TIMER_RELOAD.write(ticks);
        TIMER_VALUE.write(ticks);
        TIMER_CTRL.write(TIMER_ENABLE_AND_INTERRUPT);
        while !WOKEN.swap(false, Ordering::Relaxed) && !uart.has_bytes() && self.now_us() < deadline_us {
            cortex_m::interrupt::free(|_| {
                if !WOKEN.load(Ordering::Relaxed) {
                    // A pending interrupt ends WFI although it is masked; its handler runs right after.
                    cortex_m::asm::wfi();
                }
            });
        }
        TIMER_CTRL.write(0);
        self.now_us() - began_us
    }
}
