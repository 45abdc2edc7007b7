//! Serial EEPROMs 24C02, 24C32 and 24C256 (Microchip 24LC02B DS20001709, 24LC32A DS20001713, 24LC256 DS21203): one or two
//! bytes of address, pages that wrap, and a write cycle during which the part does not answer.
//!
//! The write cycle takes its longest time, 5 ms, so that a program that waits too briefly fails here too. A new part is erased.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::model::{I2cPart, PartModel};
use crate::machine::VirtualTime;

/// T_WC.
const WRITE_CYCLE: VirtualTime = VirtualTime::from_ms(5);

/// The memory.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Eeprom {
    memory: Memory,
    page_bytes: u32,
    address_bytes: u8,
    /// WP is high: bytes are acknowledged, and nothing is written.
    write_protect: Millionths,
    pointer: u32,
    /// Bytes of the address that are still to come in this transfer.
    awaited: u8,
    /// Bytes for the page of `pointer`, written by STOP.
    pending: Vec<(u32, u8)>,
    busy_until: VirtualTime,
}

impl Eeprom {
    pub(super) fn new(bytes: u32, page_bytes: u32, address_bytes: u8) -> Self {
        Self {
            memory: Memory::new(bytes),
            page_bytes,
            address_bytes,
            write_protect: Millionths::default(),
            pointer: 0,
            awaited: 0,
            pending: Vec::new(),
            busy_until: VirtualTime::ZERO,
        }
    }

    /// Addresses beyond the end wrap: the upper bits are not decoded.
    fn wrap(&self, address: u32) -> u32 {
        address % self.memory.len()
    }
}

impl PartModel for Eeprom {
    /// The address counter is lost, and a page that was not written yet; the memory stays.
    fn power_on(&mut self, _now: VirtualTime) {
        self.pointer = 0;
        self.awaited = 0;
        self.pending.clear();
        self.busy_until = VirtualTime::ZERO;
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "write_protect" => self.write_protect,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, _now: VirtualTime, property: &str, value: Millionths) {
        if property == "write_protect" {
            self.write_protect = value;
        }
    }

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        Some(self)
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.memory)
    }

    fn load(&mut self, _now: VirtualTime, content: &[u8]) -> Result<(), String> {
        let bytes = self.memory.len();
        self.memory.load(content, bytes);
        Ok(())
    }
}

impl I2cPart for Eeprom {
    fn start(&mut self, now: VirtualTime, _address: u8, read: bool) -> bool {
        // A repeated START ends a write without its cycle.
        self.pending.clear();
        self.awaited = if read { 0 } else { self.address_bytes };
        now >= self.busy_until
    }

    fn write(&mut self, _now: VirtualTime, byte: u8) -> bool {
        if self.awaited > 0 {
            let before = if self.awaited == self.address_bytes {
                0
            } else {
                self.pointer
            };
            self.awaited -= 1;
            self.pointer = before << 8 | u32::from(byte);
            if self.awaited == 0 {
                self.pointer = self.wrap(self.pointer);
            }
            return true;
        }
        self.pending.push((self.pointer, byte));
        // Within its page the address wraps, and a later byte replaces an earlier one.
        let page = self.pointer / self.page_bytes * self.page_bytes;
        self.pointer = page + (self.pointer + 1) % self.page_bytes;
        true
    }

    fn read(&mut self, _now: VirtualTime) -> u8 {
        let byte = self.memory.byte(self.pointer);
        self.pointer = self.wrap(self.pointer + 1);
        byte
    }

    fn stop(&mut self, now: VirtualTime) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() || self.write_protect.0 >= 500_000 {
            return;
        }
        for (address, byte) in pending {
            self.memory.update(address, |_| byte);
        }
        self.busy_until = now + WRITE_CYCLE;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parts, read, write};
    use super::*;

    const ADDRESS: u8 = 0x50;

    fn ms(ms: u64) -> VirtualTime {
        VirtualTime::from_ms(ms)
    }

    #[test]
    fn a_page_wraps_and_the_whole_memory_does() {
        // Kind, page, bytes of address, size
        for (kind, page, address_bytes, size) in
            [("24c02", 8, 1, 256), ("24c32", 32, 2, 4_096), ("24c256", 64, 2, 32_768)]
        {
            let mut parts = parts(&[kind]);
            let at = |address: usize| address.to_be_bytes()[8 - address_bytes..].to_vec();
            assert_eq!(read(&mut parts, ms(0), ADDRESS, &at(0), 2), [0xff, 0xff], "erased");
            // Two bytes fit before the end of the page, the third goes to its beginning.
            let bytes = [at(2 * page - 2), vec![1, 2, 3]].concat();
            assert_eq!(write(&mut parts, ms(1), ADDRESS, &bytes), 1 + bytes.len());
            assert_eq!(
                read(&mut parts, ms(7), ADDRESS, &at(2 * page - 2), 3),
                [1, 2, 0xff],
                "{kind}"
            );
            assert_eq!(read(&mut parts, ms(7), ADDRESS, &at(page), 2), [3, 0xff]);
            write(&mut parts, ms(8), ADDRESS, &[at(size - 1), vec![7]].concat());
            write(&mut parts, ms(20), ADDRESS, &[at(0), vec![8]].concat());
            assert_eq!(read(&mut parts, ms(30), ADDRESS, &at(size - 1), 2), [7, 8]);
        }
    }

    #[test]
    fn a_write_cycle_takes_its_time() {
        let mut parts = parts(&["24c256"]);
        assert_eq!(write(&mut parts, ms(0), ADDRESS, &[0, 0, 5]), 4);
        let almost = VirtualTime::from_us(4_999);
        assert_eq!(write(&mut parts, almost, ADDRESS, &[]), 0, "it does not answer");
        assert_eq!(write(&mut parts, ms(5), ADDRESS, &[]), 1);
        // An address alone begins no cycle, and a repeated START ends a write without one.
        write(&mut parts, ms(6), ADDRESS, &[0, 0]);
        assert_eq!(write(&mut parts, ms(6), ADDRESS, &[]), 1);
        assert_eq!(
            read(&mut parts, ms(6), ADDRESS, &[0, 0, 9], 1),
            [0xff],
            "behind the byte that was not written"
        );
        assert_eq!(read(&mut parts, ms(6), ADDRESS, &[0, 0], 1), [5]);
    }

    #[test]
    fn the_memory_survives_a_power_cycle_and_its_protection_holds() {
        let mut parts = parts(&["24c256"]);
        write(&mut parts, ms(0), ADDRESS, &[0x12, 0x34, 5]);
        parts.power_cycle(ms(9));
        assert_eq!(read(&mut parts, ms(10), ADDRESS, &[0x12, 0x34], 1), [5]);
        parts
            .set(ms(10), "24c256", "write_protect", Millionths(1_000_000))
            .unwrap();
        assert_eq!(write(&mut parts, ms(11), ADDRESS, &[0x12, 0x34, 6]), 4, "acknowledged");
        assert_eq!(
            read(&mut parts, ms(11), ADDRESS, &[0x12, 0x34], 1),
            [5],
            "at once, and unchanged"
        );
    }
}
