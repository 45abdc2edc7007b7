//! A kind of board in full.

use super::view::BoardKindView;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A kind of board: what is on it, and what is modelled of its chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardKindDetail {
    /// The kind, as in lists.
    pub kind: BoardKindView,
    /// Manufacturer of the chip.
    pub vendor: String,
    /// Core of the chip, for example `cortex-m4f`.
    pub core: String,
    /// Clock of the core in Hz.
    pub clock_hz: u32,
    /// Memories, flash first.
    pub memories: Vec<KindMemory>,
    /// UARTs, by number.
    pub uarts: Vec<KindUart>,
    /// LEDs.
    pub leds: Vec<KindLed>,
    /// Buttons.
    pub buttons: Vec<KindButton>,
    /// Buses for parts.
    pub buses: Vec<KindBus>,
    /// Pins with an analogue input, in the order in which parts take them.
    pub analog: Vec<String>,
    /// Virtual parts that are on such a board.
    pub parts: Vec<KindPart>,
    /// How a physical board meets a host.
    pub connector: String,
    /// Peripherals of the chip, by address; empty: there is no list for this chip.
    pub peripherals: Vec<KindPeripheral>,
}

/// A memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindMemory {
    /// Its use: `flash`, `data flash`, `ram`, or an area of flash.
    pub name: String,
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
}

/// A UART.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindUart {
    /// The chip's number.
    pub uart: u8,
    /// Name on the board, if its file gives one.
    pub name: Option<String>,
    /// Pin from the board to the host, as far as the board fixes it.
    pub tx: Option<String>,
    /// Pin from the host to the board, as `tx`.
    pub rx: Option<String>,
    /// Whether it is the board's link, or its terminal with a program of the user's own.
    pub link: bool,
}

/// An LED.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindLed {
    /// Name on the board.
    pub name: String,
    /// Pin that drives it.
    pub pin: String,
    /// Level at which it is lit: `high` or `low`.
    pub active: String,
    /// Colour, as CSS writes it.
    pub color: String,
    /// The number by which apps use it.
    pub app_pin: Option<u8>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindButton {
    /// Name on the board.
    pub name: String,
    /// Pin that it drives.
    pub pin: String,
    /// Level while it is pressed: `high` or `low`.
    pub active: String,
    /// Whether it resets the chip.
    pub resets: bool,
}

/// A bus for parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindBus {
    /// Name on the board.
    pub name: String,
    /// `i2c` or `spi`.
    pub kind: String,
    /// Its lines and their pins, for example `scl P0.02`.
    pub pins: Vec<String>,
    /// Pins that a program must drive high before a part answers.
    pub needs: Vec<String>,
}

/// A virtual part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindPart {
    /// Name on the board.
    pub name: String,
    /// Kind of part, for example `bme280`.
    pub kind: String,
    /// Where it is, for example `i2c, address 0x76`.
    pub place: String,
}

/// A peripheral of a chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KindPeripheral {
    /// Name, as in the chip's manual.
    pub name: String,
    /// First address of its registers.
    pub base: u32,
    /// How far the builtin engine models it: `modelled`, `partly` or `none`.
    pub state: String,
    /// What is not modelled of one that is partly modelled.
    pub missing: Option<String>,
}
