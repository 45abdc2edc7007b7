//! Reads the chip's thermometer twice a second, smooths it, logs it and reports it as a metric.
#![no_std]

use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use drydock_guest::{info, metrics, timer, warn};

drydock_guest::app! {
    name: "sensor",
    version: "1.0.0",
    capabilities: ["log", "metrics", "timer"],
}

/// Mean so far in thousandths of a degree; `i32::MIN` before the first reading.
static MEAN_MC: AtomicI32 = AtomicI32::new(i32::MIN);

#[unsafe(no_mangle)]
extern "C" fn init() {
    timer::tick_every(500);
}

#[unsafe(no_mangle)]
extern "C" fn tick() {
    let Some(now_mc) = metrics::temperature_mc() else {
        warn!("this board has no thermometer");
        timer::tick_every(0);
        return;
    };
    let before_mc = MEAN_MC.load(Relaxed);
    let mean_mc = if before_mc == i32::MIN {
        now_mc
    } else {
        before_mc + (now_mc - before_mc) / 8
    };
    MEAN_MC.store(mean_mc, Relaxed);
    metrics::report("temperature", f64::from(now_mc) / 1000.0);
    metrics::report("mean", f64::from(mean_mc) / 1000.0);
    info!("t={}.{:02} °C", now_mc / 1000, now_mc.rem_euclid(1000) / 10);
}
