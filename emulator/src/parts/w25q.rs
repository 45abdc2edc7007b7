//! Winbond W25Q32JV (datasheet rev. G): 4 MiB of flash on SPI, with the typical times of 9.6.
//!
//! Not modelled: dual and quad transfers, block protection, security registers, suspend. A command that is not modelled is
//! answered with zeros, as an unknown one is on silicon.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::model::{PartModel, SpiPart};
use crate::machine::VirtualTime;

const BYTES: u32 = 4 << 20;
const SECTOR: u32 = 4_096;
const PAGE: u32 = 256;
/// 9Fh: manufacturer, type, capacity.
const JEDEC_ID: [u8; 3] = [0xef, 0x40, 0x16];
/// ABh and 90h.
const DEVICE_ID: u8 = 0x15;
const UNIQUE_ID: [u8; 8] = [0xd1, 0x64, 0x50, 0x51, 0x2b, 0x1f, 0x30, 0x2a];
const T_PP: VirtualTime = VirtualTime::from_us(400);
const T_SE: VirtualTime = VirtualTime::from_ms(45);
const T_BE1: VirtualTime = VirtualTime::from_ms(120);
const T_BE2: VirtualTime = VirtualTime::from_ms(150);
const T_CE: VirtualTime = VirtualTime::from_seconds(10);

/// The memory.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct W25q {
    memory: Memory,
    /// Bytes since the select pin fell.
    heard: u32,
    command: u8,
    address: u32,
    /// Bytes for the page of `address`.
    page: Vec<u8>,
    write_enabled: bool,
    busy_until: VirtualTime,
    powered_down: bool,
    /// 66h came just before.
    reset_enabled: bool,
    /// What is on the bus is ignored until the select pin falls again: the part was busy or asleep.
    deaf: bool,
}

impl Default for W25q {
    fn default() -> Self {
        Self::with(Memory::new(BYTES))
    }
}

impl W25q {
    /// At power-on, with this content.
    fn with(memory: Memory) -> Self {
        Self {
            memory,
            heard: 0,
            command: 0,
            address: 0,
            page: Vec::new(),
            write_enabled: false,
            busy_until: VirtualTime::ZERO,
            powered_down: false,
            reset_enabled: false,
            deaf: false,
        }
    }

    fn byte(&self, address: u32) -> u8 {
        self.memory.byte(address)
    }

    fn program(&mut self) {
        let first = self.address / PAGE * PAGE;
        for (index, byte) in std::mem::take(&mut self.page).into_iter().enumerate() {
            // Behind the end of the page it goes on at its beginning.
            let address = first + (self.address + index as u32) % PAGE;
            self.memory.update(address, |old| old & byte);
        }
    }

    fn erase(&mut self, bytes: u32) {
        self.memory.erase(self.address % BYTES / bytes * bytes, bytes);
    }

    /// The select pin rose: the command is carried out.
    fn carry_out(&mut self, now: VirtualTime) {
        let (command, heard) = (self.command, self.heard);
        let was_reset_enabled = std::mem::replace(&mut self.reset_enabled, command == 0x66 && heard == 1);
        let whole_address = heard == 4;
        let time = match command {
            0x06 if heard == 1 => {
                self.write_enabled = true;
                return;
            }
            0x04 if heard == 1 => {
                self.write_enabled = false;
                return;
            }
            0xb9 if heard == 1 => {
                self.powered_down = true;
                return;
            }
            0xab => {
                self.powered_down = false;
                return;
            }
            0x99 if heard == 1 && was_reset_enabled => {
                self.write_enabled = false;
                return;
            }
            _ if !self.write_enabled => return,
            0x02 if heard > 4 => {
                self.program();
                T_PP
            }
            0x20 if whole_address => {
                self.erase(SECTOR);
                T_SE
            }
            0x52 if whole_address => {
                self.erase(8 * SECTOR);
                T_BE1
            }
            0xd8 if whole_address => {
                self.erase(16 * SECTOR);
                T_BE2
            }
            0x60 | 0xc7 if heard == 1 => {
                self.memory.erase(0, BYTES);
                T_CE
            }
            _ => return,
        };
        self.write_enabled = false;
        self.busy_until = now + time;
    }
}

impl PartModel for W25q {
    fn power_on(&mut self, _now: VirtualTime) {
        *self = Self::with(std::mem::replace(&mut self.memory, Memory::new(BYTES)));
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        Millionths::default()
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn spi(&mut self) -> Option<&mut dyn SpiPart> {
        Some(self)
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.memory)
    }

    fn load(&mut self, _now: VirtualTime, content: &[u8]) -> Result<(), String> {
        self.memory.load(content, BYTES);
        Ok(())
    }
}

impl SpiPart for W25q {
    fn select(&mut self, now: VirtualTime, selected: bool) {
        if selected {
            self.heard = 0;
            self.page.clear();
            self.deaf = false;
        } else if self.heard > 0 && !self.deaf {
            self.carry_out(now);
        }
    }

