//! The board's serial flash, an ISSI IS25LP032D (datasheet rev. H, chapter 8 "Device Operation"), limited to the
//! commands that a driver uses over single-bit SPI: identify, read, write enable, program a page, erase.

use crate::core::fabric::Fabric;
use crate::machine::VirtualTime;

/// Where the flash is mapped, and its size.
pub(super) const BASE: u32 = 0x2000_0000;
pub(super) const BYTES: u32 = 0x40_0000;

/// Manufacturer, type and capacity (RDID).
const ID: [u8; 3] = [0x9d, 0x60, 0x16];
const PAGE_BYTES: u32 = 256;
const WIP: u8 = 1;
const WEL: u8 = 2;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct NorFlash {
    write_enabled: bool,
    /// Status register bits that are kept: SRWD, QE, BP3–BP0.
    status: u8,
    busy_until: VirtualTime,
    /// Bytes received since chip select fell.
    command: Vec<u8>,
}

impl NorFlash {
    /// One byte in each direction while selected.
    pub(super) fn exchange(&mut self, fabric: &Fabric, sent: u8) -> u8 {
        let index = self.command.len() as u32;
        let answer = self.answer(fabric, index);
        // A page program wraps within its page: only the last 256 data bytes count (8.11).
        if self.command.len() < 4 + 2 * PAGE_BYTES as usize {
            self.command.push(sent);
        }
        answer
    }

    fn answer(&self, fabric: &Fabric, index: u32) -> u8 {
        let Some(opcode) = self.command.first() else {
            return 0xff;
        };
        let busy = fabric.now() < self.busy_until;
        let memory = |header: u32| {
            let mut byte = [0xff];
            if index >= header && !busy {
                let addr = BASE + (self.address() + (index - header)) % BYTES;
                let read = fabric.memory().read(addr, &mut byte);
                debug_assert!(read.is_ok(), "the flash is a region of the chip");
            }
            byte[0]
        };
        match opcode {
            0x05 => self.status | if busy { WIP } else { 0 } | if self.write_enabled { WEL } else { 0 },
            0x9f if !busy => ID[(index as usize - 1) % 3],
            0x03 => memory(4),
            0x0b => memory(5),
            _ => 0xff,
        }
    }

    fn address(&self) -> u32 {
        let byte = |index: usize| u32::from(self.command.get(index).copied().unwrap_or(0));
        (byte(1) << 16 | byte(2) << 8 | byte(3)) % BYTES
    }

    /// Chip select rises: the command takes effect. Returns whether this model supports the command.
    pub(super) fn deselect(&mut self, fabric: &mut Fabric) -> bool {
        let command = std::mem::take(&mut self.command);
        let Some(opcode) = command.first().copied() else {
            return true;
        };
        if fabric.now() < self.busy_until {
            // While the flash is busy only the status can be read; anything else is ignored.
            return true;
        }
        let enabled = self.write_enabled;
        self.command = command;
        let (done, known) = match opcode {
            0x03 | 0x05 | 0x0b | 0x9f | 0xab | 0xb9 | 0x66 | 0x99 => (None, true),
            0x06 => {
                self.write_enabled = true;
                (None, true)
            }
            0x04 => {
                self.write_enabled = false;
                (None, true)
            }
            // Typical times of the datasheet, table 9.7.
            0x01 if enabled => {
                self.status = self.command.get(1).copied().unwrap_or(0) & 0xfc;
                (Some(VirtualTime::from_ms(2)), true)
            }
            0x02 if enabled => {
                self.program(fabric);
                (Some(VirtualTime::from_us(200)), true)
            }
            0x20 | 0xd7 if enabled => (self.erase(fabric, 0x1000, 70), true),
            0x52 if enabled => (self.erase(fabric, 0x8000, 100), true),
            0xd8 if enabled => (self.erase(fabric, 0x1_0000, 150), true),
            0x60 | 0xc7 if enabled => (self.erase(fabric, BYTES, 8_000), true),
            0x01 | 0x02 | 0x20 | 0xd7 | 0x52 | 0xd8 | 0x60 | 0xc7 => (None, true),
            _ => (None, false),
        };
        if let Some(span) = done {
            self.busy_until = fabric.now() + span;
            self.write_enabled = false;
        }
        self.command.clear();
        known
    }

    /// Programming clears bits, and wraps within the page.
    fn program(&self, fabric: &mut Fabric) {
        let start = self.address();
        let page = start & !(PAGE_BYTES - 1);
        for (index, byte) in self.command.iter().skip(4).enumerate() {
            let addr = BASE + page + (start + index as u32) % PAGE_BYTES;
            let mut old = [0];
            let memory = fabric.memory_mut();
            let done = memory
                .read(addr, &mut old)
                .and_then(|()| memory.write(addr, &[old[0] & byte]));
            debug_assert!(done.is_ok(), "the flash is a region of the chip");
        }
    }

    fn erase(&self, fabric: &mut Fabric, bytes: u32, typical_ms: u64) -> Option<VirtualTime> {
        let start = BASE + (self.address() & !(bytes - 1));
        let done = fabric.memory_mut().fill(start, bytes as usize, 0xff);
        debug_assert!(done.is_ok(), "the flash is a region of the chip");
        Some(VirtualTime::from_ms(typical_ms))
    }
}
