//! The first steps of a program on `hifive1` and `e310x-hal`: clocks to 320 MHz, a line over UART0, the blue LED, a sleep by
//! the machine timer, bytes received by interrupt through the PLIC and sent back as capitals.

#![no_std]
#![no_main]

use hifive1::hal::DeviceResources;
use hifive1::hal::core::{CLINT, PLIC};
use hifive1::hal::delay::Sleep;
use hifive1::hal::e310x::{Uart0, interrupt::Hart};
use hifive1::hal::prelude::*;
use hifive1::{Led, configure_clocks, configure_stdout, pin, sprint, sprintln};
use riscv_rt::{entry, external_interrupt};

#[entry]
fn main() -> ! {
    let Some(DeviceResources { peripherals, pins, .. }) = DeviceResources::take() else {
        panic!("taken twice");
    };
    let clocks = configure_clocks(peripherals.PRCI, peripherals.AONCLK, 320.mhz().into());
    configure_stdout(
        peripherals.UART0,
        pin!(pins, uart0_tx),
        pin!(pins, uart0_rx),
        115_200.bps(),
        clocks,
    );
    sprintln!("hello from e310x-hal at {} MHz", clocks.coreclk().0 / 1_000_000);

    let mut blue = pin!(pins, led_blue).into_inverted_output();
    let mut sleep = Sleep::new(clocks);
    for _ in 0..3 {
        Led::toggle(&mut blue);
        sleep.delay_ms(10);
    }
    sprintln!("slept until tick {}", CLINT::mtimer().mtime.read());

    // SAFETY: the handler below is the only other user of the receiver.
    unsafe {
        Uart0::steal().ie().write(|w| w.rxwm().bit(true));
        let context = PLIC::ctx(Hart::H0);
        PLIC::priorities().set_priority(ExternalInterrupt::UART0, Priority::P7);
        context.threshold().set_threshold(Priority::P1);
        context.enables().enable(ExternalInterrupt::UART0);
        PLIC::enable();
        riscv::interrupt::enable();
    }
    sprintln!("ready");
    loop {
        riscv::asm::wfi();
    }
}

#[external_interrupt(ExternalInterrupt::UART0)]
fn received() {
    // SAFETY: the main program does not touch the receiver once interrupts are on.
    let uart = unsafe { Uart0::steal() };
    loop {
        let data = uart.rxdata().read();
        if data.empty().bit_is_set() {
            return;
        }
        let byte = [data.data().bits().to_ascii_uppercase()];
        sprint!(core::str::from_utf8(&byte).unwrap_or("?"));
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    sprintln!("{}", info);
    loop {
        riscv::asm::wfi();
    }
}
