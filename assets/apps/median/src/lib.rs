//! Keeps the last readings of the chip's temperature in a `Vec` and reports their median: an app with a heap.
#![no_std]

extern crate alloc;

use alloc::{format, vec::Vec};
use core::{
    cell::RefCell,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use drydock_guest::{heap::Heap, log, metrics, timer};

drydock_guest::app! {
    name: "median",
    version: "1.0.0",
    capabilities: ["log", "metrics", "timer"],
}

#[global_allocator]
static HEAP: Heap = Heap::new();

/// Readings that the median is taken of.
const WINDOW: usize = 31;

struct Readings(RefCell<Vec<i32>>);

// SAFETY: an app has one thread.
unsafe impl Sync for Readings {}

static READINGS: Readings = Readings(RefCell::new(Vec::new()));
static TAKEN: AtomicU32 = AtomicU32::new(0);

#[unsafe(no_mangle)]
extern "C" fn init() {
    timer::tick_every(100);
}

#[unsafe(no_mangle)]
extern "C" fn tick() {
    let Some(millidegrees) = metrics::temperature_mc() else {
        return;
    };
    let mut readings = READINGS.0.borrow_mut();
    if readings.len() == WINDOW {
        readings.remove(0);
    }
    readings.push(millidegrees);
    let mut sorted = readings.clone();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    metrics::report("median", f64::from(median) / 1000.0);
    let taken = TAKEN.load(Relaxed) + 1;
    TAKEN.store(taken, Relaxed);
    if taken % 10 == 1 {
        let text = format!("median of {} readings: {} m°C", readings.len(), median);
        log::line(log::Level::Info, &text);
    }
}
