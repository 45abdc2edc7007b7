//! Lights that are dimmed: three channels of a PWM by values that the program sets, one of another PWM by a sequence that is
//! played from RAM.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_nrf::gpio::Level;
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::pwm::{
    Config, DutyCycle, SequenceConfig, SequencePwm, SimpleConfig, SimplePwm, SingleSequenceMode, SingleSequencer,
};
use embassy_nrf::{bind_interrupts, uarte};
use embassy_time::Timer;

bind_interrupts!(struct Irqs {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_nrf::init(Default::default());
    let mut config = uarte::Config::default();
    config.baudrate = uarte::Baudrate::Baud1m;
    let mut uart = uarte::Uarte::new(p.UARTE0, p.P1_10, p.P1_03, Irqs, config);
    let _ = uart.write(b"hello from SimplePwm\n").await;

    // The board's RGB light; low is on. 1 MHz to 1000: 1 kHz.
    let mut config = SimpleConfig::default();
    config.ch0_idle_level = Level::High;
    config.ch1_idle_level = Level::High;
    config.ch2_idle_level = Level::High;
    let mut rgb = SimplePwm::new_3ch(p.PWM0, p.P0_24, p.P0_16, p.P0_06, &config);
    let top = rgb.max_duty();
    for step in 0..=4 {
        let on = step * top / 4;
        let [red, green] = [on, top - on].map(DutyCycle::normal);
        rgb.set_all_duties([red, green, DutyCycle::normal(top / 10), DutyCycle::normal(0)]);
        Timer::after_micros(4_500).await;
    }
    drop(rgb);
    let _ = uart.write(b"faded\n").await;

    // The built-in light, by a table in RAM: each value for five periods, all of it three times.
    let words = [100, 500, 900].map(|on| 0x8000 | on);
    if let Ok(mut light) = SequencePwm::new_1ch(p.PWM1, p.P0_13, Config::default()) {
        let mut config = SequenceConfig::default();
        config.refresh = 4;
        let sequencer = SingleSequencer::new(&mut light, &words, config);
        if sequencer.start(SingleSequenceMode::Times(3)).is_ok() {
            Timer::after_millis(60).await;
            sequencer.stop();
            let _ = uart.write(b"played\n").await;
        }
    }
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
