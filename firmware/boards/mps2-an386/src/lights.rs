//! The two lights of the board (FPGAIO LED0, AN386 4.5) as pins 13 and 14. Apps may use
//! other pins, without effect: QEMU has no GPIO for this board.

use crate::register::Register;
use core::cell::Cell;
use drydock_device::board::{Pins, Pull};

const LED0: Register = Register(0x4002_8000);
/// USERLED0's pin; USERLED1's is the next.
const FIRST_PIN: u8 = 13;

pub(crate) struct Lights {
    levels: Cell<u32>,
}

impl Lights {
    pub(crate) fn start() -> Self {
        LED0.write(0);
        Self { levels: Cell::new(0) }
    }
}

impl Pins for Lights {
    fn output(&self, _: u8) {}

    fn input(&self, _: u8, _: Pull) {}

    fn write(&self, pin: u8, high: bool) {
        let bit = 1 << (pin % 32);
        let levels = self.levels.get() & !bit | if high { bit } else { 0 };
        self.levels.set(levels);
        LED0.write(levels >> FIRST_PIN & 0b11);
    }

    fn read(&self, pin: u8) -> bool {
        self.levels.get() >> (pin % 32) & 1 == 1
    }
}
