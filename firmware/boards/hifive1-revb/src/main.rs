//! Drydock's firmware on SiFive's HiFive1 Rev B. Its chip has 16 KiB of RAM, which cannot hold TLS: it speaks `control` only
//! (`drydock_device::control_only`), and is shown as unauthenticated.
//!
//! Chapters and register names are those of the FE310-G002 manual (v1p4).
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod clock;
mod no_flash;
mod pins;
mod register;
mod reset;
mod start;
mod uart;

use alloc::boxed::Box;
use drydock_device::{board::BoardRef, control_only::ControlOnly};

/// From [`start`], with RAM in order.
extern "C" fn main() -> ! {
    drydock_stack::paint();
    drydock_arena::init();
    let board: BoardRef = Box::leak(Box::new(board::HiFive::start()));
    ControlOnly::new(board).run()
}
