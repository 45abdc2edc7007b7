//! A program for the hard-float ABI: floating-point registers carry arguments, hold sums in the main program while a timer's
//! interrupt computes with them too, and a Fourier transform of two tones is printed over USART2.

#![no_std]
#![no_main]

use core::cell::{Cell, RefCell};
use core::f32::consts::PI;
use core::fmt::Write as _;

use cortex_m::interrupt::Mutex;
use cortex_m_rt::entry;
use stm32f4xx_hal::pac::{self, NVIC, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config;
use stm32f4xx_hal::timer::{CounterUs, Event};

const SAMPLES: usize = 256;

static TIMER: Mutex<RefCell<Option<CounterUs<pac::TIM2>>>> = Mutex::new(RefCell::new(None));
/// An oscillation that the interrupt advances by a hundredth of a circle each time: (cosine, sine, count).
static PHASE: Mutex<Cell<(f32, f32, u32)>> = Mutex::new(Cell::new((1.0, 0.0, 0)));

#[entry]
fn main() -> ! {
    let dp = pac::Peripherals::take().unwrap();
    let mut rcc = dp.RCC.freeze(Config::hse(8.MHz()).sysclk(168.MHz()));
    let gpioa = dp.GPIOA.split(&mut rcc);
    let mut tx = dp.USART2.tx::<u8>(gpioa.pa2, 1_000_000.bps(), &mut rcc).unwrap();
    writeln!(tx, "hello with floats in registers").unwrap();

    let mut timer = dp.TIM2.counter_us(&mut rcc);
    timer.start(100.micros()).unwrap();
    timer.listen(Event::Update);
    cortex_m::interrupt::free(|cs| TIMER.borrow(cs).replace(Some(timer)));
    // SAFETY: data shared between the handler and this function is protected by critical sections.
    unsafe { NVIC::unmask(interrupt::TIM2) };

    // Leibniz: sixteen partial sums in registers, far longer than the timer's period.
    let mut sums = [0.0_f32; 16];
    for step in 0..40_000_u32 {
        let sign = if step % 2 == 0 { 4.0 } else { -4.0 };
        sums[step as usize % 16] += sign / (2 * step + 1) as f32;
    }
    let quarter: f32 = sums.iter().sum();
    let (cosine, sine, turns) = cortex_m::interrupt::free(|cs| PHASE.borrow(cs).get());
    let length = libm::sqrtf(cosine * cosine + sine * sine);
    let angle = libm::atan2f(sine, cosine) / (2.0 * PI) * 100.0;
    let expected = (turns % 100) as f32;
    let apart = libm::fabsf(angle + if angle < -0.5 { 100.0 } else { 0.0 } - expected);
    let kept = libm::fabsf(length - 1.0) < 1e-3 && apart < 0.1;
    writeln!(
        tx,
        "pi {quarter:.4}, {} turns, {}",
        if turns > 20 { "many" } else { "few" },
        if kept { "kept" } else { "lost" }
    )
    .unwrap();

    let mut signal: [f32; SAMPLES] = core::array::from_fn(|index| {
        let at = index as f32 / SAMPLES as f32;
        libm::sinf(2.0 * PI * 12.0 * at) + 0.5 * libm::cosf(2.0 * PI * 40.0 * at)
    });
    let spectrum = microfft::real::rfft_256(&mut signal);
    let mut strength = [0.0; SAMPLES / 2];
    for (place, bin) in strength.iter_mut().zip(spectrum.iter()) {
        *place = libm::sqrtf(bin.re * bin.re + bin.im * bin.im) / (SAMPLES / 2) as f32;
    }
    strength[0] = 0.0;
    for (bin, value) in strength.iter().enumerate().filter(|(_, value)| **value > 0.1) {
        writeln!(tx, "bin {bin}: {value:.3}").unwrap();
    }
    // A double goes through the same registers, and through software.
    writeln!(tx, "{:.12}", libm::exp(1.0)).unwrap();
    loop {
        cortex_m::asm::wfi();
    }
}

#[interrupt]
fn TIM2() {
    cortex_m::interrupt::free(|cs| {
        if let Some(timer) = TIMER.borrow(cs).borrow_mut().as_mut() {
            timer.clear_all_flags();
        }
        let phase = PHASE.borrow(cs);
        let (cosine, sine, turns) = phase.get();
        let (s, c) = libm::sincosf(2.0 * PI / 100.0);
        phase.set((cosine * c - sine * s, sine * c + cosine * s, turns + 1));
    });
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
