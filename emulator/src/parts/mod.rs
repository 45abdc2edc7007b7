//! Virtual parts on a board: sensors, memories and displays, and the seam between them and a chip.
//!
//! A chip's controller knows pins and bytes only: it calls [`Parts`] through the fabric with the pins of its bus, and never
//! learns which part answers. A part is a state machine without host time or host randomness. It has no events of its own:
//! each call carries the instant, and a part first computes what happened since the last one. A machine without parts pays
//! one comparison for each change of a pin, and nothing else.
//!
//! Parts belong to the state of a machine: they are in snapshots, forks and the replay hash. What is written to a memory
//! lasts as long as its machine.

mod bme280;
mod eeprom;
mod lsm9ds1;
mod model;
mod potentiometer;
mod ssd1306;
mod w25q;

use std::collections::BTreeMap;

use drydock_assets::{Board, Connection, Millionths, Part, part_kinds};
use serde::{Deserialize, Serialize};

use crate::machine::{PartError, PartState, PropertyState, VirtualTime};
use model::Model;

/// The pins of an I²C bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct I2cPins {
    /// Clock.
    pub scl: u16,
    /// Data.
    pub sda: u16,
}

/// The pins of an SPI bus; `None` for a line that the controller does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpiPins {
    /// Clock.
    pub sck: u16,
    /// Controller out.
    pub mosi: Option<u16>,
    /// Controller in.
    pub miso: Option<u16>,
}

/// All parts of a machine.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub struct Parts {
    parts: Vec<WiredPart>,
    /// Levels that the chip drives, on the pins that parts look at.
    levels: BTreeMap<u16, Option<bool>>,
}

/// A part and its wires.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct WiredPart {
    name: String,
    kind: String,
    place: String,
    wires: Wires,
    model: Model,
}

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
enum Wires {
    I2c {
        pins: I2cPins,
        /// Pins that must be high before it answers.
        needs: Vec<u16>,
        addresses: Vec<u8>,
        /// The transfer on the bus is with this part.
        addressed: bool,
    },
    Spi {
        sck: u16,
        mosi: u16,
        miso: u16,
        select: u16,
        selected: bool,
    },
    Analog {
        pin: u16,
    },
}

impl Parts {
    /// The parts of `board`, new and at their start values; `None` if it has none.
    pub fn of(board: &Board) -> Option<Box<Self>> {
        let parts: Vec<WiredPart> = board.parts.iter().filter_map(WiredPart::new).collect();
        if parts.is_empty() {
            return None;
        }
        let watched = parts.iter().flat_map(|part| match &part.wires {
            Wires::I2c { needs, .. } => needs.clone(),
            Wires::Spi { select, .. } => vec![*select],
            Wires::Analog { .. } => Vec::new(),
        });
        let levels = watched.map(|pin| (pin, None)).collect();
        Some(Box::new(Self { parts, levels }))
    }

    /// The board's supply was switched off and on: registers are lost, memories and the world outside stay.
    pub(crate) fn power_cycle(&mut self, now: VirtualTime) {
        for part in &mut self.parts {
            part.model.part_mut().power_on(now);
            match &mut part.wires {
                Wires::I2c { addressed, .. } => *addressed = false,
                Wires::Spi { selected, .. } => *selected = false,
                Wires::Analog { .. } => {}
            }
        }
    }

