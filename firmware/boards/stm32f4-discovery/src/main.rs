//! Drydock's firmware on ST's STM32F4DISCOVERY. The logic is in `drydock-device`; this crate implements the board.
//!
//! Chapters and register names are those of the reference manual RM0090 (rev. 19).
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod flash;
mod pins;
mod register;
mod reset;
mod sensors;
mod tree;
mod uart;
mod watchdog;

use alloc::boxed::Box;
use cortex_m_rt::{entry, exception};
use drydock_device::{board::BoardRef, device::Device, records::Records};

#[entry]
fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    let board: BoardRef = Box::leak(Box::new(board::Discovery::start()));
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

/// Interrupts that are let through (table 62).
const DMA1_STREAM6: i16 = 17;
const USART2: i16 = 38;
const TIM5: i16 = 50;

/// There is no crate for this chip's registers, so this handler serves all interrupts.
#[exception]
unsafe fn DefaultHandler(irqn: i16) {
    match irqn {
        DMA1_STREAM6 => uart::sent(),
        USART2 => uart::line_is_idle(),
        TIM5 => clock::alarm(),
        _ => panic!(),
    }
}
