//! A program on `esp-hal`: clocks, a line over UART0, delays by the system timer, a timer that interrupts, a button
//! that interrupts, flash behind `esp-storage`, a watchdog that is fed until "stop" is received, and bytes sent back as
//! capitals.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::Mutex;
use esp_hal::delay::Delay;
use esp_hal::gpio::{Event, Input, InputConfig, Io, Level, Output, OutputConfig, Pull};
use esp_hal::rtc_cntl::SocResetReason;
use esp_hal::time::{Duration, Instant};
use esp_hal::timer::PeriodicTimer;
use esp_hal::timer::systimer::SystemTimer;
use esp_hal::timer::timg::{MwdtStage, TimerGroup};
use esp_hal::uart::{Config, Uart};
use esp_hal::{Blocking, handler, main};
use esp_storage::FlashStorage;

esp_bootloader_esp_idf::esp_app_desc!();

/// In the last quarter of the flash.
const KEPT: u32 = 0x30_0000;

static TICKS: AtomicU32 = AtomicU32::new(0);
static PRESSES: AtomicU32 = AtomicU32::new(0);
static TIMER: Mutex<RefCell<Option<PeriodicTimer<'static, Blocking>>>> = Mutex::new(RefCell::new(None));
static BUTTON: Mutex<RefCell<Option<Input<'static>>>> = Mutex::new(RefCell::new(None));

#[main]
fn main() -> ! {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    let Ok(uart) = Uart::new(peripherals.UART0, Config::default()) else {
        panic!("the UART refuses its configuration");
    };
    let mut uart = uart.with_tx(peripherals.GPIO16).with_rx(peripherals.GPIO17);
    if esp_hal::system::reset_reason() == Some(SocResetReason::CoreMwdt0) {
        say(&mut uart, b"the watchdog bit\n");
        let mut flash = FlashStorage::new(peripherals.FLASH);
        let mut kept = [0; 8];
        let read = flash.read_nor(KEPT, &mut kept).is_ok();
        say(
            &mut uart,
            if read && &kept == b"kept so." {
                b"flash kept it\n"
            } else {
                b"flash lost it\n"
            },
        );
        loop {
            core::hint::spin_loop();
        }
    }
    say(&mut uart, b"hello from esp-hal\n");

    let mut light = Output::new(peripherals.GPIO8, Level::Low, OutputConfig::default());
    let delay = Delay::new();
    let start = Instant::now();
    for _ in 0..4 {
        light.toggle();
        delay.delay_millis(5);
    }
    let slept_ms = start.elapsed().as_millis();
    say(
        &mut uart,
        if (20..22).contains(&slept_ms) {
            b"slept 20 ms\n"
        } else {
            b"slept wrongly\n"
        },
    );

    let mut flash = FlashStorage::new(peripherals.FLASH);
    let megabytes = flash.capacity() >> 20;
    let written = flash
        .erase(KEPT, KEPT + 4096)
        .and_then(|()| flash.write_nor(KEPT, b"kept so."));
    say(
        &mut uart,
        if megabytes == 4 && written.is_ok() {
            b"flash of 4 MB written\n"
        } else {
            b"flash failed\n"
        },
    );

    let mut io = Io::new(peripherals.IO_MUX);
    io.set_interrupt_handler(pressed);
    let mut button = Input::new(peripherals.GPIO9, InputConfig::default().with_pull(Pull::Up));
    critical_section::with(|cs| {
        button.listen(Event::FallingEdge);
        BUTTON.borrow_ref_mut(cs).replace(button);
    });

    let mut timer = PeriodicTimer::new(SystemTimer::new(peripherals.SYSTIMER).alarm0);
    timer.set_interrupt_handler(ticked);
    let started = timer.start(Duration::from_millis(10));
    timer.listen();
    critical_section::with(|cs| TIMER.borrow_ref_mut(cs).replace(timer));
    if started.is_err() {
        say(&mut uart, b"no timer\n");
    }

    let mut watchdog = TimerGroup::new(peripherals.TIMG0).wdt;
    watchdog.set_timeout(MwdtStage::Stage0, Duration::from_millis(100));
    watchdog.enable();

    let (mut told, mut stopped, mut presses) = (false, false, 0);
    loop {
        esp_hal::interrupt::wait_for_interrupt();
        if !stopped {
            watchdog.feed();
        }
        if TICKS.load(Ordering::Relaxed) >= 5 && !told {
            told = true;
            say(&mut uart, b"5 ticks\n");
        }
        if PRESSES.load(Ordering::Relaxed) != presses {
            presses += 1;
            say(&mut uart, b"pressed\n");
        }
        let mut bytes = [0; 32];
        let count = uart.read_buffered(&mut bytes).unwrap_or(0);
        for byte in &mut bytes[..count] {
            stopped |= *byte == b'!';
            byte.make_ascii_uppercase();
        }
        say(&mut uart, &bytes[..count]);
    }
}

fn say(uart: &mut Uart<'_, Blocking>, text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let sent = uart.write(rest).unwrap_or(rest.len());
        rest = &rest[sent..];
    }
}

#[handler]
fn ticked() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    critical_section::with(|cs| {
        if let Some(timer) = TIMER.borrow_ref_mut(cs).as_mut() {
            timer.clear_interrupt();
        }
    });
}

#[handler]
fn pressed() {
    critical_section::with(|cs| {
        if let Some(button) = BUTTON.borrow_ref_mut(cs).as_mut() {
            if button.is_interrupt_set() {
                PRESSES.fetch_add(1, Ordering::Relaxed);
                button.clear_interrupt();
            }
        }
    });
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
