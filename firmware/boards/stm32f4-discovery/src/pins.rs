//! GPIO (chapter 8): pin `n` of port `p` is number `32 * p + n`.
//!
//! Grants cover pins up to 63, but this board's LEDs are PD12 to PD15, far above. So numbers 12 to 15 stand for the
//! LEDs here: PA12 to PA15 are USB and the debug port, which apps must not use.

use crate::register::Register;
use drydock_device::board::{Pins, Pull};

/// Pins that apps may use: the LEDs (12 to 15), and pins of ports A and B that are on the headers and not connected to
/// anything else.
pub(crate) const APP_PINS: &[u8] = &[
    12, 13, 14, 15, // PD12 to PD15: green, orange, red, blue
    1, 8, 33, 34, 36, 37, 39, 40, 43, 44, 45, 46, 47, // PA1, PA8, PB1, PB2, PB4, PB5, PB7, PB8, PB11 to PB15
];

const LEDS: core::ops::Range<u8> = 12..16;
const PORT_D: u8 = 3;

const GPIO: u32 = 0x4002_0000;
const PORT_BYTES: u32 = 0x400;
const MODER: u32 = 0x00;
const PUPDR: u32 = 0x0C;
const IDR: u32 = 0x10;
const BSRR: u32 = 0x18;

/// USER, the blue button: PA0, high when pressed, with a pull-down on the board.
const WIPE_PIN: u32 = 0;

pub(crate) struct Gpio;

/// A pin's port and place in it.
fn place(pin: u8) -> (u32, u32) {
    let port = if LEDS.contains(&pin) { PORT_D } else { pin / 32 };
    (GPIO + u32::from(port) * PORT_BYTES, u32::from(pin % 32))
}

/// Writes the two bits of a pin.
fn write_pair(register: Register, at: u32, pair: u32) {
    register.write(register.read() & !(0b11 << (2 * at)) | pair << (2 * at));
}

impl Pins for Gpio {
    fn output(&self, pin: u8) {
        let (port, at) = place(pin);
        write_pair(Register(port + MODER), at, 0b01);
    }

    fn input(&self, pin: u8, pull: Pull) {
        let (port, at) = place(pin);
        let pull = match pull {
            Pull::None => 0b00,
            Pull::Up => 0b01,
            Pull::Down => 0b10,
        };
        write_pair(Register(port + PUPDR), at, pull);
        write_pair(Register(port + MODER), at, 0b00);
    }

    fn write(&self, pin: u8, high: bool) {
        let (port, at) = place(pin);
        Register(port + BSRR).write(if high { 1 << at } else { 1 << (at + 16) });
    }

    fn read(&self, pin: u8) -> bool {
        let (port, at) = place(pin);
        Register(port + IDR).read() >> at & 1 == 1
    }
}

/// Whether a person at the board holds the wipe button.
pub(crate) fn wipe_button_is_held() -> bool {
    write_pair(Register(GPIO + PUPDR), WIPE_PIN, 0b10);
    // Long enough for the pull-down.
    cortex_m::asm::delay(10_000);
    Register(GPIO + IDR).read() >> WIPE_PIN & 1 == 1
}
