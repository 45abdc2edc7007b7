//! Microseconds since reset, and sleep: GPT0 (chapter 22), 32 bits at 3 MHz, with its compare match A as alarm.

use crate::{
    ALARM,
    register::{Register, link_event},
    tree::CORE_HZ,
    uart::Uart,
};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};

const GTCR: Register<u32> = Register::at(0x4007_802C);
const GTCNT: Register<u32> = Register::at(0x4007_8048);
const GTCCRA: Register<u32> = Register::at(0x4007_804C);
const GTPR: Register<u32> = Register::at(0x4007_8064);
const BY_16: u32 = 2 << 24;
const CST: u32 = 1;
/// GPT0_CCMPA (table 14.4).
const COMPARE_MATCH_A: u32 = 0x57;

const TICKS_PER_US: u32 = CORE_HZ / 16 / 1_000_000;

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// GPT0 counts 32 bits; the upper half is kept here.
pub(crate) struct Clock {
    last: Cell<u32>,
    high: Cell<u64>,
}

/// Makes the next sleep return at once, so that it does not miss an event that an interrupt handler has just seen.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

/// The time of the alarm.
pub(crate) fn alarm() {
    wake();
}

impl Clock {
    pub(crate) fn start() -> Self {
        GTCR.write(BY_16);
        GTPR.write(u32::MAX);
        GTCNT.write(0);
        GTCR.write(BY_16 | CST);
        link_event(ALARM, COMPARE_MATCH_A);
        Self {
            last: Cell::new(0),
            high: Cell::new(0),
        }
    }

    /// Must be called at least once in 23 minutes; the main loop does so each half second.
    pub(crate) fn now_us(&self) -> u64 {
        let now = GTCNT.read();
        if now < self.last.replace(now) {
            self.high.set(self.high.get() + (1 << 32));
        }
        (self.high.get() + u64::from(now)) / u64::from(TICKS_PER_US)
    }

    /// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
    pub(crate) fn sleep_until(&self, deadline_us: u64, uart: &Uart) -> u64 {
        let began_us = self.now_us();
        GTCCRA.write((deadline_us as u32).wrapping_mul(TICKS_PER_US));
        loop {
            let due = cortex_m::interrupt::free(|_| {
                let due = WOKEN.swap(false, Ordering::Relaxed) || uart.has_bytes() || self.now_us() >= deadline_us;
                if !due {
                    // A pending interrupt ends WFI although it is masked; its handler runs right after.
                    cortex_m::asm::wfi();
                }
                due
            });
            if due {
                return self.now_us() - began_us;
            }
        }
    }
}
