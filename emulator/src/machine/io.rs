//! Outputs of a machine: bytes of its UARTs and levels of its pins, each with its instant.

use super::time::VirtualTime;

/// The number under which [`UartOutput`] has what a program wrote by semihosting.
pub const SEMIHOSTING_PORT: u8 = u8::MAX;

/// Bytes that a UART sent, in one run without a pause; none if only its rate was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UartOutput {
    /// When the last of them left the chip.
    pub at: VirtualTime,
    /// Which UART.
    pub index: u8,
    /// The baud rate to which the guest set it before, if it did since what it sent last. An engine that does not know has
    /// `None` always.
    pub baud: Option<u32>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A pin that the chip drives changed its level (or is no longer driven).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinChange {
    /// When.
    pub at: VirtualTime,
    /// The chip's pin number (nRF: port × 32 + pin).
    pub pin: u16,
    /// The new level; `None` if it is no longer driven.
    pub level: Option<bool>,
}
