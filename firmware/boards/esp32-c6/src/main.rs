//! Drydock's firmware on the ESP32-C6-DevKitC-1. The logic is in `drydock-device`; this crate implements the board.
//!
//! Chapter and register names are those of the ESP32-C6 Technical Reference Manual 1.1.
//!
//! The emulator starts the ELF file as Espressif's second-stage bootloader would start the app image made of it. For
//! silicon, `espflash save-image --chip esp32c6 --merge --flash-size 4mb esp32-c6.elf esp32-c6.bin` makes one file with
//! bootloader, partition table and app; flash it to address 0. The partition table must leave everything from 2 MiB on
//! unused: app store and records lie there. Untested on silicon.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod fault_handler;
mod flash;
mod pins;
mod register;
mod uart;
mod watchdog;

use alloc::boxed::Box;
use drydock_device::{board::BoardRef, device::Device, records::Records};

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    let board: BoardRef = Box::leak(Box::new(board::DevKit::start()));
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
