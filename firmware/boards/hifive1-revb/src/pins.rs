//! GPIO (chapter 17). No apps run on this board, but the interface works.

use crate::register::Register;
use drydock_device::board::{Pins, Pull};

const INPUT_VAL: Register = Register(0x1001_2000);
const INPUT_EN: Register = Register(0x1001_2004);
const OUTPUT_EN: Register = Register(0x1001_2008);
const OUTPUT_VAL: Register = Register(0x1001_200C);
const PUE: Register = Register(0x1001_2010);

pub(crate) struct Gpio;

impl Pins for Gpio {
    fn output(&self, pin: u8) {
        INPUT_EN.clear(1 << pin);
        OUTPUT_EN.set(1 << pin);
    }

    /// There are no pull-downs.
    fn input(&self, pin: u8, pull: Pull) {
        match pull {
            Pull::Up => PUE.set(1 << pin),
            Pull::None | Pull::Down => PUE.clear(1 << pin),
        }
        OUTPUT_EN.clear(1 << pin);
        INPUT_EN.set(1 << pin);
    }

    fn write(&self, pin: u8, high: bool) {
        if high {
            OUTPUT_VAL.set(1 << pin);
        } else {
            OUTPUT_VAL.clear(1 << pin);
        }
    }

    fn read(&self, pin: u8) -> bool {
        INPUT_VAL.read() >> pin & 1 == 1
    }
}
