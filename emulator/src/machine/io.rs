//! Outputs of a machine: bytes of its UARTs and levels of its pins, each with its instant.

use super::time::VirtualTime;
use std::fmt;

/// The number under which [`UartOutput`] has what a program wrote by semihosting.
pub const SEMIHOSTING_PORT: u8 = u8::MAX;
/// How many channels of RTT are read, from 0 on, and how many stimulus ports of the ITM.
pub const LOG_CHANNELS: u8 = 4;
/// The number of RTT's channel 0; that of the ITM's port 0. Higher than that of any UART.
const RTT_PORT: u8 = 0xc0;
const ITM_PORT: u8 = 0xd0;

/// A line of a program to the host that debugs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DebugLine {
    /// Semihosting; only to the host.
    Semihosting,
    /// A channel of SEGGER RTT, both ways.
    Rtt(u8),
    /// A stimulus port of the ITM; only to the host.
    Itm(u8),
}

impl DebugLine {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let rtt = (0..LOG_CHANNELS).map(Self::Rtt);
        let itm = (0..LOG_CHANNELS).map(Self::Itm);
        std::iter::once(Self::Semihosting).chain(rtt).chain(itm)
    }

    /// The line with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|line| line.to_string() == name)
    }

    /// The number under which a machine has its bytes, beside the numbers of UARTs.
    pub const fn index(self) -> u8 {
        match self {
            Self::Semihosting => SEMIHOSTING_PORT,
            Self::Rtt(channel) => RTT_PORT + channel,
            Self::Itm(port) => ITM_PORT + port,
        }
    }

    /// The line with this number; `None` for a UART.
    pub const fn of(index: u8) -> Option<Self> {
        match index {
            SEMIHOSTING_PORT => Some(Self::Semihosting),
            RTT_PORT..ITM_PORT if index - RTT_PORT < LOG_CHANNELS => Some(Self::Rtt(index - RTT_PORT)),
            ITM_PORT..SEMIHOSTING_PORT if index - ITM_PORT < LOG_CHANNELS => Some(Self::Itm(index - ITM_PORT)),
            _ => None,
        }
    }
}

/// The name by which users choose the line: `semihosting`, `rtt0`, `itm0`.
impl fmt::Display for DebugLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Semihosting => f.write_str("semihosting"),
            Self::Rtt(channel) => write!(f, "rtt{channel}"),
            Self::Itm(port) => write!(f, "itm{port}"),
        }
    }
}

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
