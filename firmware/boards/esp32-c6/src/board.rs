//! The board's implementation of `drydock_device::board::Board`.

use crate::{
    clock,
    flash::FlashRegions,
    pins::Gpio,
    register::{EFUSE, LP_PERI, read},
    uart::{self, Uart},
    watchdog,
};
use core::arch::asm;
use drydock_device::board::{BUILT_MS, Board, BoardInfo, Flash, Pins, RuntimeServices};
use drydock_fault::{self as fault, Resets};
use drydock_protocol::{capability::PinSet, types::ResetReason};
use esp_hal::rng::TrngSource;

/// Pins that apps may be granted: those on the headers, without the link's TX and RX, the wipe button and the straps. 8
/// is the data line of the RGB light; 12 and 13 belong to the native USB socket, which the firmware does not use.
const APP_PINS: &[u8] = &[0, 1, 2, 3, 6, 7, 8, 11, 12, 13, 18, 19, 20, 21, 22, 23];

/// RD_MAC_SYS_0 and 1, of the fuses.
const RD_MAC_SYS_0: u32 = EFUSE + 0x44;
const RD_MAC_SYS_1: u32 = EFUSE + 0x48;
const RNG_DATA: u32 = LP_PERI + 0x08;
/// Pause between two words of randomness, so that new noise arrives (24.3: at most 500 kHz while a converter feeds it).
const RNG_PAUSE_US: u32 = 2;

/// The ESP32-C6-DevKitC-1.
pub(crate) struct DevKit {
    uart: Uart,
    flash: FlashRegions,
    gpio: Gpio,
    chip_id: [u8; 8],
    reset_reason: ResetReason,
}

impl DevKit {
    /// Brings the chip up.
    pub(crate) fn start() -> Self {
        let peripherals = esp_hal::init(esp_hal::Config::default());
        let reset_reason = fault::begin(resets(esp_hal::rom::rtc_get_reset_reason(0)));
        watchdog::start();
        clock::start();
        // Without it the generator's numbers are not truly random. It is never switched off.
        core::mem::forget(TrngSource::new(peripherals.RNG, peripherals.ADC1));
        let uart = Uart::start(peripherals.UART0, peripherals.GPIO16, peripherals.GPIO17);
        let flash = FlashRegions::start();
        // SAFETY: sets MIE in `mstatus`, as Espressif's bootloaders leave it; each enabled interrupt has its handler.
        unsafe { asm!("csrsi mstatus, 8", options(nomem, nostack)) };
        Self {
            uart: uart.expect("the port's clock has this speed"),
            flash,
            gpio: Gpio,
            chip_id: chip_id(),
            reset_reason,
        }
    }
}

/// Reset causes (table 8-1).
fn resets(cause: u32) -> Resets {
    Resets {
        lockup: false,
        watchdog: matches!(cause, 7..=9 | 11 | 13 | 16..=18),
        pin: false,
        software: matches!(cause, 3 | 12),
        other: cause != 1,
    }
}

/// The MAC address, behind two zeroes.
fn chip_id() -> [u8; 8] {
    let low = read(RD_MAC_SYS_0).to_be_bytes();
    let high = (read(RD_MAC_SYS_1) as u16).to_be_bytes();
    [0, 0, high[0], high[1], low[0], low[1], low[2], low[3]]
}

impl Board for DevKit {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "esp32-c6",
            firmware: env!("CARGO_PKG_VERSION"),
            built_ms: BUILT_MS,
            app_pins: PinSet::of(APP_PINS),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        self.chip_id
    }

    fn now_us(&self) -> u64 {
        clock::now_us()
    }

    fn sleep_until(&self, deadline_us: u64) -> u64 {
        clock::sleep_until(deadline_us, &self.uart)
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
        for bytes in out.chunks_mut(4) {
            esp_hal::rom::ets_delay_us(RNG_PAUSE_US);
            let word = read(RNG_DATA).to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
    }

    fn flash(&self) -> &dyn Flash {
        &self.flash
    }

    fn pins(&self) -> &dyn Pins {
        &self.gpio
    }

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
        esp_hal::system::software_reset();
    }

    fn services(&self) -> &dyn RuntimeServices {
        &drydock_runtime_services::Image
    }
}
