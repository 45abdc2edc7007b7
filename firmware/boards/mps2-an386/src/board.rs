//! The board's implementation of `drydock_device::board::Board`.

use crate::{clock::Clock, entropy::Entropy, flash::RamStore, lights::Lights, uart::Uart};
use drydock_device::board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices};
use drydock_fault::Resets;
use drydock_protocol::{capability::PinSet, types::ResetReason};

/// GPIO0, without the link's RX and TX.
const APP_PINS: &[u8] = &[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// QEMU's MPS2 AN386.
pub(crate) struct Mps2 {
    clock: Clock,
    uart: Uart,
    flash: RamStore,
    lights: Lights,
    entropy: Entropy,
    reset_reason: ResetReason,
}

impl Mps2 {
    pub(crate) fn start() -> Self {
        let entropy = Entropy::start();
        // The board reports no reset reasons; every start after power-on except the first counts as the firmware's own
        // reset.
        let reset_reason = drydock_fault::begin(Resets {
            software: !entropy.is_first_life(),
            ..Resets::default()
        });
        Self {
            clock: Clock::start(),
            uart: Uart::start(),
            flash: RamStore,
            lights: Lights::start(),
            entropy,
            reset_reason,
        }
    }
}

impl Board for Mps2 {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "mps2-an386",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::of(APP_PINS),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        self.entropy.chip_id()
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

    fn fill_random(&self, out: &mut [u8]) {
        self.entropy.fill(out);
    }

    fn flash(&self) -> &dyn Flash {
        &self.flash
    }

    fn pins(&self) -> &dyn Pins {
        &self.lights
    }

    fn temperature_mc(&self) -> Option<i32> {
        None
    }

    /// No watchdog is started: QEMU's would reset the board while the host is busy elsewhere.
    fn feed_watchdog(&self) {}

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
