//! Virtual parts on emulated boards: sensors, memories and displays.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// A part to add to an emulated board. What is left out follows from the board.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct PartAdd {
    /// Kind of part, as in `bme280`. For a part of one's own, the name of its kind.
    pub kind: String,
    /// Path of the WebAssembly module that is the part, as the owner sees it; `None` for a kind that Drydock has.
    #[serde(default)]
    pub module: Option<String>,
    /// Name on the board; `None` for that of the kind, with a number if it is taken.
    #[serde(default)]
    pub name: Option<String>,
    /// Name of the board's bus; `None` for its first one of the part's sort.
    #[serde(default)]
    pub bus: Option<String>,
    /// 7-bit address on an I²C bus; `None` for the first of the kind's addresses that is free.
    #[serde(default)]
    pub address: Option<u8>,
    /// Select pin on an SPI bus, as in `P1.02`; `None` for that of the bus.
    #[serde(default)]
    pub select: Option<String>,
    /// Pin of an analogue part, `None` for the board's first free one; or of a part that has one line.
    #[serde(default)]
    pub pin: Option<String>,
    /// Number or name of the UART of a part on one; `None` for the board's first one that is free and not the link's.
    #[serde(default)]
    pub uart: Option<String>,
    /// Path of the file that a memory keeps or that the part plays, as the owner sees it; `None` for a new memory.
    #[serde(default)]
    pub file: Option<String>,
    /// Pins of the part's lines, by the line's name.
    #[serde(default)]
    pub pins: BTreeMap<String, String>,
    /// Start values, by property.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

/// Lets values of a board's parts follow a table over the board's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PartsPlay {
    /// Id or name of the board.
    pub board: String,
    /// Path of the CSV file, as the owner sees it; `None` ends the table that is played.
    pub file: Option<String>,
}

/// A table that a board's parts follow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct PartsTable {
    /// The values that follow it, as in `bme280.temperature`; empty for none.
    pub values: Vec<String>,
    /// Rows.
    pub rows: u32,
    /// Time of the last row, in seconds of the board's time.
    pub lasts_s: f64,
}

/// Fills what a part keeps from a file, or saves it to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PartsContent {
    /// Id or name of the board.
    pub board: String,
    /// Name of the part.
    pub part: String,
    /// Absolute path of the file, as the owner sees it.
    pub file: String,
}

/// A file with what a part keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PartContentFile {
    /// Path of the file.
    pub path: String,
    /// Its length.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// Sets a property of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PartsSet {
    /// Id or name of the board.
    pub board: String,
    /// Name of the part.
    pub part: String,
    /// Name of the property.
    pub property: String,
    /// The value, in the property's unit; it is kept to a millionth.
    pub value: f64,
}

/// A part of a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PartView {
    /// Name on the board.
    pub name: String,
    /// Kind, as in `bme280`.
    pub kind: String,
    /// The kind's name for people.
    pub title: String,
    /// Where it is wired, as in `i2c, address 0x76`.
    pub place: String,
    /// Why it no longer runs: a module that trapped or did not end. `None` for all other parts.
    pub stopped: Option<String>,
    /// What can be set or read, in the kind's order.
    pub properties: Vec<PartProperty>,
    /// What a display shows; `None` for other parts, and while the board is off.
    pub picture: Option<PartPicture>,
    /// The lights of a strip as `#rrggbb`; empty for other parts, and while the board is off.
    pub lights: Vec<String>,
    /// Bytes that it keeps without power, which can be loaded and saved; `None` for a part that keeps nothing.
    pub content_bytes: Option<u32>,
}

/// A property of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PartProperty {
    /// Name, as in `temperature`.
    pub name: String,
    /// Unit; empty for a plain number.
    pub unit: String,
    /// Lowest value.
    pub min: f64,
    /// Highest value.
    pub max: f64,
    /// Value now.
    pub value: f64,
    /// The part says what it is: it can be read and not set.
    pub reading: bool,
}

/// What a display shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PartPicture {
    /// Dots in a row.
    pub width: u16,
    /// The rows from the top, each a text with `#` for a lit dot and a space for a dark one.
    pub rows: Vec<String>,
}
