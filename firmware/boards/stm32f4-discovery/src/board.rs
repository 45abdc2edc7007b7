//! The board's implementation of `drydock_device::board::Board`.

use crate::{
    clock::Clock,
    flash::FlashRegions,
    pins::{APP_PINS, Gpio},
    reset, sensors, tree,
    uart::{self, Uart},
    watchdog,
};
use drydock_device::board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices};
use drydock_protocol::{capability::PinSet, types::ResetReason};

/// The STM32F4DISCOVERY.
pub(crate) struct Discovery {
    clock: Clock,
    uart: Uart,
    reset_reason: ResetReason,
}

impl Discovery {
    /// Brings the chip up. Called once.
    pub(crate) fn start() -> Self {
        let reset_reason = drydock_fault::begin(reset::take());
        watchdog::start();
        tree::start();
        sensors::start();
        Self {
            clock: Clock::start(),
            uart: Uart::start(),
            reset_reason,
        }
    }
}

impl Board for Discovery {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "stm32f4-discovery",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::of(APP_PINS),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        sensors::chip_id()
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
        sensors::fill_random(out);
    }

    fn flash(&self) -> &dyn Flash {
        &FlashRegions
    }

    fn pins(&self) -> &dyn Pins {
        &Gpio
    }

    /// The sensor is behind ADC1, which this firmware does not start.
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
