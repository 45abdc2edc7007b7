//! The store: RAM after the image. It survives a reset but not a power cut; the engine restores its contents at start
//! (assets/qemu/mps2-an386.toml).

use drydock_device::board::{Flash, FlashError, FlashGeometry};

const UNIT_BYTES: u32 = 4096;
const RECORDS: u32 = 0x3F_C000;
const RECORDS_BYTES: u32 = 0x4000;
const PACKAGES: u32 = 0x3B_C000;
const PACKAGES_BYTES: u32 = 0x4_0000;

pub(crate) struct RamStore;

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

impl Flash for RamStore {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: UNIT_BYTES,
            word_bytes: 4,
            record_units: RECORDS_BYTES / UNIT_BYTES / 2,
            units: (RECORDS_BYTES + PACKAGES_BYTES) / UNIT_BYTES,
        }
    }

    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8])) {
        if let Some(address) = address(offset, len) {
            // SAFETY: the range is after the image; nothing writes to it while it is lent, because only `self` writes
            // and it is not reentered.
            lend(unsafe { core::slice::from_raw_parts(address as *const u8, len as usize) });
        } else {
            lend(&[]);
        }
    }

    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let start = address(offset, data.len() as u32).ok_or(FlashError)?;
        if !start.is_multiple_of(4) || !data.len().is_multiple_of(4) {
            return Err(FlashError);
        }
        // SAFETY: the range is after the image, and it is not lent.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), start as *mut u8, data.len()) };
        Ok(())
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        let start = address(offset, UNIT_BYTES).ok_or(FlashError)?;
        if !start.is_multiple_of(UNIT_BYTES) {
            return Err(FlashError);
        }
        // SAFETY: as above.
        unsafe { core::ptr::write_bytes(start as *mut u8, 0xFF, UNIT_BYTES as usize) };
        Ok(())
    }
}
