//! Drydock's firmware on the Arduino Uno R4 Minima. The logic is in `drydock-device`; this crate implements the board.
//!
//! The chip's 32 KiB of RAM hold a TLS session, but no runtime for apps: the board enrolls and reports, and refuses
//! packages.
//!
//! Chapters and register names are those of the RA4M1 user's manual R01UH0887.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod flash;
mod ident;
mod noise;
mod pins;
mod register;
mod reset;
mod tree;
mod uart;
mod watchdog;

use alloc::{boxed::Box, format};
use cortex_m_rt::{entry, exception};
use drydock_device::{
    board::BoardRef, control_only::ControlOnly, device::Device, entropy::Unhealthy, records::Records,
};

#[entry]
fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    run(start())
}

/// Not inlined into `main`, like the functions below: `main`'s frame is never released.
#[inline(never)]
fn start() -> &'static board::Uno {
    let uno: &'static board::Uno = Box::leak(Box::new(board::Uno::start()));
    if pins::wipe_button_is_held() {
        // Errors are ignored: everything that can be wiped is wiped. The device starts blank or reports why it does
        // not.
        let _ = Records::mount(uno).wipe();
    }
    uno
}

fn run(uno: &'static board::Uno) -> ! {
    if let Err(unhealthy) = uno.noise_health() {
        run_without_randomness(uno, unhealthy);
    }
    device(uno).run()
}

#[inline(never)]
fn device(board: BoardRef) -> Device {
    match Device::new(board) {
        Ok(device) => device,
        Err(error) => panic!("{error}"),
    }
}

/// Makes neither a key nor a session: reports only the board's name, and the reason.
#[inline(never)]
fn run_without_randomness(board: BoardRef, unhealthy: Unhealthy) -> ! {
    let control = ControlOnly::new(board);
    control.say(&format!("no randomness, so no session: {unhealthy}"));
    control.run()
}

/// Interrupt lines, linked to their events where the peripherals are started.
const RECEIVED: i16 = 0;
const SENT: i16 = 1;
const GARBLED: i16 = 2;
const ALARM: i16 = 3;

/// There is no crate for this chip's registers, so this handler serves all interrupts.
#[exception]
unsafe fn DefaultHandler(irqn: i16) {
    register::acknowledge(irqn);
    match irqn {
        RECEIVED => uart::received(),
        SENT => uart::sent(),
        GARBLED => uart::garbled(),
        ALARM => clock::alarm(),
        _ => panic!(),
    }
}
