//! Drydock's firmware on the Arduino Nano 33 BLE. The logic is in `drydock-device`; this crate implements the board.
//!
//! Section and register names are those of the nRF52840 Product Specification v1.7.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod flash;
mod pins;
mod sensors;
mod uart;
mod usb;
mod watchdog;

use alloc::boxed::Box;
use cortex_m_rt::entry;
use drydock_device::{board::BoardRef, device::Device, records::Records};

#[entry]
fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    let board = board::Nano::take().expect("main runs once");
    let board: BoardRef = Box::leak(Box::new(board));
    if pins::wipe_button_is_held() {
        // Errors are ignored: everything that can be wiped is wiped. The device starts blank or reports why it does
        // not.
        let _ = Records::mount(board).wipe();
    }
    match Device::new(board) {
        Ok(device) => device.run(),
        Err(error) => panic!("{error}"),
    }
}
