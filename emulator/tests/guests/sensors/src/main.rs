//! Parts on the board's buses, by their drivers from crates.io: a BME280, an EEPROM and a display on the header's I²C bus, the
//! board's own LSM9DS1, flash on SPI, a potentiometer. A pin shows how long a transfer takes.

#![no_std]
#![no_main]

use core::convert::Infallible;
use core::fmt::Write as _;

use bme280::i2c::BME280;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embassy_executor::Spawner;
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::peripherals::{SPI2, TWISPI0, TWISPI1, UARTE0};
use embassy_nrf::{bind_interrupts, saadc, spim, twim, uarte};
use embassy_time::{Delay, Timer};
use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal_bus::i2c::RefCellDevice;
use embedded_hal_bus::spi::ExclusiveDevice;
use ssd1306::prelude::*;
use ssd1306::{I2CDisplayInterface, Ssd1306};

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    TWISPI1 => twim::InterruptHandler<TWISPI1>;
    SAADC => saadc::InterruptHandler;
    SPI2 => spim::InterruptHandler<SPI2>;
});

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

type Text = heapless::String<160>;

/// The track of a ball whose bounces become shorter.
fn bounce(x: u32) -> u32 {
    let (mut begin, mut width) = (0, 64);
    while x >= begin + width && width > 1 {
        begin += width;
        width /= 2;
    }
    let x = (x - begin).min(width);
    63 - 60 * x * (width - x) / 1024
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_nrf::init(Default::default());
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    let _ = uart.write(b"hello from the drivers\n").await;
    let mut on_bus = Output::new(p.P0_27, Level::Low, OutputDrive::Standard);
    let mut text = Text::new();

    // The header's bus, 400 kHz.
    let mut config = twim::Config::default();
    config.frequency = twim::Frequency::K400;
    let mut buffer = [0; 80];
    let bus = twim::Twim::new(p.TWISPI0, Irqs, p.P0_31, p.P0_02, config, &mut buffer);
    let bus = core::cell::RefCell::new(bus);

    let mut sensor = BME280::new_primary(RefCellDevice::new(&bus));
    let _ = match sensor.init(&mut Delay).and_then(|()| sensor.measure(&mut Delay)) {
        Ok(measured) => writeln!(
            text,
            "bme280 {:.2} C, {:.2} Pa, {:.2} %",
            measured.temperature, measured.pressure, measured.humidity
        ),
        Err(error) => writeln!(text, "bme280: {error:?}"),
    };
    let _ = uart.write(text.as_bytes()).await;

    // Three bytes, and the wait for the write cycle.
    let mut eeprom = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::default());
    let mut data = [0; 4];
    on_bus.set_high();
    let written = eeprom.write_page(0x1234, &[1, 2, 3]);
    on_bus.set_low();
    let mut polls = 0;
    while eeprom.read_data(0x1233, &mut data).is_err() && polls < 1_000 {
        polls += 1;
    }
    text.clear();
    let _ = writeln!(text, "24c256 {written:?} {data:02x?} after {polls} polls");
    let _ = uart.write(text.as_bytes()).await;

    let interface = I2CDisplayInterface::new(RefCellDevice::new(&bus));
    let display = Ssd1306::new(interface, DisplaySize128x64, DisplayRotation::Rotate0);
    let mut display = display.into_buffered_graphics_mode();
    let shown = display.init();
    for x in 0..128 {
        display.set_pixel(x, bounce(x), true);
    }
    display.set_pixel(0, 0, true);
    text.clear();
    let _ = writeln!(text, "ssd1306 {shown:?} {:?}", display.flush());
    let _ = uart.write(text.as_bytes()).await;

    // The board's own sensor, whose supply and pull-ups are switched on.
    let mut config = twim::Config::default();
    config.frequency = twim::Frequency::K100;
    let mut buffer = [0; 8];
    let mut own = twim::Twim::new(p.TWISPI1, Irqs, p.P0_14, p.P0_15, config, &mut buffer);
    let mut id = [0];
    text.clear();
    let _ = writeln!(
        text,
        "lsm9ds1 without its supply: {:?}",
        own.write_read(0x6b, &[0x0f], &mut id).await
    );
    let _ = uart.write(text.as_bytes()).await;
    let _supply = Output::new(p.P0_22, Level::High, OutputDrive::Standard);
    let _pull_ups = Output::new(p.P1_00, Level::High, OutputDrive::Standard);
    Timer::after_millis(1).await;
    let mut mag_id = [0];
    let _ = own.write_read(0x6b, &[0x0f], &mut id).await;
    let _ = own.write_read(0x1e, &[0x0f], &mut mag_id).await;
    // 119 Hz, ±4 g.
    let _ = own.write(0x6b, &[0x20, 0x70]).await;
    Timer::after_millis(10).await;
    let mut bytes = [0; 6];
    let _ = own.write_read(0x6b, &[0x28], &mut bytes).await;
    let axis = |n: usize| f32::from(i16::from_le_bytes([bytes[2 * n], bytes[2 * n + 1]])) * 0.000_122;
    text.clear();
    let _ = writeln!(
        text,
        "lsm9ds1 {:02x} {:02x}: {:.2} {:.2} {:.2} g",
        id[0],
        mag_id[0],
        axis(0),
        axis(1),
        axis(2)
    );
    let _ = uart.write(text.as_bytes()).await;

    // Flash on SPI, 1 MHz.
    let spi = spim::Spim::new(p.SPI2, Irqs, p.P0_13, p.P1_08, p.P1_01, spim::Config::default());
    let select = Output::new(p.P1_02, Level::High, OutputDrive::Standard);
    text.clear();
    let Ok(device) = ExclusiveDevice::new(spi, select, Delay);
    if let Ok(mut flash) = w25q32jv::W25q32jv::new(device, Tied, Tied) {
        let id = flash.device_id();
        let _ = flash.write_blocking(0x0ff0, &[0]);
        let erased = flash.erase_range(0, 4_096);
        let written = flash.write_blocking(0x0ff0, &[0xd0, 0xc5, 0x11]);
        let mut data = [0; 4];
        let read = flash.read(0x0ff0, &mut data);
        let _ = writeln!(text, "w25q32 {id:02x?} {erased:?} {written:?} {read:?} {data:02x?}");
    }
    let _ = uart.write(text.as_bytes()).await;

    // A potentiometer at A0: 12 bits of 3.6 V.
    let channel = saadc::ChannelConfig::single_ended(p.P0_04);
    let mut converter = saadc::Saadc::new(p.SAADC, Irqs, saadc::Config::default(), [channel]);
    let mut values = [0];
    converter.calibrate().await;
    converter.sample(&mut values).await;
    text.clear();
    let _ = writeln!(text, "potentiometer {}", values[0]);
    let _ = uart.write(text.as_bytes()).await;
    let _ = uart.write(b"done\n").await;
    loop {
        Timer::after_secs(1).await;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
