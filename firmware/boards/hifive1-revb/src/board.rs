//! The board as the firmware sees it.

use crate::{clock::Clock, no_flash::NoFlash, pins::Gpio, reset, uart::Uart};
use core::cell::Cell;
use drydock_device::board::{Arena, Board, BoardInfo, Flash, OutOfMemory, Pins, Step, Usage};
use drydock_protocol::{
    capability::PinSet,
    types::{FaultRecord, ResetReason},
};

/// 2026-01-01, the year of this source.
const BUILT_MS: u64 = 1_767_225_600_000;

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

    /// **Not random**: the chip has no source of randomness. Numbers that differ from life to life, which is all that the
    /// link wants of them; nothing else of a control-only device asks.
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
        drydock_arena::run(arena, work)
    }

    fn arena_bytes(&self, number: u8) -> u32 {
        drydock_arena::arena_bytes(number)
    }

    fn free_arena(&self, number: u8) {
        // SAFETY: the device frees an arena after it has dropped or forgotten what lived there.
        unsafe { drydock_arena::free_arena(number) };
    }

    fn faulted_app(&self) -> Option<u8> {
        drydock_fault::faulted_app()
    }

    fn reset(&self) {
        reset::reset();
    }

    fn heap(&self) -> Usage {
        drydock_arena::usage()
    }

    fn stack(&self) -> Usage {
        drydock_stack::usage()
    }
}
