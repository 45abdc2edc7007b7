//! Parts on the Discovery's buses by their drivers from crates.io: a BME280 and an EEPROM on I²C, flash on SPI, also by DMA,
//! and a potentiometer at ADC1. A pin shows how long a transfer takes.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt::Write as _;

use bme280::i2c::BME280;
use cortex_m_rt::entry;
use eeprom24x::{Eeprom24x, SlaveAddr};
use embedded_hal::digital::{ErrorType, OutputPin};
use embedded_hal_bus::i2c::RefCellDevice;
use embedded_hal_bus::spi::ExclusiveDevice;
use stm32f4xx_hal::adc::config::{AdcConfig, Continuous, Dma, SampleTime, Scan, Sequence};
use stm32f4xx_hal::adc::{Adc, Temperature};
use stm32f4xx_hal::dma::config::DmaConfig;
use stm32f4xx_hal::dma::{StreamsTuple, Transfer};
use stm32f4xx_hal::i2c::I2c;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::serial;
use stm32f4xx_hal::signature::{VtempCal30, VtempCal110};
use stm32f4xx_hal::spi::{self, Spi};
use stm32f4xx_hal::{pac, prelude::*};

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

    // Flash on SPI1.
    let bus_of_flash = Spi::new(
        dp.SPI1,
        (Some(gpioa.pa5), Some(gpioa.pa6), Some(gpioa.pa7)),
        spi::Mode {
            polarity: spi::Polarity::IdleLow,
            phase: spi::Phase::CaptureOnFirstTransition,
        },
        5.MHz(),
        &mut rcc,
    );
    let select = gpioa
        .pa4
        .into_push_pull_output_in_state(stm32f4xx_hal::gpio::PinState::High);
    let Ok(device) = ExclusiveDevice::new(bus_of_flash, select, delay);
    if let Ok(mut flash) = w25q32jv::W25q32jv::new(device, Tied, Tied) {
        let id = flash.device_id();
        let erased = flash.erase_range(0, 4_096);
        let written = flash.write_blocking(0x0ff0, &[0xd0, 0xc5, 0x11]);
        let mut data = [0; 4];
        on_bus.set_high();
        let read = flash.read(0x0ff0, &mut data);
        on_bus.set_low();
        writeln!(tx, "w25q32 {id:02x?} {erased:?} {written:?} {read:?} {data:02x?}").unwrap();
    }

    // The potentiometer, then the chip's own temperature, eight times by DMA.
    let analog = gpioa.pa1.into_analog();
    let config = AdcConfig::default()
        .dma(Dma::Continuous)
        .scan(Scan::Enabled)
        .continuous(Continuous::Continuous);
    let mut adc = Adc::new(dp.ADC1, true, config, &mut rcc);
    adc.calibrate();
    adc.enable_temperature_and_vref();
    adc.configure_channel(&analog, Sequence::One, SampleTime::Cycles_15);
    adc.configure_channel(&Temperature, Sequence::Two, SampleTime::Cycles_480);
    let reference = adc.reference_voltage();
    let stream = StreamsTuple::new(dp.DMA2, &mut rcc).0;
    let buffer = cortex_m::singleton!(: [u16; 16] = [0; 16]).unwrap();
    let config = DmaConfig::default().memory_increment(true);
    let mut transfer = Transfer::init_peripheral_to_memory(stream, adc, buffer, None, config);
    transfer.start(|adc| adc.start_conversion());
    transfer.wait();
    let (_, _, buffer, _) = transfer.release();
    let (low, high) = (
        i32::from(VtempCal30::get().read()),
        i32::from(VtempCal110::get().read()),
    );
    let celsius = 80 * (i32::from(buffer[15]) - low) / (high - low) + 30;
    writeln!(tx, "adc {} {} of {reference} mV, {celsius} C", buffer[0], buffer[14]).unwrap();
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
