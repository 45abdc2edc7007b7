//! A part and its wires: which bus, address and pins lead to it, and what is broken of it.

use std::collections::BTreeMap;

use drydock_assets::{Connection, Millionths, Part, PartKind, part_kinds};
use serde::{Deserialize, Serialize};

use super::I2cPins;
use super::memory::Memory;
use super::model::Model;
use super::program::Message;
use crate::machine::{PartError, PartFault, PartMessage, PartState, PropertyState, VirtualTime};

/// A part and its wires.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct WiredPart {
    pub(super) name: String,
    kind: String,
    place: String,
    pub(super) wires: Wires,
    /// The pin of each line of its kind.
    lines: Vec<Option<u16>>,
    pub(super) model: Model,
    pub(super) fault: Option<PartFault>,
    /// Values that were set while it is stuck; it gets them when it is mended.
    withheld: BTreeMap<String, Millionths>,
}

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) enum Wires {
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
    Uart {
        uart: u8,
    },
    /// By its lines only.
    Pins,
}

impl WiredPart {
    /// A new part; `None` if its kind is not modelled.
    pub(super) fn new(part: &Part) -> Option<Self> {
        let mut model = Model::new(&part.kind)?;
        for property in part.kind.properties.iter().filter(|property| !property.reading) {
            let value = part.values.get(&property.name).copied().unwrap_or(property.start);
            model.part_mut().set(VirtualTime::ZERO, &property.name, value);
        }
        if let Some(content) = &part.content {
            // It was checked when the part was wired.
            model.part_mut().load(VirtualTime::ZERO, &content.0).ok()?;
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
            Connection::Uart { uart } => Wires::Uart { uart: *uart },
            Connection::Pins => Wires::Pins,
        };
        Some(Self {
            name: part.name.clone(),
            kind: part.kind.name.clone(),
            place: part.place(),
            wires,
            lines: part.lines().map(|pin| pin.map(|pin| pin.0)).collect(),
            model,
            fault: None,
            withheld: BTreeMap::new(),
        })
    }

    /// Whether it may drive a pin, or wait for an instant.
    pub(super) fn reacts(&self) -> bool {
        self.line_pins().next().is_some()
            || matches!(self.model, Model::Program(_))
            || matches!(self.wires, Wires::Uart { .. })
    }

    /// The pins of its lines.
    pub(super) fn line_pins(&self) -> impl Iterator<Item = u16> {
        self.lines.iter().copied().flatten()
    }

    /// The pins whose levels it must hear of.
    pub(super) fn watched(&self) -> Vec<u16> {
        let of_bus = match &self.wires {
            Wires::I2c { needs, .. } => needs.clone(),
            Wires::Spi { select, .. } => vec![*select],
            Wires::Analog { .. } | Wires::Uart { .. } | Wires::Pins => Vec::new(),
        };
        of_bus.into_iter().chain(self.line_pins()).collect()
    }

    /// The levels that it drives on `pin`.
    pub(super) fn drives(&self, pin: u16) -> impl Iterator<Item = bool> {
        let lines = self.lines.iter().enumerate().filter(move |(_, its)| **its == Some(pin));
        let lines = lines.filter(|_| self.fault != Some(PartFault::Silent));
        lines.filter_map(|(line, _)| self.model.part().drives(line))
    }

    pub(super) fn power_on(&mut self, now: VirtualTime) {
        self.model.part_mut().power_on(now);
        match &mut self.wires {
            Wires::I2c { addressed, .. } => *addressed = false,
            Wires::Spi { selected, .. } => *selected = false,
            Wires::Analog { .. } | Wires::Uart { .. } | Wires::Pins => {}
        }
    }

    pub(super) fn pin_changed(&mut self, now: VirtualTime, pin: u16, before: Option<bool>, level: Option<bool>) {
        let part = self.model.part_mut();
        match &mut self.wires {
            // The first of them to fall takes the supply away; the part begins anew.
            Wires::I2c { needs, .. } if needs.contains(&pin) && before == Some(true) => part.power_on(now),
            Wires::Spi { select, selected, .. } if *select == pin => {
                let selects = level == Some(false);
                if *selected != selects {
                    *selected = selects;
                    if let Some(spi) = part.spi() {
                        spi.select(now, selects);
                    }
                }
            }
            _ => {}
        }
        for (line, its) in self.lines.iter().enumerate() {
            if *its == Some(pin) {
                part.line_changed(now, line, level);
            }
        }
    }

