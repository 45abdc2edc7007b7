//! Values that the workbench plots. Needs the capability `metrics`.

use crate::calls;

/// Reports the latest value under a name.
pub fn report(name: &str, value: f64) {
    // SAFETY: pointer and length are those of a live string.
    unsafe { calls::metric(name.as_ptr() as i32, name.len() as i32, value) }
}

/// Chip temperature in thousandths of a degree Celsius, if the board has a sensor.
pub fn temperature_mc() -> Option<i32> {
    // SAFETY: takes no pointers.
    let value = unsafe { calls::temperature_mc() };
    (value != i32::MIN).then_some(value)
}
