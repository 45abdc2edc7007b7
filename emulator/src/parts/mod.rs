//! Virtual parts on a board: sensors, memories and displays, and the seam between them and a chip.
//!
//! A chip's controller knows pins and bytes only: it calls [`Parts`] through the fabric with the pins of its bus, and never
//! learns which part answers. A part is a state machine without host time or host randomness. Each call carries the instant,
//! and a part first computes what happened since the last one.
//!
//! A part may also have lines, which are wired to plain pins. It hears of each change that the chip makes there, in its
//! instant. What it drives reaches the chip before the next instruction, and so does a part's own timer
//! ([`Parts::serve`]): a chip's method never runs inside another one. A machine without parts pays one comparison for each
//! change of a pin and for each round of events, and nothing else.
//!
//! Parts belong to the state of a machine: they are in snapshots, forks and the replay hash. What is written to a memory
//! lasts as long as its machine.

mod bme280;
mod button;
mod buzzer;
mod ds18b20;
mod duty;
mod eeprom;
mod gps;
mod hd44780;
mod lights;
mod loopback;
mod lsm9ds1;
mod memory;
mod model;
mod play;
mod potentiometer;
pub mod program;
mod sd_card;
mod seven_segment;
mod ssd1306;
mod w25q;
mod wired;
mod ws2812;

use std::collections::BTreeMap;

use drydock_assets::{Board, Millionths};
use serde::{Deserialize, Serialize};

use crate::machine::{PartError, PartFault, PartMessage, PartState, PartTable, VirtualTime};
use play::Playing;
use wired::{WiredPart, Wires};

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
    /// Levels that parts drive, on the pins of their lines, as the chip knows them.
    driven: BTreeMap<u16, Option<bool>>,
    /// The earliest instant that a part waits for.
    due: VirtualTime,
    /// Parts may drive other levels than the chip knows, or wait for an earlier instant than before.
    unsettled: bool,
    /// There are parts that may drive a pin or wait for an instant, or a table is played.
    reacts: bool,
    /// The table that values follow.
    playing: Option<Box<Playing>>,
}

impl Parts {
    /// The parts of `board`, new and at their start values; `None` if it has none.
    pub fn of(board: &Board) -> Option<Box<Self>> {
        let parts: Vec<WiredPart> = board.parts.iter().filter_map(WiredPart::new).collect();
        if parts.is_empty() {
            return None;
        }
        let levels = parts.iter().flat_map(WiredPart::watched).map(|pin| (pin, None));
        let driven = parts.iter().flat_map(WiredPart::line_pins).map(|pin| (pin, None));
        let reacts = parts.iter().any(WiredPart::reacts);
        let mut parts = Self {
            reacts,
            levels: levels.collect(),
            driven: driven.collect(),
            parts,
            due: VirtualTime::MAX,
            unsettled: false,
            playing: None,
        };
        parts.refresh();
        Some(Box::new(parts))
    }

    /// The board's supply was switched off and on: registers are lost, memories and the world outside stay.
    pub(crate) fn power_cycle(&mut self, now: VirtualTime) {
        self.parts.iter_mut().for_each(|part| part.power_on(now));
        self.refresh();
    }

    /// The chip drives `level` on `pin` from now on.
    pub(crate) fn pin_changed(&mut self, now: VirtualTime, pin: u16, level: Option<bool>) {
        let Some(known) = self.levels.get_mut(&pin) else { return };
        let before = std::mem::replace(known, level);
        for part in &mut self.parts {
            part.pin_changed(now, pin, before, level);
        }
        self.refresh();
    }

    /// The earliest instant that a part waits for; [`VirtualTime::MAX`] if none does.
    pub(crate) fn due(&self) -> VirtualTime {
        self.due
    }

    /// Whether parts want a call of [`Self::serve`] before the next instruction.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Calls the timers that are due, and returns the pins whose level from outside changed.
    pub(crate) fn serve(&mut self, now: VirtualTime) -> Vec<(u16, Option<bool>)> {
        if self.due <= now {
            self.play_rows(now);
            for part in &mut self.parts {
                if part.model.part().due() <= now {
                    part.model.part_mut().timer(now);
                }
            }
            self.refresh();
        }
        if !std::mem::take(&mut self.unsettled) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for (pin, known) in &mut self.driven {
            let level = driven(&self.parts, *pin);
            if *known != level {
                *known = level;
                changed.push((*pin, level));
            }
        }
        changed
    }

    /// After parts were called: what they drive and wait for may be another.
    fn refresh(&mut self) {
        if !self.reacts {
            return;
        }
        let due = self.parts.iter().map(|part| part.model.part().due());
        let row = self.playing.as_ref().map(|playing| playing.due());
        let due = due.chain(row).min().unwrap_or(VirtualTime::MAX);
        let parts = &self.parts;
        self.unsettled |= due < self.due
            || parts.iter().any(|part| !part.model.part().says().is_empty())
            || self.driven.iter().any(|(pin, known)| driven(parts, *pin) != *known);
        self.due = due;
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
            let supplied =
                part.fault != Some(PartFault::Silent) && needs.iter().all(|pin| levels.get(pin) == Some(&Some(true)));
            *addressed = supplied
                && addresses.contains(&address)
                && part
                    .model
                    .part_mut()
                    .i2c()
                    .is_some_and(|i2c| i2c.start(now, address, read));
            acknowledged |= *addressed;
        }
        self.refresh();
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
        self.refresh();
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
        self.refresh();
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
            if sck != bus.sck || part.fault == Some(PartFault::Silent) {
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
        self.refresh();
        answer
    }

