//! Microseconds since reset, and sleep: TIMER0 at 1 MHz (6.30), fed by the crystal (5.4).

use crate::uart::Uart;
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};
use nrf52840_pac::{CLOCK, NVIC, TIMER0, interrupt};

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// After the first byte of a burst the CPU continues to sleep for this long, so that it does not wake for each byte.
const BURST_US: u64 = 100;

/// TIMER0 counts 32 bits; the upper half is kept here.
pub(crate) struct Clock {
    timer: TIMER0,
    last: Cell<u32>,
    high: Cell<u64>,
}

/// Makes the next sleep return at once, so that it does not miss an event that an interrupt handler has just seen.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

impl Clock {
    pub(crate) fn start(clock: &CLOCK, timer: TIMER0) -> Self {
        // UARTE at 1 Mbaud and the clock itself need better accuracy than the 1.5 % of the internal oscillator.
        clock.events_hfclkstarted.reset();
        clock.tasks_hfclkstart.write(|w| w.tasks_hfclkstart().set_bit());
        while clock.events_hfclkstarted.read().bits() == 0 {}
        timer.mode.write(|w| w.mode().timer());
        timer.bitmode.write(|w| w.bitmode()._32bit());
        // SAFETY: PRESCALER takes 0 to 9: 16 MHz / 2^4 = 1 MHz.
        timer.prescaler.write(|w| unsafe { w.prescaler().bits(4) });
        timer.intenset.write(|w| w.compare1().set());
        timer.tasks_clear.write(|w| w.tasks_clear().set_bit());
        timer.tasks_start.write(|w| w.tasks_start().set_bit());
        // SAFETY: the handler below is ready to run.
        unsafe { NVIC::unmask(nrf52840_pac::Interrupt::TIMER0) };
        Self {
            timer,
            last: Cell::new(0),
            high: Cell::new(0),
        }
    }

    /// Must be called at least once in 71 minutes; the main loop does so each half second.
    pub(crate) fn now_us(&self) -> u64 {
        self.timer.tasks_capture[0].write(|w| w.tasks_capture().set_bit());
        let now = self.timer.cc[0].read().bits();
        if now < self.last.get() {
            self.high.set(self.high.get() + (1 << 32));
        }
        self.last.set(now);
        self.high.get() + u64::from(now)
    }

    /// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
    pub(crate) fn sleep_until(&self, deadline_us: u64, uart: &Uart) -> u64 {
        let began_us = self.now_us();
        uart.wake_on_byte();
        let mut deadline_us = deadline_us;
        let mut in_burst = false;
        loop {
            self.set_alarm(deadline_us);
            let due = cortex_m::interrupt::free(|_| {
                let due = WOKEN.swap(false, Ordering::Relaxed) || self.now_us() >= deadline_us;
                if !due && (in_burst || !uart.has_bytes()) {
                    // A pending interrupt ends WFI although it is masked; its handler runs right after.
                    cortex_m::asm::wfi();
                    return false;
                }
                due || in_burst
            });
            let now_us = self.now_us();
            if due || now_us >= deadline_us {
                return now_us - began_us;
            }
            if uart.has_bytes() && !in_burst {
                in_burst = true;
                deadline_us = deadline_us.min(now_us + BURST_US);
            }
        }
    }

    fn set_alarm(&self, deadline_us: u64) {
        // SAFETY: CC takes any value.
        self.timer.cc[1].write(|w| unsafe { w.bits(deadline_us as u32) });
    }
}

#[interrupt]
fn TIMER0() {
    // SAFETY: only this handler uses the event; it does not touch the rest of the timer.
    let timer = unsafe { &*TIMER0::ptr() };
    timer.events_compare[1].reset();
}
