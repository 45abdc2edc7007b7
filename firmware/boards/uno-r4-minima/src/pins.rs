//! Ports (chapter 19): pin `n` of port `p` is number `32 * p + n`. No apps run on this board, but the
//! interface works. The light L is P111.

use crate::register::Register;
use drydock_device::board::{Pins, Pull};

const PWPR: Register<u8> = Register::at(0x4004_0D03);
const PFSWE: u8 = 1 << 6;
const B0WI: u8 = 1 << 7;

const PFS: u32 = 0x4004_0800;
const PODR: u32 = 1 << 0;
const PIDR: u32 = 1 << 1;
const PDR: u32 = 1 << 2;
const PCR: u32 = 1 << 4;
const PMR: u32 = 1 << 16;

/// Header pin D2 (P105): bridged to ground at reset, it wipes the device.
const WIPE_PIN: u8 = 32 + 5;

pub(crate) struct Ports;

fn pfs(pin: u8) -> Register<u32> {
    Register::at(PFS + u32::from(pin / 32) * 0x40 + u32::from(pin % 32) * 4)
}

/// PFS is written behind a lock of two steps (19.2.6).
fn set(pin: u8, value: u32) {
    PWPR.write(0);
    PWPR.write(PFSWE);
    pfs(pin).write(value);
    PWPR.write(0);
    PWPR.write(B0WI);
}

/// Connects a pin to a peripheral.
pub(crate) fn give(pin: u8, function: u32, pulled_up: bool) {
    let value = function << 24 | if pulled_up { PCR } else { 0 };
    // The function must not change while a peripheral uses the pin (19.5.1).
    set(pin, value);
    set(pin, value | PMR);
}

impl Pins for Ports {
    fn output(&self, pin: u8) {
        set(pin, pfs(pin).read() & PODR | PDR);
    }

    /// There are no pull-downs.
    fn input(&self, pin: u8, pull: Pull) {
        set(pin, if pull == Pull::Up { PCR } else { 0 });
    }

    fn write(&self, pin: u8, high: bool) {
        set(pin, pfs(pin).read() & !(PODR | PIDR) | u32::from(high));
    }

    fn read(&self, pin: u8) -> bool {
        pfs(pin).read() & PIDR != 0
    }
}

/// Whether a person at the board holds the wipe button.
pub(crate) fn wipe_button_is_held() -> bool {
    Ports.input(WIPE_PIN, Pull::Up);
    // Long enough for the pull-up.
    cortex_m::asm::delay(10_000);
    !Ports.read(WIPE_PIN)
}
