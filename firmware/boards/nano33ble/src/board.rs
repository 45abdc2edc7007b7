//! The board's implementation of `drydock_device::board::Board`.

use crate::{clock::Clock, flash::FlashRegions, pins::Gpio, sensors, uart::Uart, usb::Usb, watchdog};
use core::cell::Cell;
use drydock_device::board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices};
use drydock_fault::{self as fault, Resets};
use drydock_protocol::{capability::PinSet, types::ResetReason};
use nrf52840_pac::Peripherals;

/// Pins that apps may be granted: the LEDs and the header pins, without the link's TX and RX.
const APP_PINS: &[u8] = &[
    13, 24, 16, 6, 41, // LED (and D13), RGB, PWR
    43, 44, 47, 45, 46, 23, 21, 27, 34, 33, 40, // D2 to D12
    4, 5, 30, 29, 31, 2, 28, 3, // A0 to A7
];

/// The Nano 33 BLE.
pub(crate) struct Nano {
    clock: Clock,
    uart: Uart,
    usb: Usb,
    /// The link is on USB, not on the UART.
    is_on_usb: Cell<bool>,
    flash: FlashRegions,
    gpio: Gpio,
    chip_id: [u8; 8],
    reset_reason: ResetReason,
}

impl Nano {
    /// Initialises the chip. `None` if it was called before.
    pub(crate) fn take() -> Option<Self> {
        let peripherals = Peripherals::take()?;
        // Reset reasons accumulate until they are cleared.
        let reasons = peripherals.POWER.resetreas.read().bits();
        // SAFETY: RESETREAS takes any pattern; a one clears that reason.
        peripherals.POWER.resetreas.write(|w| unsafe { w.bits(reasons) });
        let reset_reason = fault::begin(resets(reasons));
        let chip_id = sensors::chip_id(&peripherals.FICR);
        watchdog::start(&peripherals.WDT);
        sensors::start(&peripherals.RNG);
        let clock = Clock::start(&peripherals.CLOCK, peripherals.TIMER0);
        let uart = Uart::start(
            peripherals.UARTE0,
            peripherals.TIMER1,
            &peripherals.PPI,
            &peripherals.P1,
        );
        let usb = Usb::start(peripherals.USBD, &peripherals.POWER, chip_id);
        Some(Self {
            clock,
            uart,
            usb,
            is_on_usb: Cell::new(false),
            flash: FlashRegions::new(peripherals.NVMC),
            gpio: Gpio::new(peripherals.P0, peripherals.P1),
            chip_id,
            reset_reason,
        })
    }
}

/// RESETREAS (5.3.7.13).
#[inline(always)]
fn resets(reasons: u32) -> Resets {
    const RESETPIN: u32 = 1 << 0;
    const DOG: u32 = 1 << 1;
    const SREQ: u32 = 1 << 2;
    const LOCKUP: u32 = 1 << 3;
    Resets {
        lockup: reasons & LOCKUP != 0,
        watchdog: reasons & DOG != 0,
        pin: reasons & RESETPIN != 0,
        software: reasons & SREQ != 0,
        other: reasons != 0,
    }
}

impl Board for Nano {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "nano33ble",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::of(APP_PINS),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        self.chip_id
    }

    fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    fn sleep_until(&self, deadline_us: u64) -> u64 {
        self.usb.wake_on_event();
        self.clock
            .sleep_until(deadline_us.min(self.usb.next_due_us()), &self.uart)
    }

    fn link_has_moved(&self) -> bool {
        self.usb.poll(self.clock.now_us());
        let is_on_usb = self.usb.is_open();
        self.is_on_usb.replace(is_on_usb) != is_on_usb
    }

    fn link_read(&self, out: &mut [u8]) -> usize {
        if self.is_on_usb.get() {
            self.uart.discard();
            return self.usb.read(out);
        }
        self.uart.read(out)
    }

    fn link_write(&self, data: &[u8]) -> usize {
        if self.is_on_usb.get() {
            return self.usb.write(data);
        }
        self.uart.write(data)
    }

    fn fill_random(&self, out: &mut [u8]) {
        sensors::fill_random(out);
    }

    fn flash(&self) -> &dyn Flash {
        &self.flash
    }

    fn pins(&self) -> &dyn Pins {
        &self.gpio
    }

    fn temperature_mc(&self) -> Option<i32> {
        Some(sensors::temperature_mc())
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