    /// The chip drives `level` on `pin` from now on.
    pub(crate) fn pin_changed(&mut self, now: VirtualTime, pin: u16, level: Option<bool>) {
        let Some(known) = self.levels.get_mut(&pin) else { return };
        let before = std::mem::replace(known, level);
        for part in &mut self.parts {
            match &mut part.wires {
                // The first of them to fall takes the supply away; the part begins anew.
                Wires::I2c { needs, .. } if needs.contains(&pin) && before == Some(true) => {
                    part.model.part_mut().power_on(now);
                }
                Wires::Spi { select, selected, .. } if *select == pin => {
                    let selects = level == Some(false);
                    if *selected != selects {
                        *selected = selects;
                        if let Some(spi) = part.model.part_mut().spi() {
                            spi.select(now, selects);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// START (or a repeated START) and an address; returns whether a part acknowledged it.
    pub(crate) fn i2c_start(&mut self, now: VirtualTime, bus: I2cPins, address: u8, read: bool) -> bool {
        let levels = &self.levels;
        let mut acknowledged = false;
        for part in &mut self.parts {
            let Wires::I2c {
                pins,
                needs,
                addresses,
                addressed,
            } = &mut part.wires
            else {
                continue;
            };
            if *pins != bus {
                continue;
            }
            let supplied = needs.iter().all(|pin| levels.get(pin) == Some(&Some(true)));
            *addressed = supplied
                && addresses.contains(&address)
                && part
                    .model
                    .part_mut()
                    .i2c()
                    .is_some_and(|i2c| i2c.start(now, address, read));
            acknowledged |= *addressed;
        }
        acknowledged
    }

    /// A byte to the part that is addressed; returns whether it acknowledged it.
    pub(crate) fn i2c_write(&mut self, now: VirtualTime, bus: I2cPins, byte: u8) -> bool {
        let mut acknowledged = false;
        self.addressed(bus, |part| acknowledged |= part.write(now, byte));
        acknowledged
    }

    /// A byte from the part that is addressed. Lines that nobody pulls low read as ones.
    pub(crate) fn i2c_read(&mut self, now: VirtualTime, bus: I2cPins) -> u8 {
        let mut byte = 0xff;
        self.addressed(bus, |part| byte &= part.read(now));
        byte
    }

    /// STOP.
    pub(crate) fn i2c_stop(&mut self, now: VirtualTime, bus: I2cPins) {
        self.addressed(bus, |part| part.stop(now));
        for part in &mut self.parts {
            if let Wires::I2c { pins, addressed, .. } = &mut part.wires
                && *pins == bus
            {
                *addressed = false;
            }
        }
    }

    fn addressed(&mut self, bus: I2cPins, mut action: impl FnMut(&mut dyn model::I2cPart)) {
        for part in &mut self.parts {
            if let Wires::I2c {
                pins, addressed: true, ..
            } = &part.wires
                && *pins == bus
                && let Some(i2c) = part.model.part_mut().i2c()
            {
                action(i2c);
            }
        }
    }

    /// Exchanges a byte with the parts that are selected on these pins. A line that nobody drives reads as zeros.
    pub(crate) fn spi_transfer(&mut self, now: VirtualTime, bus: SpiPins, byte: u8) -> u8 {
        let mut answer = 0;
        for part in &mut self.parts {
            let Wires::Spi {
                sck,
                mosi,
                miso,
                selected: true,
                ..
            } = part.wires
            else {
                continue;
            };
            if sck != bus.sck {
                continue;
            }
            let heard = if bus.mosi == Some(mosi) { byte } else { 0 };
            if let Some(spi) = part.model.part_mut().spi() {
                let said = spi.transfer(now, heard);
                if bus.miso == Some(miso) {
                    answer |= said;
                }
            }
        }
        answer
    }

    /// The voltage on an analogue pin, in microvolts, of a supply of `supply_uv`; `None` if no part drives it.
    pub(crate) fn analog_uv(&self, pin: u16, supply_uv: u64) -> Option<u64> {
        let on_pin = |part: &&WiredPart| matches!(part.wires, Wires::Analog { pin: its } if its == pin);
        self.parts.iter().find(on_pin)?.model.part().voltage_uv(supply_uv)
    }

    /// The parts and their values.
    pub fn list(&self) -> Vec<PartState> {
        self.parts.iter().map(WiredPart::state).collect()
    }

    /// Sets a property of a part.
    ///
    /// # Errors
    /// [`PartError`].
    pub(crate) fn set(
        &mut self,
        now: VirtualTime,
        name: &str,
        property: &str,
        value: Millionths,
    ) -> Result<(), PartError> {
        let Some(part) = self.parts.iter_mut().find(|part| part.name == name) else {
            return Err(PartError::NoPart {
                part: name.to_owned(),
                known: self.parts.iter().map(|part| part.name.clone()).collect(),
            });
        };
        let kind = part_kinds().iter().find(|kind| kind.name == part.kind);
        let kind = kind.ok_or_else(|| PartError::Value(format!("{} has nothing to set", part.name)))?;
        kind.check(property, value).map_err(PartError::Value)?;
        part.model.part_mut().set(now, property, value);
        Ok(())
    }
}

impl WiredPart {
    fn new(part: &Part) -> Option<Self> {
        let mut model = Model::new(&part.kind.name)?;
        for property in &part.kind.properties {
            let value = part.values.get(&property.name).copied().unwrap_or(property.start);
            model.part_mut().set(VirtualTime::ZERO, &property.name, value);
        }
        let wires = match &part.connection {
            Connection::I2c { bus, address } => Wires::I2c {
                pins: I2cPins {
                    scl: bus.scl.0,
                    sda: bus.sda.0,
                },
                needs: bus.needs.iter().map(|pin| pin.0).collect(),
                addresses: part.kind.answers_to(*address),
                addressed: false,
            },
            Connection::Spi { bus, select } => Wires::Spi {
                sck: bus.sck.0,
                mosi: bus.mosi.0,
                miso: bus.miso.0,
                select: select.0,
                selected: false,
            },
            Connection::Analog { pin } => Wires::Analog { pin: pin.0 },
        };
        Some(Self {
            name: part.name.clone(),
            kind: part.kind.name.clone(),
            place: part.connection.to_string(),
            wires,
            model,
        })
    }

    fn state(&self) -> PartState {
        let kind = part_kinds().iter().find(|kind| kind.name == self.kind);
        let properties = kind.into_iter().flat_map(|kind| &kind.properties);
        let properties = properties.map(|property| PropertyState {
            name: property.name.clone(),
            unit: property.unit.clone(),
            min: property.min,
            max: property.max,
            value: self.model.part().get(&property.name),
        });
        PartState {
            name: self.name.clone(),
            kind: self.kind.clone(),
            place: self.place.clone(),
            properties: properties.collect(),
            picture: self.model.part().picture(),
        }
    }
}

#[cfg(test)]
mod tests;
