//! The board's virtual parts, as controllers of a chip reach them: buses by their pins, and voltages.

use super::{Chip, Fabric};
use crate::parts::{I2cPins, Parts, SpiPins};

/// Answers of parts to a chip and back in one instant.
const ROUNDS: usize = 8;

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
            self.heed_parts();
        }
    }

    /// Serves the timers of parts, and gives the chip the levels that parts drive. Not from within a method of the chip.
    pub(crate) fn serve_parts(&mut self, chip: &mut dyn Chip) {
        // The chip's answer on a pin may be a part's next input. Two that answer each other without end go on with the next
        // event.
        for _ in 0..ROUNDS {
            let now = self.now;
            let Some(parts) = &mut self.parts else { return };
            let changed = parts.serve(now);
            if changed.is_empty() {
                return;
            }
            for (pin, level) in changed {
                chip.pin_input(self, pin, level);
            }
        }
    }

    /// After parts were called: the core looks after them before its next instruction, if they want something.
    pub(super) fn heed_parts(&mut self) {
        self.attention |= self.parts.as_ref().is_some_and(|parts| parts.is_unsettled());
    }

    /// START (or a repeated START) and an address on an I²C bus; returns whether a part acknowledged it.
    pub fn i2c_start(&mut self, bus: I2cPins, address: u8, read: bool) -> bool {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return false };
        let acknowledged = parts.i2c_start(now, bus, address, read);
        self.heed_parts();
        acknowledged
    }

    /// A byte to the part that is addressed; returns whether it acknowledged it.
    pub fn i2c_write(&mut self, bus: I2cPins, byte: u8) -> bool {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return false };
        let acknowledged = parts.i2c_write(now, bus, byte);
        self.heed_parts();
        acknowledged
    }

    /// A byte from the part that is addressed.
    pub fn i2c_read(&mut self, bus: I2cPins) -> u8 {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return 0xff };
        let byte = parts.i2c_read(now, bus);
        self.heed_parts();
        byte
    }

    /// STOP on an I²C bus.
    pub fn i2c_stop(&mut self, bus: I2cPins) {
        let now = self.now;
        if let Some(parts) = &mut self.parts {
            parts.i2c_stop(now, bus);
            self.heed_parts();
        }
    }

    /// Exchanges a byte on an SPI bus with the parts that are selected.
    pub fn spi_transfer(&mut self, bus: SpiPins, byte: u8) -> u8 {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return 0 };
        let answer = parts.spi_transfer(now, bus, byte);
        self.heed_parts();
        answer
    }

    /// The voltage on an analogue pin, in microvolts, of a supply of `supply_uv`; `None` if nothing drives it.
    pub fn analog_uv(&self, pin: u16, supply_uv: u64) -> Option<u64> {
        self.parts.as_ref()?.analog_uv(pin, supply_uv)
    }
}
