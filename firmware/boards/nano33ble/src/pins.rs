//! GPIO (6.9): pin `n` of port `p` is number `32 * p + n`.

use drydock_device::board::{Pins, Pull};
use nrf52840_pac::{P0, P1, p0::RegisterBlock};

/// Header pin D2 (P1.11): bridged to ground at reset, it wipes the device.
const WIPE_PIN: usize = 11;

pub(crate) struct Gpio {
    p0: P0,
    p1: P1,
}

impl Gpio {
    pub(crate) fn new(p0: P0, p1: P1) -> Self {
        Self { p0, p1 }
    }

    fn port(&self, pin: u8) -> (&RegisterBlock, usize) {
        let port: &RegisterBlock = if pin < 32 { &self.p0 } else { &self.p1 };
        (port, usize::from(pin % 32))
    }
}

impl Pins for Gpio {
    fn output(&self, pin: u8) {
        let (port, pin) = self.port(pin);
        port.pin_cnf[pin].write(|w| w.dir().output().input().connect());
    }

    fn input(&self, pin: u8, pull: Pull) {
        let (port, pin) = self.port(pin);
        port.pin_cnf[pin].write(|w| {
            let w = w.dir().input().input().connect();
            match pull {
                Pull::None => w.pull().disabled(),
                Pull::Down => w.pull().pulldown(),
                Pull::Up => w.pull().pullup(),
            }
        });
    }

    fn write(&self, pin: u8, high: bool) {
        let (port, pin) = self.port(pin);
        // SAFETY: OUTSET and OUTCLR take any pattern, a one for each pin to change.
        unsafe {
            if high {
                port.outset.write(|w| w.bits(1 << pin));
            } else {
                port.outclr.write(|w| w.bits(1 << pin));
            }
        }
    }

    fn read(&self, pin: u8) -> bool {
        let (port, pin) = self.port(pin);
        port.in_.read().bits() >> pin & 1 == 1
    }
}

/// Whether a person at the board holds the wipe button.
pub(crate) fn wipe_button_is_held() -> bool {
    // SAFETY: called once at start, before apps may use the pin.
    let port = unsafe { &*P1::ptr() };
    port.pin_cnf[WIPE_PIN].write(|w| w.dir().input().input().connect().pull().pullup());
    // The pull-up (13 kΩ) has the line up long before this ends.
    cortex_m::asm::delay(6400);
    let held = port.in_.read().bits() >> WIPE_PIN & 1 == 0;
    port.pin_cnf[WIPE_PIN].reset();
    held
}
