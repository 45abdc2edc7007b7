//! Blinks the Nano 33 BLE's yellow LED twice a second and says so each second: the smallest app that one can see.
#![no_std]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use drydock_guest::{gpio, info, timer};

drydock_guest::app! {
    name: "blink",
    version: "1.0.0",
    capabilities: ["log", "metrics", "timer", "gpio:13"],
}

/// P0.13, high lights it.
const LED: u32 = 13;
const HALF_PERIOD_MS: u32 = 250;

static TICKS: AtomicU32 = AtomicU32::new(0);

#[unsafe(no_mangle)]
extern "C" fn init() {
    gpio::output(LED);
    timer::tick_every(HALF_PERIOD_MS);
    info!("blinking P0.13 twice a second");
}

#[unsafe(no_mangle)]
extern "C" fn tick() {
    let ticks = TICKS.load(Relaxed) + 1;
    TICKS.store(ticks, Relaxed);
    gpio::write(LED, ticks % 2 == 1);
    if ticks % 4 == 0 {
        info!("blinked {} times", ticks / 2);
    }
}
