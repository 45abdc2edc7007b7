//! NVMC (PS 4.3): writes and erases flash and UICR with the real durations, and counts writes per word.

use std::collections::BTreeMap;

use super::block::{Bus, Peripheral};
use crate::core::fabric::{AccessFault, AccessSize};
use crate::machine::VirtualTime;

pub(super) const FLASH_BYTES: u32 = 0x10_0000;
pub(super) const UICR_BASE: u32 = 0x1000_1000;
pub(super) const UICR_BYTES: u32 = 0x1000;
const PAGE_BYTES: u32 = 4_096;

/// PS 4.3.10: t_WRITE 41 µs, t_ERASEPAGE 85 ms, t_ERASEALL 169 ms, n_WRITE 2 between erasures.
const WRITE: VirtualTime = VirtualTime::from_us(41);
const ERASE_PAGE_MS: u32 = 85;
const ERASE_ALL: VirtualTime = VirtualTime::from_ms(169);
const WRITES_PER_ERASE: u8 = 2;

/// CONFIG.WEN.
const WEN: u32 = 1;
const EEN: u32 = 2;

/// The controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Nvmc {
    config: u32,
    busy_until: VirtualTime,
    partial_ms: u32,
    icache: u32,
    /// Milliseconds of partial erasure a page has had.
    partial: BTreeMap<u32, u32>,
    /// Writes since the last erasure of each word of a page, for pages that the guest wrote to.
    writes: BTreeMap<u32, Box<Counts>>,
}

/// Two bits for each word of a page.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Counts(#[serde(with = "crate::core::array")] [u8; PAGE_BYTES as usize / 16]);

impl Nvmc {
    pub(super) fn new() -> Self {
        Self {
            config: 0,
            busy_until: VirtualTime::ZERO,
            partial_ms: 10,
            icache: 0,
            partial: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }

    /// Registers get their reset values; the wear of the flash stays.
    pub(super) fn reset(&mut self) {
        *self = Self {
            partial: std::mem::take(&mut self.partial),
            writes: std::mem::take(&mut self.writes),
            ..Self::new()
        };
    }

    /// The core stores to flash or UICR: a write, if enabled. It can only clear bits.
    pub(super) fn program(
        &mut self,
        bus: &mut Bus<'_>,
        addr: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        if self.config & 3 != WEN {
            return Err(AccessFault::Denied);
        }
        if size != AccessSize::Word {
            return Err(AccessFault::Width);
        }
        let old = bus.fabric.memory().read_u32(addr).map_err(|_| AccessFault::Unmapped)?;
        if self.count_write(addr, old) > WRITES_PER_ERASE {
            let fault = AccessFault::WornWord;
            bus.fabric.log_fault(addr, size, Some(value), fault);
        }
        let new = (old & value).to_le_bytes();
        let written = bus.fabric.memory_mut().write(addr, &new);
        written.map_err(|_| AccessFault::Unmapped)?;
        self.busy(bus, WRITE);
        Ok(())
    }

    /// Counts a write of the word at `addr`; returns how many there were since the last erasure.
    fn count_write(&mut self, addr: u32, old: u32) -> u8 {
        let counts = self
            .writes
            .entry(addr & !(PAGE_BYTES - 1))
            .or_insert_with(|| Box::new(Counts([0; PAGE_BYTES as usize / 16])));
        let word = (addr & (PAGE_BYTES - 1)) as usize / 4;
        let shift = word % 4 * 2;
        let count = &mut counts.0[word / 4];
        let before = match *count >> shift & 3 {
            // Not written by the guest, but not erased either: part of the image.
            0 if old != u32::MAX => 1,
            writes => writes,
        };
        let now = (before + 1).min(3);
        *count = *count & !(3 << shift) | now << shift;
        now
    }

    fn erase_page(&mut self, bus: &mut Bus<'_>, page: u32) -> Result<(), AccessFault> {
        let filled = bus.fabric.memory_mut().fill(page, PAGE_BYTES as usize, 0xff);
        filled.map_err(|_| AccessFault::Unmapped)?;
        self.writes.remove(&page);
        self.partial.remove(&page);
        Ok(())
    }

    /// ERASEPAGE and its variants: only with EEN, only at the start of a page of flash.
    fn erasable(&self, page: u32) -> Result<u32, AccessFault> {
        if self.config & 3 != EEN {
            return Err(AccessFault::Denied);
        }
        if page >= FLASH_BYTES || !page.is_multiple_of(PAGE_BYTES) {
            return Err(AccessFault::UnmodelledUse);
        }
        Ok(page)
    }

    fn erase_partially(&mut self, bus: &mut Bus<'_>, page: u32) -> Result<(), AccessFault> {
        let ms = self.partial_ms;
        let had = self.partial.entry(page).or_insert(0);
        *had += ms;
        if *had >= ERASE_PAGE_MS {
            self.erase_page(bus, page)?;
        }
        self.busy(bus, VirtualTime::from_ms(u64::from(ms)));
        Ok(())
    }

    /// The core waits, because it executes from the busy flash (PS 4.3.1).
    fn busy(&mut self, bus: &mut Bus<'_>, span: VirtualTime) {
        self.busy_until = bus.now() + span;
        let executes_from_it = bus.fabric.pc() < FLASH_BYTES;
        bus.fabric.flash_is_busy(self.busy_until, executes_from_it);
    }
}

impl Peripheral for Nvmc {
    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            // READY, READYNEXT
            0x400 | 0x408 => u32::from(bus.now() >= self.busy_until),
            0x504 => self.config,
            0x51c => self.partial_ms,
            0x540 => self.icache,
            // The cache is not modelled, so any numbers of hits and misses would be invented.
            0x548 | 0x54c => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x400 | 0x408 => return Err(AccessFault::Denied),
            0x504 if value & 3 == 3 => return Err(AccessFault::UnmodelledUse),
            0x504 => self.config = value & 3,
            // ERASEPAGE, ERASEPCR1, ERASEPCR0
            0x508 | 0x510 => {
                let page = self.erasable(value)?;
                self.erase_page(bus, page)?;
                self.busy(bus, VirtualTime::from_ms(u64::from(ERASE_PAGE_MS)));
            }
            // ERASEALL
            0x50c if value & 1 != 0 => {
                self.erasable(0)?;
                for page in (0..FLASH_BYTES).step_by(PAGE_BYTES as usize) {
                    self.erase_page(bus, page)?;
                }
                self.erase_page(bus, UICR_BASE)?;
                self.busy(bus, ERASE_ALL);
            }
            // ERASEUICR
            0x514 if value & 1 != 0 => {
                self.erasable(0)?;
                self.erase_page(bus, UICR_BASE)?;
                self.busy(bus, VirtualTime::from_ms(u64::from(ERASE_PAGE_MS)));
            }
            0x50c | 0x514 => {}
            0x518 => {
                let page = self.erasable(value)?;
                self.erase_partially(bus, page)?;
            }
            0x51c => self.partial_ms = (value & 0x7f).max(1),
            0x540 => self.icache = value & 0x101,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