    pub(super) fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) -> Result<(), PartError> {
        let kind = self.described();
        let kind = kind.ok_or_else(|| PartError::Value(format!("{} has nothing to set", self.name)))?;
        kind.check(property, value).map_err(PartError::Value)?;
        match self.fault {
            Some(PartFault::Stuck) => drop(self.withheld.insert(property.to_owned(), value)),
            _ => self.model.part_mut().set(now, property, value),
        }
        Ok(())
    }

    pub(super) fn load(&mut self, now: VirtualTime, content: &[u8]) -> Result<(), PartError> {
        let kind = self.described();
        let kind = kind.ok_or_else(|| PartError::Value(format!("{} keeps no content", self.name)))?;
        let loaded = kind.check_content(content);
        let loaded = loaded.and_then(|()| self.model.part_mut().load(now, content));
        loaded.map_err(PartError::Value)
    }

    pub(super) fn value(&self, now: VirtualTime, property: &str) -> Result<Millionths, PartError> {
        let known = self.described().map_or(&[][..], |kind| &kind.properties);
        if known.iter().any(|known| known.name == property) {
            return Ok(self.current(now, property));
        }
        let known: Vec<&str> = known.iter().map(|property| property.name.as_str()).collect();
        Err(PartError::Value(match known[..] {
            [] => format!("{} has no values", self.name),
            _ => format!("{} has no `{property}`; it has: {}", self.name, known.join(", ")),
        }))
    }

    fn current(&self, now: VirtualTime, property: &str) -> Millionths {
        let withheld = self.withheld.get(property).copied();
        withheld.unwrap_or_else(|| self.model.part().get(now, property))
    }

    pub(super) fn set_fault(&mut self, now: VirtualTime, fault: Option<PartFault>) {
        self.fault = fault;
        if fault != Some(PartFault::Stuck) {
            for (property, value) in std::mem::take(&mut self.withheld) {
                self.model.part_mut().set(now, &property, value);
            }
        }
        if let (Some(PartFault::Silent), Wires::I2c { addressed, .. }) = (fault, &mut self.wires) {
            *addressed = false;
        }
    }

    pub(super) fn state(&self, now: VirtualTime) -> PartState {
        let properties = self.described().into_iter().flat_map(|kind| &kind.properties);
        let properties = properties.map(|property| PropertyState {
            name: property.name.clone(),
            unit: property.unit.clone(),
            min: property.min,
            max: property.max,
            value: self.current(now, &property.name),
            reading: property.reading,
        });
        let stopped = match &self.model {
            Model::Program(program) => program.stopped().map(str::to_owned),
            _ => None,
        };
        PartState {
            name: self.name.clone(),
            kind: self.kind.clone(),
            title: self
                .described()
                .map_or_else(|| self.kind.clone(), |kind| kind.title.clone()),
            stopped,
            fault: self.fault,
            place: self.place.clone(),
            properties: properties.collect(),
            picture: self.model.part().picture(now),
            lights: self.model.part().lights(now),
            content_bytes: self.model.part().memory().map(Memory::len),
        }
    }

    /// What it logged since the last call.
    pub(super) fn take_messages(&mut self) -> Vec<PartMessage> {
        let Model::Program(program) = &mut self.model else {
            return Vec::new();
        };
        let messages = program.take_messages().into_iter();
        let message = |Message { at, text, stopped }| PartMessage {
            at,
            part: self.name.clone(),
            text,
            stopped,
        };
        messages.map(message).collect()
    }

    fn described(&self) -> Option<&PartKind> {
        match &self.model {
            Model::Program(program) => Some(program.kind()),
            _ => part_kinds().iter().find(|kind| kind.name == self.kind),
        }
    }
}
