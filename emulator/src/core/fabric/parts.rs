//! The board's virtual parts, as controllers of a chip reach them: buses by their pins, and voltages.

use super::{Chip, Fabric};
use crate::machine::{I2cStep, TraceEvent};
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
            let said = parts.take_uart();
            if changed.is_empty() && said.is_empty() {
                return;
            }
            for (pin, level) in changed {
                self.note(TraceEvent::Input { pin, level });
                chip.pin_input(self, pin, level);
            }
            for (uart, bytes) in said {
                // A receiver that is not served in time loses bytes.
                let taken = chip.uart_input_room(uart).min(bytes.len());
                if taken > 0 {
                    chip.uart_input(self, uart, &bytes[..taken]);
                }
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
        let step = I2cStep::Start {
            address,
            read,
            acknowledged,
        };
        self.note(TraceEvent::I2c(bus, step));
        acknowledged
    }

    /// A byte to the part that is addressed; returns whether it acknowledged it.
    pub fn i2c_write(&mut self, bus: I2cPins, byte: u8) -> bool {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return false };
        let acknowledged = parts.i2c_write(now, bus, byte);
        self.heed_parts();
        self.note(TraceEvent::I2c(bus, I2cStep::Write { byte, acknowledged }));
        acknowledged
    }

    /// A byte from the part that is addressed.
    pub fn i2c_read(&mut self, bus: I2cPins) -> u8 {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return 0xff };
        let byte = parts.i2c_read(now, bus);
        self.heed_parts();
        self.note(TraceEvent::I2c(bus, I2cStep::Read(byte)));
        byte
    }

    /// STOP on an I²C bus.
    pub fn i2c_stop(&mut self, bus: I2cPins) {
        let now = self.now;
        if let Some(parts) = &mut self.parts {
            parts.i2c_stop(now, bus);
            self.heed_parts();
            self.note(TraceEvent::I2c(bus, I2cStep::Stop));
        }
    }

    /// Exchanges a byte on an SPI bus with the parts that are selected.
    pub fn spi_transfer(&mut self, bus: SpiPins, byte: u8) -> u8 {
        let now = self.now;
        let Some(parts) = &mut self.parts else { return 0 };
        let answer = parts.spi_transfer(now, bus, byte);
        self.heed_parts();
        self.note(TraceEvent::Spi {
            bus,
            sent: byte,
            received: answer,
        });
        answer
    }

    /// The voltage on an analogue pin, in microvolts, of a supply of `supply_uv`; `None` if nothing drives it.
    pub fn analog_uv(&mut self, pin: u16, supply_uv: u64) -> Option<u64> {
        let volts = self.parts.as_ref()?.analog_uv(pin, supply_uv)?;
        self.note(TraceEvent::Voltage {
            pin,
            microvolts: u32::try_from(volts).unwrap_or(u32::MAX),
        });
        Some(volts)
    }
}
