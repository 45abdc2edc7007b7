//! The board's implementation of `drydock_device::board::Board`.

use crate::{clock::Clock, no_flash::NoFlash, pins::Gpio, reset, uart::Uart};
use core::cell::Cell;
use drydock_device::board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices};
use drydock_protocol::{capability::PinSet, types::ResetReason};

/// The HiFive1 Rev B.
pub(crate) struct HiFive {
    clock: Clock,
    uart: Uart,
    life: u32,
    drawn: Cell<u32>,
    reset_reason: ResetReason,
}

impl HiFive {
    /// Brings the chip up. Called once.
    pub(crate) fn start() -> Self {
        let (life, resets) = reset::begin();
        let reset_reason = drydock_fault::begin(resets);
        reset::start_watchdog();
        Self {
            clock: Clock::start(),
            uart: Uart::start(),
            life,
            drawn: Cell::new(0),
            reset_reason,
        }
    }
}

impl Board for HiFive {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "hifive1-revb",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::of(&[]),
        }
    }

    /// The chip has none.
    fn chip_id(&self) -> [u8; 8] {
        [0; 8]
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

    /// **Not random**: the chip has no source of randomness. The numbers only differ from one start to the next, which
    /// is enough for the link; a control-only device needs them for nothing else.
    fn fill_random(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(4) {
            let number = self.drawn.get();
            self.drawn.set(number + 1);
            let mixed = (self.life << 16 | number & 0xFFFF).wrapping_mul(0x9E37_79B1) ^ self.now_us() as u32;
            piece.copy_from_slice(&mixed.to_le_bytes()[..piece.len()]);
        }
    }

    fn flash(&self) -> &dyn Flash {
        &NoFlash
    }

    fn pins(&self) -> &dyn Pins {
        &Gpio
    }

    fn temperature_mc(&self) -> Option<i32> {
        None
    }

    fn feed_watchdog(&self) {
        reset::feed();
    }

    fn reset_reason(&self) -> ResetReason {
        self.reset_reason
    }

    fn reset(&self) {
        reset::reset();
    }

    fn services(&self) -> &dyn RuntimeServices {
        &drydock_runtime_services::Image
    }
}
