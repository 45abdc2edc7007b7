//! Numbers that the workbench shows, plots and records. Needs the capability `metrics`.
//!
//! Nothing here waits. A board sends what its link carries; it drops the rest and counts it, and plots show a gap.

use crate::calls;

/// Publishes a value of now. An app has up to eight names of up to 24 bytes.
pub fn report(name: &str, value: f64) {
    // SAFETY: pointer and length are those of a live string.
    unsafe { calls::metric(name.as_ptr() as i32, name.len() as i32, value) }
}

/// Publishes up to 200 values that were measured `period_us` microseconds apart; the last one is of now. Beyond some hundred
/// values a second this costs the app and the link much less than [`report`] for each. More than 200 end the app.
pub fn report_batch(name: &str, values: &[f32], period_us: u32) {
    // SAFETY: pointers and lengths are those of a live string and a live slice.
    unsafe {
        calls::metric_batch(
            name.as_ptr() as i32,
            name.len() as i32,
            values.as_ptr() as i32,
            values.len() as i32,
            period_us as i32,
        );
    }
}

/// Chip temperature in thousandths of a degree Celsius, if the board has a sensor.
pub fn temperature_mc() -> Option<i32> {
    // SAFETY: takes no pointers.
    let value = unsafe { calls::temperature_mc() };
    (value != i32::MIN).then_some(value)
}
