//! The board's virtual parts, as controllers of a chip reach them: buses by their pins, and voltages.

use super::Fabric;
use crate::parts::{I2cPins, Parts, SpiPins};

impl Fabric {
    /// Wires the parts of the machine's board; `None` if it has none.
    pub fn wire_parts(&mut self, parts: Option<Box<Parts>>) {
        self.parts = parts;
    }

    /// The parts, if the board has any.
    pub fn parts(&self) -> Option<&Parts> {
        self.parts.as_deref()
    }

    /// As [`Self::parts`], to set a value.
    pub(crate) fn parts_mut(&mut self) -> Option<&mut Parts> {
        self.parts.as_deref_mut()
    }

    /// The board's supply was switched off and on.
    pub(in crate::core) fn power_cycle_parts(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.power_cycle(self.now);
        }
    }

    /// START (or a repeated START) and an address on an I²C bus; returns whether a part acknowledged it.
    pub fn i2c_start(&mut self, bus: I2cPins, address: u8, read: bool) -> bool {
        let now = self.now;
        self.parts
            .as_mut()
            .is_some_and(|parts| parts.i2c_start(now, bus, address, read))
    }

    /// A byte to the part that is addressed; returns whether it acknowledged it.
    pub fn i2c_write(&mut self, bus: I2cPins, byte: u8) -> bool {
        let now = self.now;
        self.parts.as_mut().is_some_and(|parts| parts.i2c_write(now, bus, byte))
    }

    /// A byte from the part that is addressed.
    pub fn i2c_read(&mut self, bus: I2cPins) -> u8 {
        let now = self.now;
        self.parts.as_mut().map_or(0xff, |parts| parts.i2c_read(now, bus))
    }

    /// STOP on an I²C bus.
    pub fn i2c_stop(&mut self, bus: I2cPins) {
        let now = self.now;
        if let Some(parts) = &mut self.parts {
            parts.i2c_stop(now, bus);
        }
    }

    /// Exchanges a byte on an SPI bus with the parts that are selected.
    pub fn spi_transfer(&mut self, bus: SpiPins, byte: u8) -> u8 {
        let now = self.now;
        self.parts
            .as_mut()
            .map_or(0, |parts| parts.spi_transfer(now, bus, byte))
    }

    /// The voltage on an analogue pin, in microvolts, of a supply of `supply_uv`; `None` if nothing drives it.
    pub fn analog_uv(&self, pin: u16, supply_uv: u64) -> Option<u64> {
        self.parts.as_ref()?.analog_uv(pin, supply_uv)
    }
}
