//! The chip's built-in sources: randomness (RNG, 6.19), temperature (TEMP, 6.28), its id (FICR, 4.4).

use nrf52840_pac::{FICR, RNG, TEMP};

/// Starts the generator, with bias correction.
pub(crate) fn start(rng: &RNG) {
    rng.config.write(|w| w.dercen().enabled());
    rng.tasks_start.write(|w| w.tasks_start().set_bit());
}

/// Waits for each byte, about 120 µs.
pub(crate) fn fill_random(out: &mut [u8]) {
    // SAFETY: the main loop alone uses RNG.
    let rng = unsafe { &*RNG::ptr() };
    for byte in out {
        while rng.events_valrdy.read().bits() == 0 {}
        rng.events_valrdy.reset();
        *byte = rng.value.read().value().bits();
    }
}

/// Measures the temperature in thousandths of a degree Celsius; takes about 36 µs.
pub(crate) fn temperature_mc() -> i32 {
    // SAFETY: the main loop alone uses TEMP.
    let temp = unsafe { &*TEMP::ptr() };
    temp.events_datardy.reset();
    temp.tasks_start.write(|w| w.tasks_start().set_bit());
    while temp.events_datardy.read().bits() == 0 {}
    // Quarters of a degree, two's complement.
    temp.temp.read().bits() as i32 * 250
}

/// DEVICEID, lower word first.
pub(crate) fn chip_id(ficr: &FICR) -> [u8; 8] {
    let mut id = [0; 8];
    id[..4].copy_from_slice(&ficr.deviceid[0].read().bits().to_be_bytes());
    id[4..].copy_from_slice(&ficr.deviceid[1].read().bits().to_be_bytes());
    id
}
