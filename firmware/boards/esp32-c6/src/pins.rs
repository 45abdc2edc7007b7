//! GPIO and IO MUX (chapter 7).

use crate::register::{GPIO, IO_MUX, read, write};
use drydock_device::board::{Pins, Pull};

/// Header pin GPIO10: bridged to ground at reset, it wipes the device. (BOOT would make the mask ROM wait for a
/// download.)
const WIPE_PIN: u8 = 10;

const OUT_W1TS: u32 = GPIO + 0x08;
const OUT_W1TC: u32 = GPIO + 0x0C;
const ENABLE_W1TS: u32 = GPIO + 0x24;
const ENABLE_W1TC: u32 = GPIO + 0x28;
const IN: u32 = GPIO + 0x3C;
/// FUNCn_OUT_SEL_CFG: the pin is driven by GPIO_OUT and enabled by GPIO_ENABLE.
const FUNC_OUT_SEL: u32 = GPIO + 0x554;
const OUT_SEL_GPIO: u32 = 0x80;
/// IO_MUX_GPIOn.
const FUN_WPD: u32 = 1 << 7;
const FUN_WPU: u32 = 1 << 8;
const FUN_IE: u32 = 1 << 9;
const FUN_DRV_20_MA: u32 = 2 << 10;
const MCU_SEL_GPIO: u32 = 1 << 12;

pub(crate) struct Gpio;

fn configure(pin: u8, pulls: u32) {
    let mux = IO_MUX + 4 + 4 * u32::from(pin);
    write(mux, FUN_IE | FUN_DRV_20_MA | MCU_SEL_GPIO | pulls);
    write(FUNC_OUT_SEL + 4 * u32::from(pin), OUT_SEL_GPIO);
}

fn pulls(pull: Pull) -> u32 {
    match pull {
        Pull::None => 0,
        Pull::Down => FUN_WPD,
        Pull::Up => FUN_WPU,
    }
}

impl Pins for Gpio {
    fn output(&self, pin: u8) {
        configure(pin, 0);
        write(ENABLE_W1TS, 1 << pin);
    }

    fn input(&self, pin: u8, pull: Pull) {
        write(ENABLE_W1TC, 1 << pin);
        configure(pin, pulls(pull));
    }

    fn write(&self, pin: u8, high: bool) {
        write(if high { OUT_W1TS } else { OUT_W1TC }, 1 << pin);
    }

    fn read(&self, pin: u8) -> bool {
        read(IN) >> pin & 1 == 1
    }
}

/// Whether a person at the board holds the wipe button.
pub(crate) fn wipe_button_is_held() -> bool {
    Gpio.input(WIPE_PIN, Pull::Up);
    // The pull-up (45 kΩ) has the line up long before this ends.
    esp_hal::rom::ets_delay_us(100);
    let held = !Gpio.read(WIPE_PIN);
    Gpio.input(WIPE_PIN, Pull::None);
    held
}
