//! The board's noise: how many core cycles, counted on HOCO, each period of LOCO takes. The two oscillators are independent
//! circuits, and a period of LOCO jitters against HOCO's.
//!
//! The chip's own generator is in its secure crypto engine, which Renesas documents only through its closed library. `drydock_device::entropy`
//! states the assumptions about this noise and how it is used. The jitter of these oscillators has not been measured.

use crate::{ident, register::Register};
use cortex_m::peripheral::DWT;
use drydock_device::entropy::{Generator, Unhealthy};

/// AGT0 (chapter 23), clocked by LOCO.
const AGT: Register<u16> = Register::at(0x4008_4000);
const AGTCR: Register<u8> = Register::at(0x4008_4008);
const AGTMR1: Register<u8> = Register::at(0x4008_4009);
const AGTMR2: Register<u8> = Register::at(0x4008_400A);
const TSTART: u8 = 1 << 0;
const TCSTF: u8 = 1 << 1;
const FROM_LOCO: u8 = 4 << 4;

/// Limit for one period of LOCO, in cycles of the core clock: many times the usual length.
const PATIENCE: u32 = 1_000_000;

/// Collects for about 125 ms.
pub(crate) fn collect() -> Result<Generator, Unhealthy> {
    start();
    let mut before = DWT::cycle_count();
    let generator = Generator::collect(
        || {
            // If LOCO has stopped, all samples are equal, which the health tests refuse.
            let Some(now) = edge() else { return 0 };
            let sample = now.wrapping_sub(before) as u8;
            before = now;
            sample
        },
        &ident::unique_id(),
    );
    AGTCR.write(0);
    generator
}

fn start() {
    // SAFETY: the main loop has not begun, and no other code uses the core's peripherals.
    let mut core = unsafe { cortex_m::Peripherals::steal() };
    core.DCB.enable_trace();
    core.DWT.enable_cycle_counter();
    AGTMR1.write(FROM_LOCO);
    AGTMR2.write(0);
    AGT.write(u16::MAX);
    AGTCR.write(TSTART);
    let began = DWT::cycle_count();
    while AGTCR.read() & TCSTF == 0 && DWT::cycle_count().wrapping_sub(began) < PATIENCE {}
    edge();
}

/// Waits for the next edge of LOCO and returns its time. (A separate function, because tests replace it.)
#[inline(never)]
fn edge() -> Option<u32> {
    let (began, value) = (DWT::cycle_count(), AGT.read());
    loop {
        let now = DWT::cycle_count();
        if AGT.read() != value {
            return Some(now);
        }
        if now.wrapping_sub(began) > PATIENCE {
            return None;
        }
    }
}
