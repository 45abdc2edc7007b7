//! A virtual part that the user added to a board, as `fleet.json` stores it: with its place, so that the wiring stays when a
//! later Drydock chooses other defaults.

use drydock_assets::{Connection, Millionths, Part, PartChoice};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A part with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    /// Kind of part.
    kind: String,
    /// SHA-256 of the module that is the part, hexadecimal; the data directory has the module under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    /// Name on the board.
    name: String,
    /// Name of its bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
    /// Address on an I²C bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<u8>,
    /// Select pin on an SPI bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    select: Option<String>,
    /// Pin of an analogue part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
    /// UART of a part on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uart: Option<u8>,
    /// Pins of its lines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pins: BTreeMap<String, String>,
    /// Start values, in millionths of their unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Millionths>,
}

impl PartRecord {
    /// The record of a part.
    pub(crate) fn of(part: &Part) -> Self {
        let mut record = Self {
            kind: part.kind.name.clone(),
            module: None,
            name: part.name.clone(),
            bus: None,
            address: None,
            select: None,
            pin: None,
            uart: None,
            pins: part
                .pins
                .iter()
                .map(|(line, pin)| (line.clone(), pin.to_string()))
                .collect(),
            values: part.values.clone(),
        };
        match &part.connection {
            Connection::I2c { bus, address } => {
                record.bus = Some(bus.name.clone());
                record.address = Some(*address);
            }
            Connection::Spi { bus, select } => {
                record.bus = Some(bus.name.clone());
                record.select = Some(select.to_string());
            }
            Connection::Analog { pin } => record.pin = Some(pin.to_string()),
            Connection::Uart { uart } => record.uart = Some(*uart),
            Connection::Pins => {}
        }
        record
    }

    /// The same part, which is this module.
    pub(crate) fn with_module(self, sha256: String) -> Self {
        Self {
            module: Some(sha256),
            ..self
        }
    }

    /// The name of its kind, and of its module if it is one.
    pub(crate) fn kind(&self) -> (&str, Option<&str>) {
        (&self.kind, self.module.as_deref())
    }

    /// The part as it is added to a board again.
    pub(crate) fn choice(&self) -> PartChoice {
        PartChoice {
            kind: self.kind.clone(),
            name: Some(self.name.clone()),
            bus: self.bus.clone(),
            address: self.address,
            select: self.select.clone(),
            pin: self.pin.clone(),
            uart: self.uart.map(|uart| uart.to_string()),
            file: None,
            content: None,
            pins: self.pins.clone(),
            values: self
                .values
                .iter()
                .map(|(name, value)| (name.clone(), value.to_f64()))
                .collect(),
        }
    }
}
