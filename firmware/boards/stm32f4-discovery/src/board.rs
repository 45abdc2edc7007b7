//! The board as the firmware sees it.

use crate::{
    clock::Clock,
    flash::FlashRegions,
    pins::{APP_PINS, Gpio},
    reset, sensors, tree,
    uart::Uart,
    watchdog,
};
use drydock_device::board::{Arena, Board, BoardInfo, Flash, OutOfMemory, Pins, Step, Usage};
use drydock_protocol::{
    capability::PinSet,
    types::{FaultRecord, ResetReason},
};

/// The clock of a device starts here until a gateway tells it the time: 2026-01-01, the year of this source.
const BUILT_MS: u64 = 1_767_225_600_000;

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

    fn turn_to(&self, step: Step) {
        drydock_fault::turn_to(step.tag());
    }

    fn reset_reason(&self) -> ResetReason {
        self.reset_reason
    }

    fn take_fault(&self) -> Option<FaultRecord> {
        drydock_fault::take()
    }

    fn in_arena(&self, arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory> {
        drydock_fault::mark_app(Some(arena.mark));
        let done = drydock_arena::run(arena, work);
        drydock_fault::mark_app(None);
        done
    }

    fn arena_bytes(&self, number: u8) -> u32 {
        drydock_arena::arena_bytes(number)
    }

    fn free_arena(&self, number: u8) {
        // SAFETY: the device frees an arena after it has dropped or forgotten the app that lived there.
        unsafe { drydock_arena::free_arena(number) };
    }

    fn faulted_app(&self) -> Option<u8> {
        drydock_fault::faulted_app()
    }

    fn reset(&self) {
        cortex_m::peripheral::SCB::sys_reset();
    }

    fn heap(&self) -> Usage {
        drydock_arena::usage()
    }

    fn stack(&self) -> Usage {
        drydock_stack::usage()
    }
}
