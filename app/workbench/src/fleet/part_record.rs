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
    /// Start values, in millionths of their unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Millionths>,
}

impl PartRecord {
    /// The record of a part.
    pub(crate) fn of(part: &Part) -> Self {
        let mut record = Self {
            kind: part.kind.name.clone(),
            name: part.name.clone(),
            bus: None,
            address: None,
            select: None,
            pin: None,
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
        }
        record
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
            values: self
                .values
                .iter()
                .map(|(name, value)| (name.clone(), value.to_f64()))
                .collect(),
        }
    }
}
