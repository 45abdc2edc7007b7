//! The flash after the image: records in the last four pages, packages below them (assets/boards/nano33ble.toml),
//! written through NVMC (4.3).

use core::{
    cell::Cell,
    sync::atomic::{Ordering, compiler_fence},
};
use drydock_device::board::{Flash, FlashError, FlashGeometry};
use nrf52840_pac::NVMC;

const PAGE_BYTES: u32 = 4096;
const RECORDS: u32 = 0xF_C000;
const RECORDS_BYTES: u32 = 0x4000;
const PACKAGES: u32 = 0xA_0000;
const PACKAGES_BYTES: u32 = 0x5_C000;

/// Length of one part of an erasure, in milliseconds; with a deviation of 5 % (t_ERASEPAGEPARTIAL,acc) within the
/// device's limit.
const PART_MS: u32 = 10;
/// Number of parts that together take t_ERASEPAGE, 85 ms.
const PARTS: u32 = 85_u32.div_ceil(PART_MS);

pub(crate) struct FlashRegions {
    nvmc: NVMC,
    /// The page that is being erased in parts, and the number of completed parts.
    part: Cell<(u32, u32)>,
}

impl FlashRegions {
    pub(crate) fn new(nvmc: NVMC) -> Self {
        // SAFETY: DURATION takes 7 bits of milliseconds.
        nvmc.erasepagepartialcfg.write(|w| unsafe { w.bits(PART_MS) });
        Self {
            nvmc,
            part: Cell::new((0, 0)),
        }
    }

    fn wait(&self) {
        while self.nvmc.ready.read().ready().is_busy() {}
    }

    fn read_only(&self) {
        self.nvmc.config.write(|w| w.wen().ren());
        compiler_fence(Ordering::SeqCst);
    }
}

/// The address of a range that lies within one of the regions.
fn address(offset: u32, len: u32) -> Option<u32> {
    let end = offset.checked_add(len)?;
    if end <= RECORDS_BYTES {
        Some(RECORDS + offset)
    } else if offset >= RECORDS_BYTES && end <= RECORDS_BYTES + PACKAGES_BYTES {
        Some(PACKAGES + offset - RECORDS_BYTES)
    } else {
        None
    }
}

/// The address of a page of the regions.
fn page(offset: u32) -> Result<u32, FlashError> {
    match address(offset, PAGE_BYTES) {
        Some(start) if start % PAGE_BYTES == 0 => Ok(start),
        _ => Err(FlashError),
    }
}

impl Flash for FlashRegions {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: PAGE_BYTES,
            word_bytes: 4,
            record_units: RECORDS_BYTES / PAGE_BYTES / 2,
            units: (RECORDS_BYTES + PACKAGES_BYTES) / PAGE_BYTES,
        }
    }

    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8])) {
        if let Some(address) = address(offset, len) {
            // SAFETY: the range is flash; nothing writes to it while it is lent, because only `self` writes and it is
            // not reentered.
            lend(unsafe { core::slice::from_raw_parts(address as *const u8, len as usize) });
        } else {
            lend(&[]);
        }
    }

    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let start = address(offset, data.len() as u32).ok_or(FlashError)?;
        if start % 4 != 0 || data.len() % 4 != 0 {
            return Err(FlashError);
        }
        self.nvmc.config.write(|w| w.wen().wen());
        for (index, word) in data.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let at = (start as usize + 4 * index) as *mut u32;
            // SAFETY: `at` is an aligned word of the regions, and NVMC is ready to write it.
            unsafe { at.write_volatile(word) };
            self.wait();
        }
        self.read_only();
        Ok(())
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        let start = page(offset)?;
        self.nvmc.config.write(|w| w.wen().een());
        // SAFETY: the page is one of the regions.
        self.nvmc.erasepage().write(|w| unsafe { w.bits(start) });
        self.wait();
        self.read_only();
        self.part.set((0, 0));
        Ok(())
    }

    fn erase_in_part(&self, offset: u32) -> Result<bool, FlashError> {
        let start = page(offset)?;
        self.nvmc.config.write(|w| w.wen().een());
        // SAFETY: the page is one of the regions.
        self.nvmc.erasepagepartial.write(|w| unsafe { w.bits(start) });
        self.wait();
        self.read_only();
        let parts = match self.part.get() {
            (page, parts) if page == start => parts + 1,
            _ => 1,
        };
        self.part.set((start, parts % PARTS));
        Ok(parts == PARTS)
    }
}
