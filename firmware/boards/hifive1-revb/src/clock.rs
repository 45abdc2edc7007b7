//! Clocks (chapter 6), microseconds since reset, and sleep: CLINT's `mtime` (chapter 9) at 32,768 Hz, and `mtimecmp` as
//! alarm.

use crate::{
    register::{Register, csr_clear_mie, csr_set_mie},
    uart::Uart,
};
use core::{
    arch::asm,
    sync::atomic::{AtomicBool, Ordering},
};

const HFXOSCCFG: Register = Register(0x1000_8004);
const PLLCFG: Register = Register(0x1000_8008);
const PLLOUTDIV: Register = Register(0x1000_800C);
const HFXOSC_ENABLE: u32 = 1 << 30;
const HFXOSC_READY: u32 = 1 << 31;
const PLL_SELECT: u32 = 1 << 16;
const PLL_FROM_CRYSTAL: u32 = 1 << 17;
const PLL_BYPASS: u32 = 1 << 18;
const DIVIDE_BY_1: u32 = 1 << 8;

/// The crystal's 16 MHz, not multiplied: plenty for this, and exact.
pub(crate) const CLOCK_HZ: u32 = 16_000_000;

const MTIMECMP: Register = Register(0x0200_4000);
const MTIMECMP_HIGH: Register = Register(0x0200_4004);
const MTIME: Register = Register(0x0200_BFF8);
const MTIME_HIGH: Register = Register(0x0200_BFFC);
/// Machine timer interrupt, in `mie`.
pub(crate) const MTIE: u32 = 1 << 7;

/// 1,000,000 / 32,768 in lowest terms.
const US: u64 = 15_625;
const PER_TICKS: u64 = 512;

/// Something happened that the main loop has not looked at yet.
static WOKEN: AtomicBool = AtomicBool::new(false);

pub(crate) struct Clock {
    began: u64,
}

/// Makes the next sleep return at once, so that it does not miss an event that an interrupt handler has just seen.
pub(crate) fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

fn mtime() -> u64 {
    loop {
        let high = MTIME_HIGH.read();
        let low = MTIME.read();
        if MTIME_HIGH.read() == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

impl Clock {
    pub(crate) fn start() -> Self {
        HFXOSCCFG.write(HFXOSC_ENABLE);
        while HFXOSCCFG.read() & HFXOSC_READY == 0 {}
        PLLOUTDIV.write(DIVIDE_BY_1);
        PLLCFG.write(PLL_FROM_CRYSTAL | PLL_BYPASS);
        PLLCFG.set(PLL_SELECT);
        Self { began: mtime() }
    }

    pub(crate) fn now_us(&self) -> u64 {
        (mtime() - self.began) * US / PER_TICKS
    }

    /// Sleeps until the deadline or an interrupt; returns how long, in microseconds.
    pub(crate) fn sleep_until(&self, deadline_us: u64, uart: &Uart) -> u64 {
        let began_us = self.now_us();
        let alarm = self.began + (deadline_us * PER_TICKS).div_ceil(US);
        // So that no instant in between is early (9.3).
        MTIMECMP_HIGH.write(u32::MAX);
        MTIMECMP.write(alarm as u32);
        MTIMECMP_HIGH.write((alarm >> 32) as u32);
        csr_set_mie(MTIE);
        loop {
            // SAFETY: MIE in `mstatus` is cleared, and set again below.
            unsafe { asm!("csrci mstatus, 8") };
            let due = WOKEN.swap(false, Ordering::Relaxed) || uart.has_bytes() || self.now_us() >= deadline_us;
            if !due {
                // SAFETY: a pending interrupt ends it although it is masked; its handler runs right after.
                unsafe { asm!("wfi") };
            }
            // SAFETY: as it was before.
            unsafe { asm!("csrsi mstatus, 8") };
            if due {
                csr_clear_mie(MTIE);
                return self.now_us() - began_us;
            }
        }
    }
}
