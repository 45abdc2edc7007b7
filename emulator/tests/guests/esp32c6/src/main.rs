//! What a program on `esp-hal` does first: clocks, a line over UART0, delays by the system timer, bytes sent back as
//! capitals.

#![no_std]
#![no_main]

use esp_hal::delay::Delay;
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::main;
use esp_hal::time::Instant;
use esp_hal::uart::{Config, Uart};

esp_bootloader_esp_idf::esp_app_desc!();

#[main]
fn main() -> ! {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    let Ok(uart) = Uart::new(peripherals.UART0, Config::default()) else {
        panic!("the UART refuses its configuration");
    };
    let mut uart = uart.with_tx(peripherals.GPIO16).with_rx(peripherals.GPIO17);
    let _ = uart.write(b"hello from esp-hal\n");

    let mut light = Output::new(peripherals.GPIO8, Level::Low, OutputConfig::default());
    let delay = Delay::new();
    let start = Instant::now();
    for _ in 0..4 {
        light.toggle();
        delay.delay_millis(5);
    }
    let slept_ms = start.elapsed().as_millis();
    let text: &[u8] = if (20..22).contains(&slept_ms) {
        b"slept 20 ms\n"
    } else {
        b"slept wrongly\n"
    };
    let _ = uart.write(text);
    loop {
        let mut byte = [0];
        if uart.read(&mut byte).is_ok() {
            let _ = uart.write(&[byte[0].to_ascii_uppercase()]);
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
