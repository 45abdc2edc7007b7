//! The board's implementation of `drydock_device::board::Board`.

use crate::{
    clock::Clock,
    flash::DataFlash,
    ident, noise,
    pins::Ports,
    reset, tree,
    uart::{self, Uart},
    watchdog,
};
use core::cell::RefCell;
use cortex_m::peripheral::DWT;
use drydock_device::{
    board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices},
    entropy::{Generator, Unhealthy},
};
use drydock_protocol::{capability::PinSet, types::ResetReason};

/// The Uno R4 Minima.
pub(crate) struct Uno {
    clock: Clock,
    uart: Uart,
    flash: DataFlash,
    generator: Result<RefCell<Generator>, Unhealthy>,
    reset_reason: ResetReason,
}

impl Uno {
    /// Brings the chip up. Called once.
    pub(crate) fn start() -> Self {
        let reset_reason = drydock_fault::begin(reset::take());
        tree::start();
        watchdog::start();
        Self {
            clock: Clock::start(),
            generator: noise::collect().map(RefCell::new),
            flash: DataFlash::start(),
            uart: Uart::start(),
            reset_reason,
        }
    }

    /// Whether there is randomness.
    pub(crate) fn noise_health(&self) -> Result<(), Unhealthy> {
        self.generator.as_ref().map(|_| ()).map_err(|unhealthy| *unhealthy)
    }
}

impl Board for Uno {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "uno-r4-minima",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::default(),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        ident::chip_id()
    }

    fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    fn sleep_until(&self, deadline_us: u64) -> u64 {
        self.clock.sleep_until(deadline_us, &self.uart)
    }

    fn link_read(&self, out: &mut [u8]) -> usize {
        self.uart.read(out)
    }

    fn link_write(&self, data: &[u8]) -> usize {
        self.uart.write(data)
    }

    fn link_rates(&self) -> &'static [u32] {
        &uart::OTHER_RATES
    }

    fn set_link_rate(&self, baud: Option<u32>) -> bool {
        self.uart.set_rate(baud)
    }

    fn fill_random(&self, out: &mut [u8]) {
        match &self.generator {
            Ok(generator) => generator.borrow_mut().fill(out),
            // `main` then runs no code that makes a key: only the link asks, for an epoch, which is not a secret.
            Err(_) => out.fill_with(|| DWT::cycle_count() as u8),
        }
    }

    fn flash(&self) -> &dyn Flash {
        &self.flash
    }

    fn pins(&self) -> &dyn Pins {
        &Ports
    }

    /// The sensor is behind ADC14, which this firmware does not start.
    fn temperature_mc(&self) -> Option<i32> {
        None
    }

    fn feed_watchdog(&self) {
        watchdog::feed();
    }

    fn reset_reason(&self) -> ResetReason {
        self.reset_reason
    }

    fn reset(&self) {
        cortex_m::peripheral::SCB::sys_reset();
    }

    fn services(&self) -> &dyn RuntimeServices {
        &drydock_runtime_services::Image
    }
}
