//! Parts on the HiFive1's header by their drivers from crates.io: a BME280 and an EEPROM on I2C0, flash on SPI1, which selects it
//! by its own pin. A pin shows how long a transfer takes. In the end PWM1 dims the green LED.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;

use bme280::i2c::BME280;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal::spi::MODE_0;
use embedded_hal_bus::i2c::RefCellDevice;
use hifive1::hal::DeviceResources;
use hifive1::hal::delay::Sleep;
use hifive1::hal::i2c::{I2c, Speed};
use hifive1::hal::prelude::*;
use hifive1::hal::pwm::Pwm;
use hifive1::hal::spi::{SpiBus, SpiConfig};
use hifive1::{configure_clocks, configure_stdout, pin, sprintln};
use riscv_rt::entry;

/// HOLD and WP of the flash are wired to the supply.
struct Tied;

impl ErrorType for Tied {
    type Error = Infallible;
}

impl OutputPin for Tied {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    let Some(DeviceResources { peripherals, pins, .. }) = DeviceResources::take() else {
        panic!("taken twice");
    };
    let clocks = configure_clocks(peripherals.PRCI, peripherals.AONCLK, 64.mhz().into());
    configure_stdout(
        peripherals.UART0,
        pin!(pins, uart0_tx),
        pin!(pins, uart0_rx),
        115_200.bps(),
        clocks,
    );
    let mut on_bus = pin!(pins, led_blue).into_output();
    let _ = on_bus.set_low();
    let mut sleep = Sleep::new(clocks);

    let sda = pin!(pins, i2c0_sda).into_iof0();
    let scl = pin!(pins, i2c0_scl).into_iof0();
    let bus = RefCell::new(I2c::new(peripherals.I2C0, sda, scl, Speed::Fast, clocks));
    let mut sensor = BME280::new_primary(RefCellDevice::new(&bus));
    match sensor.init(&mut sleep).and_then(|()| sensor.measure(&mut sleep)) {
        Ok(measured) => sprintln!(
            "bme280 {:.2} C, {:.2} Pa, {:.2} %",
            measured.temperature,
            measured.pressure,
            measured.humidity
        ),
        Err(error) => sprintln!("bme280: {:?}", error),
    }
    let mut eeprom = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::default());
    let mut data = [0; 4];
    let _ = on_bus.set_high();
    let written = eeprom.write_page(0x1234, &[1, 2, 3]);
    let _ = on_bus.set_low();
    let mut polls = 0;
    while eeprom.read_data(0x1233, &mut data).is_err() && polls < 1_000 {
        polls += 1;
    }
    sprintln!("24c256 {:?} {:02x?} after {} polls", written, data, polls);

    let mosi = pin!(pins, spi1_mosi).into_iof0();
    let miso = pin!(pins, spi1_miso).into_iof0();
    let sck = pin!(pins, spi1_sck).into_iof0();
    let select = pin!(pins, spi1_ss0).into_iof0();
    let config = SpiConfig::new(MODE_0, 1.mhz().into(), &clocks);
    let device = SpiBus::new(peripherals.QSPI1, (mosi, miso, sck, select)).new_device(&config, sleep);
    if let Ok(mut flash) = w25q32jv::W25q32jv::new(device, Tied, Tied) {
        let id = flash.device_id();
        let erased = flash.erase_range(0, 4_096);
        let written = flash.write_blocking(0x0ff0, &[0xd0, 0xc5, 0x11]);
        let mut data = [0; 4];
        let _ = on_bus.set_high();
        let read = flash.read(0x0ff0, &mut data);
        let _ = on_bus.set_low();
        sprintln!("w25q32 {:02x?} {:?} {:?} {:?} {:02x?}", id, erased, written, read, data);
    }
    // 100 µs of 64 MHz, of which the pin is high for a quarter: the HAL has it inverted.
    let mut pwm = Pwm::new(peripherals.PWM1);
    pwm.set_period(6_399);
    let mut green = pwm.channel(pin!(pins, led_green).into_inverted_iof1());
    green.set_duty(1_600);
    loop {
        riscv::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
