//! Drydock's firmware on QEMU's `mps2-an386`, the only board with a Cortex-M4 and enough memory that QEMU models. **Not
//! a trust test**: its "flash" is RAM, its entropy comes from the host, and it has no watchdog.
//!
//! Registers are those of Arm's Application Note AN386 (DAI 0386) and of the Cortex-M System Design Kit (DDI 0479).
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod entropy;
mod flash;
mod lights;
mod register;
mod uart;

use alloc::boxed::Box;
use cortex_m_rt::{entry, exception};
use drydock_device::{board::BoardRef, device::Device};

#[entry]
fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    let board: BoardRef = Box::leak(Box::new(board::Mps2::start()));
    match Device::new(board) {
        Ok(device) => device.run(),
        Err(error) => panic!("{error}"),
    }
}

/// Interrupts that are let through (AN386, table 5-1).
const UART0_RX: i16 = 0;
const TIMER0: i16 = 8;

/// There is no crate for this board's registers, so this handler serves all interrupts.
#[exception]
unsafe fn DefaultHandler(irqn: i16) {
    match irqn {
        UART0_RX => uart::received(),
        TIMER0 => clock::alarm(),
        _ => panic!(),
    }
}
