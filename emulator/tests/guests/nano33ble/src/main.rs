//! The first steps of a program on embassy on an nRF52840: a line over UARTE0, two tasks asleep by RTC1's timer, a hardware
//! timer's count, random bytes, a button through GPIOTE, bytes received by DMA and sent back as capitals.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use embassy_executor::Spawner;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::gpiote::{InputChannel, InputChannelPolarity};
use embassy_nrf::peripherals::{RNG, UARTE0};
use embassy_nrf::{bind_interrupts, rng, timer, uarte};
use embassy_time::{Duration, Instant, Ticker, Timer};

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    RNG => rng::InterruptHandler<RNG>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_nrf::init(Default::default());
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    let mut text = heapless::String::<96>::new();
    let _ = uart.write(b"hello from embassy-nrf\n").await;

    let light = Output::new(p.P0_13, Level::Low, OutputDrive::Standard);
    spawner.spawn(blink(light).unwrap());

    let counter = timer::Timer::new(p.TIMER1);
    counter.set_frequency(timer::Frequency::F1MHz);
    counter.clear();
    counter.start();
    let start = Instant::now();
    Timer::after_millis(20).await;
    let (slept, counted) = (start.elapsed().as_millis(), counter.cc(0).capture());
    let _ = writeln!(text, "slept {slept} ms, counted {counted} us");
    let _ = uart.write(text.as_bytes()).await;

    let mut random = [0; 8];
    rng::Rng::new(p.RNG, Irqs).fill_bytes(&mut random).await;
    text.clear();
    let _ = writeln!(text, "random {:016x}", u64::from_be_bytes(random));
    let _ = uart.write(text.as_bytes()).await;

    // One edge by a channel of GPIOTE, one level by the pin's sense and the port event.
    let mut button = InputChannel::new(p.GPIOTE_CH0, p.P1_11, Pull::Up, InputChannelPolarity::HiToLo);
    button.wait().await;
    let _ = uart.write(b"pressed\n").await;
    let mut pin = Input::new(p.P1_12, Pull::Down);
    pin.wait_for_high().await;
    let _ = uart.write(b"high\n").await;

    loop {
        let mut byte = [0];
        if uart.read(&mut byte).await.is_ok() {
            byte[0].make_ascii_uppercase();
            let _ = uart.write(&byte).await;
        }
    }
}

#[embassy_executor::task]
async fn blink(mut light: Output<'static>) {
    let mut ticker = Ticker::every(Duration::from_millis(5));
    loop {
        light.toggle();
        ticker.next().await;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
