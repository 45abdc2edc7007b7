//! Parts on the Discovery's I²C bus by their drivers from crates.io: a BME280 and an EEPROM. A pin shows how long a transfer
//! takes.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::fmt::Write as _;

use bme280::i2c::BME280;
use cortex_m_rt::entry;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embedded_hal_bus::i2c::RefCellDevice;
use stm32f4xx_hal::i2c::I2c;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::serial;
use stm32f4xx_hal::{pac, prelude::*};

#[entry]
fn main() -> ! {
    let dp = pac::Peripherals::take().unwrap();
    let mut rcc = dp.RCC.freeze(Config::hse(8.MHz()).sysclk(168.MHz()));
    let gpioa = dp.GPIOA.split(&mut rcc);
    let gpiob = dp.GPIOB.split(&mut rcc);
    let gpiod = dp.GPIOD.split(&mut rcc);
    let config = serial::Config::default().baudrate(1_000_000.bps());
    let mut tx: serial::Tx<pac::USART2> = dp.USART2.tx(gpioa.pa2, config, &mut rcc).unwrap();
    let mut on_bus = gpiod.pd12.into_push_pull_output();
    let mut delay = dp.TIM3.delay_us(&mut rcc);

    let bus = RefCell::new(I2c::new(dp.I2C1, (gpiob.pb6, gpiob.pb9), 400.kHz(), &mut rcc));
    let mut sensor = BME280::new_primary(RefCellDevice::new(&bus));
    match sensor.init(&mut delay).and_then(|()| sensor.measure(&mut delay)) {
        Ok(measured) => writeln!(
            tx,
            "bme280 {:.2} C, {:.2} Pa, {:.2} %",
            measured.temperature, measured.pressure, measured.humidity
        ),
        Err(error) => writeln!(tx, "bme280: {error:?}"),
    }
    .unwrap();

    let mut eeprom = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::default());
    let mut data = [0; 4];
    on_bus.set_high();
    let written = eeprom.write_page(0x1234, &[1, 2, 3]);
    on_bus.set_low();
    let mut polls = 0;
    while eeprom.read_data(0x1233, &mut data).is_err() && polls < 1_000 {
        polls += 1;
    }
    writeln!(tx, "24c256 {written:?} {data:02x?} after {polls} polls").unwrap();
    let mut other = Eeprom24x::new_24x256(RefCellDevice::new(&bus), SlaveAddr::Alternative(true, false, true));
    writeln!(tx, "nobody {:?}", other.read_byte(0)).unwrap();
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
