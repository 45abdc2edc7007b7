//! What a machine did, with its instants, for who traces it: interrupts, what parts drive, transfers on buses, voltages.
//! Pins that the chip drives and bytes of UARTs are told without a trace.

use super::time::VirtualTime;
use crate::parts::{I2cPins, SpiPins};

/// One entry of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// When.
    pub at: VirtualTime,
    /// What.
    pub what: TraceEvent,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// The core took an exception or interrupt: its number on Arm, `mcause` on RISC-V.
    Entered(u32),
    /// The handler that was entered last returned.
    Returned,
    /// A part drives a pin of the chip, or no longer does.
    Input {
        /// The chip's pin number.
        pin: u16,
        /// The level; `None` if nothing drives it.
        level: Option<bool>,
    },
    /// A controller of the chip transfers on an I²C bus.
    I2c(I2cPins, I2cStep),
    /// A controller of the chip exchanged a byte on an SPI bus.
    Spi {
        /// The bus.
        bus: SpiPins,
        /// From the controller.
        sent: u8,
        /// From the parts that are selected.
        received: u8,
    },
    /// A converter of the chip read a voltage.
    Voltage {
        /// The chip's pin number.
        pin: u16,
        /// In µV.
        microvolts: u32,
    },
}

/// A step of a transfer on an I²C bus, entered in the instant in which the controller's model makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum I2cStep {
    /// START, or a repeated one, and an address.
    Start {
        /// Seven bits.
        address: u8,
        /// The part is to send.
        read: bool,
        /// A part acknowledged it.
        acknowledged: bool,
    },
    /// A byte from the controller.
    Write {
        /// The byte.
        byte: u8,
        /// The part acknowledged it.
        acknowledged: bool,
    },
    /// A byte from the part.
    Read(u8),
    /// STOP.
    Stop,
}

/// What a trace took since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceTaken {
    /// In the order in which it happened; the instants of one pin, one bus, or of interrupts never decrease.
    pub entries: Vec<TraceEntry>,
    /// Entries that did not fit, behind the others.
    pub lost: u64,
}
