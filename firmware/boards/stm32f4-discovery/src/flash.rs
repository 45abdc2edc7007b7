//! The flash around the image (chapter 3; assets/boards/stm32f4-discovery.toml): records in sectors 1 and 2 of 16 KiB,
//! packages in sectors 9 to 11 of 128 KiB, each of which holds several. Sector 3 is not used.

use crate::register::Register;
use drydock_device::board::{Flash, FlashError, FlashGeometry, Sectors};

const KEYR: Register = Register(0x4002_3C04);
const SR: Register = Register(0x4002_3C0C);
const CR: Register = Register(0x4002_3C10);
const KEYS: [u32; 2] = [0x4567_0123, 0xCDEF_89AB];
const BSY: u32 = 1 << 16;
/// OPERR, WRPERR, PGAERR, PGPERR, PGSERR.
const ERRORS: u32 = 0b1111_0010;
const PG: u32 = 1 << 0;
const SER: u32 = 1 << 1;
const STRT: u32 = 1 << 16;
const LOCK: u32 = 1 << 31;
/// 32 bits at a time, at 2.7 to 3.6 V (table 11).
const PSIZE: u32 = 0b10 << 8;

const RECORDS: u32 = 0x0800_4000;
const RECORD_SECTOR: u32 = 1;
const RECORD_SECTOR_BYTES: u32 = 0x4000;
const RECORDS_BYTES: u32 = 2 * RECORD_SECTOR_BYTES;
const PACKAGES: u32 = 0x080A_0000;
const PACKAGE_SECTOR: u32 = 9;
const PACKAGE_SECTOR_BYTES: u32 = 0x2_0000;
const PACKAGES_BYTES: u32 = 3 * PACKAGE_SECTOR_BYTES;
/// Packages begin at multiples of this.
const UNIT_BYTES: u32 = 4096;

pub(crate) struct FlashRegions;

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

/// The sector that begins at an offset.
fn sector(offset: u32) -> Option<u32> {
    if offset < RECORDS_BYTES {
        let whole = offset.is_multiple_of(RECORD_SECTOR_BYTES);
        return whole.then(|| RECORD_SECTOR + offset / RECORD_SECTOR_BYTES);
    }
    let within = offset - RECORDS_BYTES;
    let whole = within < PACKAGES_BYTES && within.is_multiple_of(PACKAGE_SECTOR_BYTES);
    whole.then(|| PACKAGE_SECTOR + within / PACKAGE_SECTOR_BYTES)
}

/// Runs work with the control register unlocked, and returns the result of the hardware.
fn unlocked(work: impl FnOnce()) -> Result<(), FlashError> {
    for key in KEYS {
        KEYR.write(key);
    }
    SR.write(ERRORS);
    work();
    wait();
    let failed = SR.read() & ERRORS != 0;
    CR.write(LOCK);
    if failed { Err(FlashError) } else { Ok(()) }
}

fn wait() {
    while SR.read() & BSY != 0 {}
}

impl Flash for FlashRegions {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: UNIT_BYTES,
            word_bytes: 4,
            record_units: RECORD_SECTOR_BYTES / UNIT_BYTES,
            units: (RECORDS_BYTES + PACKAGES_BYTES) / UNIT_BYTES,
        }
    }

    fn sectors(&self) -> Sectors {
        Sectors {
            record_units: RECORD_SECTOR_BYTES / UNIT_BYTES,
            package_units: PACKAGE_SECTOR_BYTES / UNIT_BYTES,
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
        if !start.is_multiple_of(4) || !data.len().is_multiple_of(4) {
            return Err(FlashError);
        }
        unlocked(|| {
            CR.write(PSIZE | PG);
            for (index, word) in data.chunks_exact(4).enumerate() {
                let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                Register(start + 4 * index as u32).write(word);
                wait();
            }
        })
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        let sector = sector(offset).ok_or(FlashError)?;
        unlocked(|| {
            CR.write(PSIZE | SER | sector << 3);
            CR.set(STRT);
        })
    }
}
