//! A front panel: an IMU on I²C and a matrix of LEDs on SPI by their drivers from crates.io, a LED dimmed by PWM, a buzzer,
//! and a button that the program waits for.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use embassy_executor::Spawner;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::peripherals::{SPI2, TWISPI0, UARTE0};
use embassy_nrf::pwm::{DutyCycle, Prescaler, SimpleConfig, SimplePwm};
use embassy_nrf::{bind_interrupts, spim, twim, uarte};
use embassy_time::{Delay, Timer};

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    SPI2 => spim::InterruptHandler<SPI2>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_nrf::init(Default::default());
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    let mut text = heapless::String::<160>::new();

    let mut buffer = [0; 32];
    let bus = twim::Twim::new(p.TWISPI0, Irqs, p.P0_31, p.P0_02, Default::default(), &mut buffer);
    let mut imu = mpu6050::Mpu6050::new(bus);
    let begun = imu.init(&mut Delay).is_ok();
    let (acc, gyro, celsius) = (imu.get_acc(), imu.get_gyro(), imu.get_temp());
    if let (true, Ok(acc), Ok(gyro), Ok(celsius)) = (begun, acc, gyro, celsius) {
        let degrees = gyro * (180.0 / core::f32::consts::PI);
        let _ = writeln!(
            text,
            "mpu6050 {:.3} {:.3} {:.3} g, {:.1} {:.1} {:.1} deg/s, {celsius:.2} C",
            acc.x, acc.y, acc.z, degrees.x, degrees.y, degrees.z
        );
    } else {
        let _ = writeln!(text, "no mpu6050");
    }
    let _ = uart.write(text.as_bytes()).await;

    let spi = spim::Spim::new_txonly(p.SPI2, Irqs, p.P0_13, p.P1_01, Default::default());
    let select = Output::new(p.P1_02, Level::High, OutputDrive::Standard);
    let drawn = max7219::MAX7219::from_spi_cs(1, spi, select).and_then(|mut matrix| {
        matrix.power_on()?;
        matrix.set_intensity(0, 3)?;
        matrix.write_raw(0, &[0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0xff])
    });
    let _ = uart.write(if drawn.is_ok() { b"drawn\n" } else { b"dark!\n" }).await;

    // 1 kHz, a quarter of it on; and 440 Hz.
    let mut led = SimplePwm::new_1ch(p.PWM0, p.P0_27, &SimpleConfig::default());
    led.set_duty(0, DutyCycle::inverted(led.max_duty() / 4));
    let mut config = SimpleConfig::default();
    config.prescaler = Prescaler::Div16;
    config.max_duty = 2_273;
    let mut buzzer = SimplePwm::new_1ch(p.PWM1, p.P0_21, &config);
    buzzer.set_duty(0, DutyCycle::inverted(1_000));

    // D2, to ground.
    let mut button = Input::new(p.P1_11, Pull::Up);
    loop {
        button.wait_for_low().await;
        let _ = uart.write(b"pressed\n").await;
        button.wait_for_high().await;
        let _ = uart.write(b"released\n").await;
        Timer::after_millis(1).await;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::asm::udf()
}
