//! Microseconds since reset, and sleep: TIM5 (chapter 18), 32 bits at 1 MHz, with its first compare channel as alarm.

use crate::{TIM5, register::Register, register::unmask, tree::TIMER_HZ, uart::Uart};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};

const CR1: Register = Register(0x4000_0C00);
const DIER: Register = Register(0x4000_0C0C);
const SR: Register = Register(0x4000_0C10);
const EGR: Register = Register(0x4000_0C14);
const CNT: Register = Register(0x4000_0C24);
const PSC: Register = Register(0x4000_0C28);
const CCR1: Register = Register(0x4000_0C34);

const CEN: u32 = 1;
const UG: u32 = 1;
const CC1: u32 = 1 << 1;

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// TIM5 counts 32 bits; the upper half is kept here.
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
    // SR's bits are cleared by a zero.
    SR.write(!CC1);
    wake();
}

impl Clock {
    pub(crate) fn start() -> Self {
        PSC.write(TIMER_HZ / 1_000_000 - 1);
        // The prescaler takes effect with an update (18.3.1).
        EGR.write(UG);
        SR.write(0);
        DIER.write(CC1);
        CR1.write(CEN);
        unmask(TIM5);
        Self {
            last: Cell::new(0),
            high: Cell::new(0),
        }
    }

    /// Must be called at least once in 71 minutes; the main loop does so each half second.
    pub(crate) fn now_us(&self) -> u64 {
        let now = CNT.read();
        if now < self.last.replace(now) {
            self.high.set(self.high.get() + (1 << 32));
        }
        self.high.get() + u64::from(now)
    }

    /// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
    pub(crate) fn sleep_until(&self, deadline_us: u64, uart: &Uart) -> u64 {
        let began_us = self.now_us();
        CCR1.write(deadline_us as u32);
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
