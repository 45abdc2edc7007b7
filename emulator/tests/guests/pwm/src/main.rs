//! Lights that are dimmed: three channels of a PWM by values that the program sets, one of another PWM by a sequence that is
//! played from RAM, one of a third by two alternating sequences, while other pins report its events.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_nrf::gpio::{Level, OutputDrive, Pin};
use embassy_nrf::gpiote::{Channel, OutputChannel, OutputChannelPolarity};
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::ppi::Ppi;
use embassy_nrf::pwm::{
    Config, CounterMode, DutyCycle, Prescaler, Sequence, SequenceConfig, SequenceMode, SequencePwm, Sequencer,
    SimpleConfig, SimplePwm, SingleSequenceMode, SingleSequencer, StartSequence,
};
use embassy_nrf::{Peri, bind_interrupts, uarte};
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

    // Back and forth, 2 kHz: two tables by turns, the first at half the rate and its last value for three periods more.
    let (first, second) = ([400, 300], [100]);
    let mut config = Config::default();
    config.counter_mode = CounterMode::UpAndDown;
    config.prescaler = Prescaler::Div8;
    config.max_duty = 500;
    if let Ok(mut light) = SequencePwm::new_1ch(p.PWM2, p.P0_11, config) {
        let [period, started0, started1, ended0, ended1, done, stopped] = [
            telling(p.GPIOTE_CH0, p.P0_27),
            telling(p.GPIOTE_CH1, p.P0_28),
            telling(p.GPIOTE_CH2, p.P0_29),
            telling(p.GPIOTE_CH3, p.P0_30),
            telling(p.GPIOTE_CH4, p.P0_31),
            telling(p.GPIOTE_CH5, p.P0_02),
            telling(p.GPIOTE_CH6, p.P0_03),
        ];
        let mut period_ends = Ppi::new_one_to_one(p.PPI_CH0, light.event_pwm_period_end(), period.task_out());
        period_ends.enable();
        let mut first_starts = Ppi::new_one_to_one(p.PPI_CH1, light.event_seq0_started(), started0.task_out());
        first_starts.enable();
        let mut second_starts = Ppi::new_one_to_one(p.PPI_CH2, light.event_seq1_started(), started1.task_out());
        second_starts.enable();
        let mut first_ends = Ppi::new_one_to_one(p.PPI_CH3, light.event_seq_end(), ended0.task_out());
        first_ends.enable();
        let mut second_ends = Ppi::new_one_to_one(p.PPI_CH4, light.event_seq1_end(), ended1.task_out());
        second_ends.enable();
        let mut stops = Ppi::new_one_to_one(p.PPI_CH6, light.event_stopped(), stopped.task_out());
        stops.enable();
        // SAFETY: it is stopped where its sequences end.
        let stop = unsafe { light.task_stop() };
        let mut end = Ppi::new_one_to_two(p.PPI_CH5, light.event_loops_done(), done.task_out(), stop);
        end.enable();

        let mut slow = SequenceConfig::default();
        slow.refresh = 1;
        slow.end_delay = 3;
        let first = Sequence::new(&first, slow);
        let second = Sequence::new(&second, SequenceConfig::default());
        let sequencer = Sequencer::new(&mut light, first, Some(second));
        if sequencer.start(StartSequence::Zero, SequenceMode::Loop(2)).is_ok() {
            Timer::after_millis(12).await;
            end.disable();
        }
        if sequencer.start(StartSequence::Zero, SequenceMode::Infinite).is_ok() {
            Timer::after_millis(13).await;
            let _ = uart.write(b"by turns\n").await;
        }
    }
    loop {
        Timer::after_secs(1).await;
    }
}

/// A pin that changes with each event connected to it.
fn telling<'d>(channel: Peri<'d, impl Channel>, pin: Peri<'d, impl Pin>) -> OutputChannel<'d> {
    OutputChannel::new(
        channel,
        pin,
        Level::Low,
        OutputDrive::Standard,
        OutputChannelPolarity::Toggle,
    )
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