    fn transfer(&mut self, now: VirtualTime, byte: u8) -> u8 {
        let index = self.heard;
        self.heard = self.heard.saturating_add(1);
        let is_busy = now < self.busy_until;
        if index == 0 {
            self.command = byte;
            self.address = 0;
            // While it is busy it tells its status only; asleep it hears only that it is to wake.
            self.deaf = is_busy && !matches!(byte, 0x05 | 0x35 | 0x15) || self.powered_down && byte != 0xab;
            return 0;
        }
        if self.deaf {
            return 0;
        }
        let has_address = matches!(self.command, 0x02 | 0x03 | 0x0b | 0x20 | 0x52 | 0xd8 | 0x90);
        if has_address && index <= 3 {
            self.address = self.address << 8 | u32::from(byte);
            return 0;
        }
        let place = |first: u32| (index - first) as usize;
        match self.command {
            0x05 => u8::from(is_busy) | u8::from(self.write_enabled) << 1,
            0x9f => JEDEC_ID.get(place(1)).copied().unwrap_or(0),
            0xab if index >= 4 => DEVICE_ID,
            0x90 => [JEDEC_ID[0], DEVICE_ID][place(4) % 2],
            0x4b if index >= 5 => UNIQUE_ID[place(5) % UNIQUE_ID.len()],
            0x03 => self.byte(self.address.wrapping_add(index - 4)),
            0x0b if index >= 5 => self.byte(self.address.wrapping_add(index - 5)),
            0x02 => {
                if self.page.len() == PAGE as usize {
                    // More than a page: the first bytes are lost.
                    self.page.remove(0);
                    self.address = self.address / PAGE * PAGE + (self.address + 1) % PAGE;
                }
                self.page.push(byte);
                0
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::super::{Parts, SpiPins};
    use super::*;

    /// The header's bus of the Nano 33 BLE, and its select pin.
    const BUS: SpiPins = SpiPins {
        sck: 13,
        mosi: Some(33),
        miso: Some(40),
    };
    const SELECT: u16 = 34;

    fn us(us: u64) -> VirtualTime {
        VirtualTime::from_us(us)
    }

    /// Sends bytes while it is selected; returns its answer to the last `count`.
    fn transfer(parts: &mut Parts, now: VirtualTime, bytes: &[u8], count: usize) -> Vec<u8> {
        parts.pin_changed(now, SELECT, Some(false));
        for byte in bytes {
            parts.spi_transfer(now, BUS, *byte);
        }
        let answer = (0..count).map(|_| parts.spi_transfer(now, BUS, 0)).collect();
        parts.pin_changed(now, SELECT, Some(true));
        answer
    }

    #[test]
    fn it_says_who_it_is_to_the_controller_that_selects_it() {
        let mut parts = parts(&["w25q32"]);
        assert_eq!(transfer(&mut parts, us(0), &[0x9f], 3), JEDEC_ID);
        assert_eq!(transfer(&mut parts, us(0), &[0x90, 0, 0, 0], 2), [0xef, 0x15]);
        assert_eq!(transfer(&mut parts, us(0), &[0x4b, 0, 0, 0, 0], 8), UNIQUE_ID);
        assert_eq!(parts.spi_transfer(us(0), BUS, 0x9f), 0, "not selected");
        parts.pin_changed(us(0), SELECT, Some(false));
        let other = SpiPins { sck: 12, ..BUS };
        assert_eq!(
            [0x9f, 0].map(|byte| parts.spi_transfer(us(0), other, byte)),
            [0, 0],
            "another clock"
        );
        let silent = SpiPins { miso: None, ..BUS };
        assert_eq!(
            [0x9f, 0].map(|byte| parts.spi_transfer(us(0), silent, byte)),
            [0, 0],
            "its line is not heard"
        );
    }

    #[test]
    fn pages_are_programmed_and_sectors_erased_in_their_time() {
        let mut parts = parts(&["w25q32"]);
        let read = |parts: &mut Parts, now, address: u32, count| {
            let [_, high, middle, low] = address.to_be_bytes();
            transfer(parts, us(now), &[0x03, high, middle, low], count)
        };
        transfer(&mut parts, us(0), &[0x02, 0, 0x10, 0xfe, 1, 2, 3], 0);
        assert_eq!(read(&mut parts, 1, 0x10fe, 2), [0xff, 0xff], "not enabled");
        transfer(&mut parts, us(2), &[0x06], 0);
        assert_eq!(transfer(&mut parts, us(2), &[0x05], 1), [2]);
        transfer(&mut parts, us(3), &[0x02, 0, 0x10, 0xfe, 1, 2, 3], 0);
        assert_eq!(transfer(&mut parts, us(402), &[0x05], 1), [1], "busy");
        assert_eq!(read(&mut parts, 402, 0x10fe, 1), [0], "and deaf");
        assert_eq!(transfer(&mut parts, us(403), &[0x05], 1), [0]);
        assert_eq!(read(&mut parts, 403, 0x10fe, 3), [1, 2, 0xff]);
        assert_eq!(read(&mut parts, 403, 0x1000, 1), [3], "behind the end of its page");
        assert_eq!(transfer(&mut parts, us(403), &[0x0b, 0, 0x10, 0xfe, 0], 2), [1, 2]);
        // Bits are only cleared.
        transfer(&mut parts, us(500), &[0x06], 0);
        transfer(&mut parts, us(500), &[0x02, 0, 0x10, 0xff, 0xf1], 0);
        assert_eq!(read(&mut parts, 1_000, 0x10ff, 1), [0]);
        parts.power_cycle(us(1_000));
        transfer(&mut parts, us(1_001), &[0x06], 0);
        transfer(&mut parts, us(1_001), &[0x20, 0, 0x1f, 0xff], 0);
        assert_eq!(transfer(&mut parts, us(46_000), &[0x05], 1), [1]);
        assert_eq!(transfer(&mut parts, us(46_001), &[0x05], 1), [0]);
        assert_eq!(read(&mut parts, 46_001, 0x10fe, 2), [0xff, 0xff]);
    }

    #[test]
    fn asleep_it_hears_only_that_it_is_to_wake() {
        let mut parts = parts(&["w25q32"]);
        transfer(&mut parts, us(0), &[0xb9], 0);
        assert_eq!(transfer(&mut parts, us(1), &[0x9f], 1), [0]);
        transfer(&mut parts, us(2), &[0xab], 0);
        assert_eq!(transfer(&mut parts, us(3), &[0x9f], 1), [0xef]);
    }
}
