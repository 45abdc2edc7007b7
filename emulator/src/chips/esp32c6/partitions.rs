//! The partition table in flash, and which app it selects (ESP-IDF Programming Guide, "Partition Tables" and "Over The Air
//! Updates"): what the second-stage bootloader reads before it starts an app. Flash may hold anything.

use super::rom::crc32_le;

/// Where ESP-IDF has the table.
pub(super) const TABLE: u32 = 0x8000;
pub(super) const TABLE_BYTES: usize = 0xc00;
const ENTRY_BYTES: usize = 32;
const MAGIC: [u8; 2] = [0xaa, 0x50];
/// Type and first subtypes of apps; of the data that selects one.
const APP: u8 = 0;
const FACTORY: u8 = 0;
const OTA_0: u8 = 0x10;
const OTA_LAST: u8 = 0x1f;
const DATA: u8 = 1;
const OTA_DATA: u8 = 0;
/// A selection lies at the beginning of each of the two sectors.
const SECTOR: u32 = 0x1000;
const SELECTION_BYTES: usize = 32;
/// States of a selection that was given up.
const INVALID: u32 = 3;
const ABORTED: u32 = 4;

/// A part of flash, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// The apps of a table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Apps {
    factory: Option<Partition>,
    /// By their number; those that the table leaves out are not counted.
    ota: Vec<Partition>,
    selections: Option<Partition>,
}

/// The app that flash says is to be started; `None` without a table that has one. `read` reads flash, `None` where there is
/// none.
pub(super) fn selected(read: impl Fn(u32, &mut [u8]) -> Option<()>) -> Option<Partition> {
    let mut table = [0; TABLE_BYTES];
    read(TABLE, &mut table)?;
    let apps = apps(&table);
    let sequence = apps.selections.and_then(|data| {
        let sectors = [0, SECTOR].into_iter().filter(|at| at + SECTOR <= data.bytes);
        let selections = sectors.filter_map(|at| {
            let mut selection = [0; SELECTION_BYTES];
            read(data.offset.checked_add(at)?, &mut selection)?;
            sequence(&selection)
        });
        selections.max()
    });
    let count = apps.ota.len() as u32;
    let by_update = sequence
        .filter(|_| count > 0)
        .map(|sequence| apps.ota[((sequence - 1) % count) as usize]);
    by_update.or(apps.factory).or(apps.ota.first().copied())
}

fn apps(table: &[u8]) -> Apps {
    let mut apps = Apps::default();
    let mut ota = Vec::new();
    for entry in table.chunks_exact(ENTRY_BYTES) {
        if !entry.starts_with(&MAGIC) {
            break;
        }
        let partition = Partition {
            offset: word(entry, 4),
            bytes: word(entry, 8),
        };
        match (entry[2], entry[3]) {
            (APP, FACTORY) => apps.factory = Some(partition),
            (APP, number @ OTA_0..=OTA_LAST) => ota.push((number, partition)),
            (DATA, OTA_DATA) => apps.selections = Some(partition),
            _ => {}
        }
    }
    ota.sort_by_key(|(number, _)| *number);
    apps.ota = ota.into_iter().map(|(_, partition)| partition).collect();
    apps
}

/// The number of a selection, from 1, if it is one that counts.
fn sequence(selection: &[u8]) -> Option<u32> {
    let (sequence, state, crc) = (word(selection, 0), word(selection, 24), word(selection, 28));
    let is_sound = crc == crc32_le(u32::MAX, &sequence.to_le_bytes());
    (is_sound && sequence != 0 && sequence != u32::MAX && state != INVALID && state != ABORTED).then_some(sequence)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(kind: u8, subtype: u8, offset: u32, bytes: u32) -> Vec<u8> {
        let mut entry = MAGIC.to_vec();
        entry.extend([kind, subtype]);
        entry.extend(offset.to_le_bytes());
        entry.extend(bytes.to_le_bytes());
        entry.resize(ENTRY_BYTES, 0);
        entry
    }

    fn flash(entries: &[Vec<u8>], selections: &[(u32, u32, bool)]) -> Vec<u8> {
        let mut flash = vec![0xff; 0x2_0000];
        let table = entries.concat();
        flash[TABLE as usize..][..table.len()].copy_from_slice(&table);
        for (sector, (sequence, state, is_sound)) in selections.iter().enumerate() {
            let at = 0xd000 + sector * SECTOR as usize;
            let crc = crc32_le(u32::MAX, &sequence.to_le_bytes()) ^ u32::from(!is_sound);
            flash[at..at + 4].copy_from_slice(&sequence.to_le_bytes());
            flash[at + 24..at + 28].copy_from_slice(&state.to_le_bytes());
            flash[at + 28..at + 32].copy_from_slice(&crc.to_le_bytes());
        }
        flash
    }

    fn select(flash: &[u8]) -> Option<u32> {
        let read = |at: u32, bytes: &mut [u8]| {
            let from = flash.get(at as usize..at as usize + bytes.len())?;
            bytes.copy_from_slice(from);
            Some(())
        };
        selected(read).map(|app| app.offset)
    }

    #[test]
    fn the_app_is_the_factorys_or_the_one_that_an_update_selected() {
        let factory = entry(0, 0, 0x1_0000, 0x10_0000);
        let data = entry(1, 0, 0xd000, 0x2000);
        // Out of order, as a table may be.
        let ota = [
            entry(0, 0x11, 0x30_0000, 0x10_0000),
            entry(0, 0x10, 0x20_0000, 0x10_0000),
        ]
        .concat();
        let all = [factory.clone(), data.clone(), ota.clone()];
        assert_eq!(select(&flash(&all, &[])), Some(0x1_0000));
        assert_eq!(
            select(&flash(&[data, ota], &[])),
            Some(0x20_0000),
            "without a factory app"
        );
        let new = 0;
        assert_eq!(select(&flash(&all, &[(1, new, true)])), Some(0x20_0000));
        assert_eq!(select(&flash(&all, &[(1, new, true), (2, new, true)])), Some(0x30_0000));
        assert_eq!(select(&flash(&all, &[(3, new, true), (2, new, true)])), Some(0x20_0000));
        assert_eq!(
            select(&flash(&all, &[(1, new, true), (2, new, false)])),
            Some(0x20_0000)
        );
        assert_eq!(
            select(&flash(&all, &[(1, new, true), (2, INVALID, true)])),
            Some(0x20_0000)
        );
        assert_eq!(
            select(&flash(&[factory], &[(1, new, true)])),
            Some(0x1_0000),
            "no selections"
        );
        assert_eq!(select(&flash(&[], &[])), None);
    }

    proptest! {
        #[test]
        fn any_flash_is_survived(table in prop::collection::vec(any::<u8>(), 0..200), entries in 0..6_usize) {
            let mut bytes: Vec<u8> = (0..entries).flat_map(|at| entry(at as u8 & 1, 0x10, u32::MAX - at as u32, u32::MAX)).collect();
            bytes.extend(table);
            select(&flash(&[bytes], &[]));
        }
    }
}
