//! Parts on the DevKit's buses by their drivers from crates.io: a BME280 and an EEPROM on I2C0, flash on GP-SPI2. A pin shows
//! how long a transfer takes.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt::Write as _;

use bme280::i2c::BME280;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal_bus::i2c::RefCellDevice;
use embedded_hal_bus::spi::ExclusiveDevice;
use esp_hal::delay::Delay;
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::i2c::master::{self as i2c, I2c};
use esp_hal::main;
use esp_hal::spi::master::{self as spi, Spi};
use esp_hal::time::Rate;
use esp_hal::uart::{Config, Uart};

esp_bootloader_esp_idf::esp_app_desc!();

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

#[main]
fn main() -> ! {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    let Ok(uart) = Uart::new(peripherals.UART0, Config::default()) else {
        panic!("the UART refuses its configuration");
    };
    let mut tx = uart.with_tx(peripherals.GPIO16).with_rx(peripherals.GPIO17);
    let mut on_bus = Output::new(peripherals.GPIO8, Level::Low, OutputConfig::default());
    let mut delay = Delay::new();

    let config = i2c::Config::default().with_frequency(Rate::from_khz(400));
    let Ok(bus) = I2c::new(peripherals.I2C0, config) else {
        panic!("I2C0 refuses its configuration");
    };
    let bus = RefCell::new(bus.with_sda(peripherals.GPIO23).with_scl(peripherals.GPIO22));
    let mut sensor = BME280::new_primary(RefCellDevice::new(&bus));
    let _ = match sensor.init(&mut delay).and_then(|()| sensor.measure(&mut delay)) {
        Ok(measured) => writeln!(
            tx,
            "bme280 {:.2} C, {:.2} Pa, {:.2} %",
            measured.temperature, measured.pressure, measured.humidity
        ),
        Err(error) => writeln!(tx, "bme280: {error:?}"),
    };

    let mut eeprom = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::default());
    let mut data = [0; 40];
    on_bus.set_high();
    let written = eeprom.write_page(0x1200, &[1, 2, 3]);
    on_bus.set_low();
    let mut polls = 0;
    // More bytes than a FIFO holds.
    while eeprom.read_data(0x11ff, &mut data).is_err() && polls < 1_000 {
        polls += 1;
    }
    let _ = writeln!(
        tx,
        "24c256 {written:?} {:02x?} {:02x} after {polls} polls",
        &data[..5],
        data[39]
    );
    let mut other = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::Alternative(true, false, true));
    let _ = writeln!(tx, "nobody {:?}", other.read_byte(0));

    let config = spi::Config::default().with_frequency(Rate::from_mhz(8));
    let Ok(bus) = Spi::new(peripherals.SPI2, config) else {
        panic!("SPI2 refuses its configuration");
    };
    let bus = bus
        .with_sck(peripherals.GPIO6)
        .with_mosi(peripherals.GPIO7)
        .with_miso(peripherals.GPIO2);
    let select = Output::new(peripherals.GPIO18, Level::High, OutputConfig::default());
    let Ok(device) = ExclusiveDevice::new(bus, select, delay);
    if let Ok(mut flash) = w25q32jv::W25q32jv::new(device, Tied, Tied) {
        let id = flash.device_id();
        let erased = flash.erase_range(0, 4_096);
        let written = flash.write_blocking(0x0ff0, &[0xd0, 0xc5, 0x11]);
        let mut data = [0; 4];
        let read = flash.read(0x0ff0, &mut data);
        // 256 bytes, in parts of W0 to W15.
        let mut page = [0; 256];
        on_bus.set_high();
        let again = flash.read(0x0f00, &mut page);
        on_bus.set_low();
        let _ = writeln!(
            tx,
            "w25q32 {id:02x?} {erased:?} {written:?} {read:?} {data:02x?} {again:?} {:02x?}",
            &page[0xef..0xf4]
        );
    }
    loop {
        esp_hal::interrupt::wait_for_interrupt();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
