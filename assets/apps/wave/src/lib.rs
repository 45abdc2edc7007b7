//! Publishes a sine of one hertz a thousand times a second, in batches, and the number of its ticks.
#![no_std]

use core::cell::Cell;
use drydock_guest::{info, metrics, timer};

drydock_guest::app! {
    name: "wave",
    version: "1.0.0",
    capabilities: ["log", "metrics", "timer"],
}

/// Interval of `tick`. Each tick publishes what was measured since the one before.
const TICK_MS: u32 = 50;
/// Time between two values.
const PERIOD_US: u32 = 1000;
const VALUES: usize = (TICK_MS * 1000 / PERIOD_US) as usize;

/// Cosine and sine of the angle from one value to the next, 0.36 degrees.
const STEP: (f32, f32) = (0.999_980_26, 0.006_283_144);

struct State {
    /// Cosine and sine of the angle so far.
    angle: Cell<(f32, f32)>,
    ticks: Cell<u32>,
}

// SAFETY: an app has one thread.
unsafe impl Sync for State {}

static STATE: State = State {
    angle: Cell::new((1.0, 0.0)),
    ticks: Cell::new(0),
};

#[unsafe(no_mangle)]
extern "C" fn init() {
    info!("publishing a sine at 1 kHz");
    timer::tick_every(TICK_MS);
}

#[unsafe(no_mangle)]
extern "C" fn tick() {
    let mut sine = [0.0; VALUES];
    for value in &mut sine {
        *value = next();
    }
    metrics::report_batch("sine", &sine, PERIOD_US);
    let ticks = STATE.ticks.get() + 1;
    STATE.ticks.set(ticks);
    metrics::report("ticks", ticks.into());
}

/// The sine of the next angle.
fn next() -> f32 {
    let (cos, sin) = STATE.angle.get();
    let turned = (cos * STEP.0 - sin * STEP.1, sin * STEP.0 + cos * STEP.1);
    // Rounding would make the circle grow or shrink.
    let length = 1.5 - 0.5 * (turned.0 * turned.0 + turned.1 * turned.1);
    STATE.angle.set((turned.0 * length, turned.1 * length));
    turned.1 * length
}
