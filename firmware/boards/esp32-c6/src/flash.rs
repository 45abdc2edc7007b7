//! The flash after the image: records in its last four sectors, packages below them (assets/boards/esp32-c6.toml). They
//! are read through the MMU's mapping (5.3.4) and written by SPI1 commands, as the mask ROM's functions do. Unlike
//! those, the code that waits for the flash continues to read the link's UART.

use crate::{
    register::{SPI0, SPI1, read, write},
    uart,
};
use drydock_device::board::{Flash, FlashError, FlashGeometry};
use esp_hal::ram;

const SECTOR_BYTES: u32 = 4096;
/// In flash.
const RECORDS: u32 = 0x3F_C000;
const RECORDS_BYTES: u32 = 0x4000;
const PACKAGES: u32 = 0x20_0000;
const PACKAGES_BYTES: u32 = 0x1F_C000;

/// Address at which the upper half of the flash is mapped: beyond the largest possible image.
const WINDOW: u32 = 0x4280_0000;
const WINDOW_FLASH: u32 = PACKAGES;
const WINDOW_BYTES: u32 = 0x20_0000;
const MMU_PAGE_BYTES: u32 = 0x1_0000;
const MMU_FIRST: u32 = 0x4200_0000;
const MMU_VALID: u32 = 1 << 9;
const MMU_ITEM_CONTENT: u32 = SPI0 + 0x37C;
const MMU_ITEM_INDEX: u32 = SPI0 + 0x380;

const CMD: u32 = SPI1;
const ADDR: u32 = SPI1 + 0x04;
const RD_STATUS: u32 = SPI1 + 0x2C;
const W0: u32 = SPI1 + 0x58;
const FLASH_WREN: u32 = 1 << 30;
const FLASH_RDSR: u32 = 1 << 27;
const FLASH_PP: u32 = 1 << 25;
const FLASH_SE: u32 = 1 << 24;
/// Write in progress (status register 1 of every such flash).
const WIP: u32 = 1 << 0;
/// Maximum data of one command.
const BUFFER_BYTES: usize = 64;
/// A page of the flash: a command does not write beyond.
const PAGE_BYTES: u32 = 256;

unsafe extern "C" {
    // Functions of the mask ROM (esp-rom-sys has their addresses).
    fn Cache_Suspend_ICache() -> u32;
    fn Cache_Resume_ICache(autoload: u32);
    fn Cache_Invalidate_Addr(address: u32, bytes: u32) -> i32;
}

pub(crate) struct FlashRegions(());

impl FlashRegions {
    pub(crate) fn start() -> Self {
        esp_hal::riscv::interrupt::free(map);
        Self(())
    }
}

/// The address in flash of a range that lies within one of the regions.
fn place(offset: u32, len: u32) -> Option<u32> {
    let end = offset.checked_add(len)?;
    if end <= RECORDS_BYTES {
        Some(RECORDS + offset)
    } else if offset >= RECORDS_BYTES && end <= RECORDS_BYTES + PACKAGES_BYTES {
        Some(PACKAGES + offset - RECORDS_BYTES)
    } else {
        None
    }
}

fn shown(place: u32) -> u32 {
    WINDOW + (place - WINDOW_FLASH)
}

impl Flash for FlashRegions {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: SECTOR_BYTES,
            word_bytes: 4,
            record_units: RECORDS_BYTES / SECTOR_BYTES / 2,
            units: (RECORDS_BYTES + PACKAGES_BYTES) / SECTOR_BYTES,
        }
    }

    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8])) {
        if let Some(place) = place(offset, len) {
            // SAFETY: the range is mapped; nothing writes to it while it is lent, because only `self` writes and it is
            // not reentered.
            lend(unsafe { core::slice::from_raw_parts(shown(place) as *const u8, len as usize) });
        } else {
            lend(&[]);
        }
    }

    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let start = place(offset, data.len() as u32).ok_or(FlashError)?;
        if start % 4 != 0 || data.len() % 4 != 0 {
            return Err(FlashError);
        }
        let (mut at, mut rest) = (start, data);
        while !rest.is_empty() {
            let room = (PAGE_BYTES - at % PAGE_BYTES) as usize;
            let (now, later) = rest.split_at(rest.len().min(room).min(BUFFER_BYTES));
            // The data may itself lie in flash, which cannot be read meanwhile.
            let mut words = [0; BUFFER_BYTES / 4];
            for (word, bytes) in words.iter_mut().zip(now.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            esp_hal::riscv::interrupt::free(|| program(at, &words, now.len() as u32));
            at += now.len() as u32;
            rest = later;
        }
        // SAFETY: only earlier contents of the flash are discarded from the cache.
        unsafe { Cache_Invalidate_Addr(shown(start), data.len() as u32) };
        Ok(())
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        let start = place(offset, SECTOR_BYTES).ok_or(FlashError)?;
        if start % SECTOR_BYTES != 0 {
            return Err(FlashError);
        }
        esp_hal::riscv::interrupt::free(|| erase(start));
        // SAFETY: as in `write`.
        unsafe { Cache_Invalidate_Addr(shown(start), SECTOR_BYTES) };
        Ok(())
    }
}

/// Maps the pages of the upper half in the MMU.
#[ram]
fn map() {
    // SAFETY: a function of the ROM; this one and all it calls are in RAM, and nothing interrupts it.
    let autoload = unsafe { Cache_Suspend_ICache() };
    let mut page = 0;
    while page < WINDOW_BYTES / MMU_PAGE_BYTES {
        write(MMU_ITEM_INDEX, (WINDOW - MMU_FIRST) / MMU_PAGE_BYTES + page);
        write(MMU_ITEM_CONTENT, WINDOW_FLASH / MMU_PAGE_BYTES + page | MMU_VALID);
        page += 1;
    }
    // SAFETY: as above.
    unsafe { Cache_Resume_ICache(autoload) };
}

/// Writes bytes that lie in one page of the flash.
#[ram]
fn program(at: u32, words: &[u32; BUFFER_BYTES / 4], len: u32) {
    // SAFETY: as in `map`.
    let autoload = unsafe { Cache_Suspend_ICache() };
    command(FLASH_WREN);
    let mut index = 0;
    while index < BUFFER_BYTES as u32 / 4 {
        // SAFETY: the index is within the array; no bounds check that could panic, whose code is in flash.
        write(W0 + 4 * index, unsafe {
            words.as_ptr().add(index as usize).read_volatile()
        });
        index += 1;
    }
    write(ADDR, at | len << 24);
    command(FLASH_PP);
    wait();
    // SAFETY: as in `map`.
    unsafe { Cache_Resume_ICache(autoload) };
}

#[ram]
fn erase(at: u32) {
    // SAFETY: as in `map`.
    let autoload = unsafe { Cache_Suspend_ICache() };
    command(FLASH_WREN);
    write(ADDR, at);
    command(FLASH_SE);
    wait();
    // SAFETY: as in `map`.
    unsafe { Cache_Resume_ICache(autoload) };
}

#[inline(always)]
fn command(bit: u32) {
    write(CMD, bit);
    while read(CMD) != 0 {}
}

/// Until the flash is idle.
#[inline(always)]
fn wait() {
    loop {
        uart::drain();
        command(FLASH_RDSR);
        if read(RD_STATUS) & WIP == 0 {
            return;
        }
    }
}