    /// The voltage on an analogue pin, in microvolts, of a supply of `supply_uv`; `None` if no part drives it.
    pub(crate) fn analog_uv(&self, pin: u16, supply_uv: u64) -> Option<u64> {
        let on_pin = |part: &&WiredPart| matches!(part.wires, Wires::Analog { pin: its } if its == pin);
        let part = self.parts.iter().find(on_pin)?;
        if part.fault == Some(PartFault::Silent) {
            return None;
        }
        part.model.part().voltage_uv(supply_uv)
    }

    /// The chip has sent a byte over UART `uart`.
    pub(crate) fn uart_byte(&mut self, now: VirtualTime, uart: u8, byte: u8) {
        let on_uart = |part: &&mut WiredPart| matches!(part.wires, Wires::Uart { uart: its } if its == uart);
        if let Some(part) = self.parts.iter_mut().find(on_uart)
            && part.fault != Some(PartFault::Silent)
        {
            part.model.part_mut().uart_byte(now, byte);
            self.refresh();
        }
    }

    /// Takes what parts say on UARTs.
    pub(crate) fn take_uart(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut said = Vec::new();
        for part in &mut self.parts {
            let Wires::Uart { uart } = part.wires else { continue };
            if !part.model.part().says().is_empty() {
                let bytes = part.model.part_mut().take_said();
                if part.fault != Some(PartFault::Silent) {
                    said.push((uart, bytes));
                }
            }
        }
        said
    }

    /// What a part keeps without power.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn read_content(&self, name: &str) -> Result<Vec<u8>, PartError> {
        let part = &self.parts[self.index(name)?];
        let memory = part.model.part().memory();
        let memory = memory.ok_or_else(|| PartError::Value(format!("{name} keeps no content")))?;
        Ok(memory.content())
    }

    /// Lets a part keep `content` from now on.
    ///
    /// # Errors
    /// [`PartError`]; nothing is changed then.
    pub fn load(&mut self, now: VirtualTime, name: &str, content: &[u8]) -> Result<(), PartError> {
        let index = self.index(name)?;
        self.parts[index].load(now, content)?;
        self.refresh();
        Ok(())
    }

    /// The parts that keep something, and how often it changed.
    pub(crate) fn contents(&self) -> Vec<(String, u64)> {
        let kept = |part: &WiredPart| Some((part.name.clone(), part.model.part().memory()?.changes()));
        self.parts.iter().filter_map(kept).collect()
    }

    /// The parts and their values, in the instant `now`.
    pub fn list(&self, now: VirtualTime) -> Vec<PartState> {
        self.parts.iter().map(|part| part.state(now)).collect()
    }

    /// Takes what parts said since the last call: log lines of programs, and why one was stopped.
    pub(crate) fn take_messages(&mut self) -> Vec<PartMessage> {
        self.parts.iter_mut().flat_map(WiredPart::take_messages).collect()
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
        let index = self.index(name)?;
        self.parts[index].set(now, property, value)?;
        self.refresh();
        Ok(())
    }

    /// Lets values follow a table from now on, instead of the one before; `None` ends that.
    ///
    /// # Errors
    /// [`PartError`]: the table is for another board. Nothing is changed then.
    pub(crate) fn play(&mut self, now: VirtualTime, table: Option<PartTable>) -> Result<(), PartError> {
        for (part, property) in table.iter().flat_map(PartTable::columns) {
            self.value(now, part, property)?;
        }
        self.reacts |= table.is_some();
        self.playing = table.map(|table| Box::new(Playing::new(table, now)));
        self.play_rows(now);
        self.refresh();
        Ok(())
    }

    /// Sets the values of the rows that are due.
    fn play_rows(&mut self, now: VirtualTime) {
        let Some(mut playing) = self.playing.take() else { return };
        playing.serve(now, |part, property, value| {
            // The table was checked for this board.
            let _ = self.set(now, part, property, value);
        });
        self.playing = (playing.due() < VirtualTime::MAX).then_some(playing);
    }

    /// The value of a property of a part, in the instant `now`.
    ///
    /// # Errors
    /// [`PartError`].
    pub(crate) fn value(&self, now: VirtualTime, name: &str, property: &str) -> Result<Millionths, PartError> {
        self.parts[self.index(name)?].value(now, property)
    }

    /// Breaks a part, or mends it.
    ///
    /// # Errors
    /// [`PartError::NoPart`].
    pub(crate) fn set_fault(
        &mut self,
        now: VirtualTime,
        name: &str,
        fault: Option<PartFault>,
    ) -> Result<(), PartError> {
        let index = self.index(name)?;
        self.parts[index].set_fault(now, fault);
        self.refresh();
        Ok(())
    }

    fn index(&self, name: &str) -> Result<usize, PartError> {
        let found = self.parts.iter().position(|part| part.name == name);
        found.ok_or_else(|| PartError::NoPart {
            part: name.to_owned(),
            known: self.parts.iter().map(|part| part.name.clone()).collect(),
        })
    }
}

/// The level that parts drive on a pin. If two drive it, low wins.
fn driven(parts: &[WiredPart], pin: u16) -> Option<bool> {
    let levels = parts.iter().flat_map(|part| part.drives(pin));
    levels.fold(None, |so_far, level| match (so_far, level) {
        (Some(false), _) | (_, false) => Some(false),
        _ => Some(true),
    })
}

#[cfg(test)]
mod tests;
