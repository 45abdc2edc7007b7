//! `boards/ID/flash.bin`: the flash of an emulated board that belongs to the board and not to its firmware.
//!
//! All areas are in one file, which is replaced as a whole, so that a kill or a power cut at any instant leaves flash as
//! it was at one instant. Erased pages are left out. Earlier versions kept one file for each area (`identity.bin`,
//! `store.bin`); those are read when there is no `flash.bin`, and removed after it is written for the first time.

use crate::data_dir::{replace, sync_folder};
use drydock_assets::FlashArea;
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"ddflash\x01";
const DIGEST_BYTES: usize = 32;
/// Pages that are left out when they are erased, in bytes.
const PAGE_BYTES: usize = 1024;
const ERASED: u8 = 0xFF;

/// One area and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AreaContent {
    pub(super) area: FlashArea,
    pub(super) bytes: Vec<u8>,
}

/// Reads the areas that are on disk. Areas that were never saved are missing in the result.
pub(super) fn read(folder: &Path, areas: &[FlashArea]) -> io::Result<Vec<AreaContent>> {
    match fs::read(path(folder)) {
        Ok(file) => decode(&file, areas).ok_or_else(|| invalid("flash.bin is damaged")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => read_separate(folder, areas),
        Err(error) => Err(error),
    }
}

/// Replaces what is on disk. It is there when this returns.
pub(super) fn write(folder: &Path, content: &[AreaContent]) -> io::Result<()> {
    replace(&path(folder), &encode(content))?;
    let mut removed = false;
    for AreaContent { area, .. } in content {
        match fs::remove_file(separate_path(folder, area)) {
            Ok(()) => removed = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if removed { sync_folder(folder) } else { Ok(()) }
}

/// The file's path, for messages too.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("flash.bin")
}

fn separate_path(folder: &Path, area: &FlashArea) -> PathBuf {
    folder.join(format!("{}.bin", area.name))
}

/// One file for each area, as earlier versions wrote them.
fn read_separate(folder: &Path, areas: &[FlashArea]) -> io::Result<Vec<AreaContent>> {
    let mut content = Vec::new();
    for area in areas {
        let bytes = match fs::read(separate_path(folder, area)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if bytes.len() != area.bytes as usize {
            return Err(invalid(&format!("{}.bin has another size", area.name)));
        }
        content.push(AreaContent {
            area: area.clone(),
            bytes,
        });
    }
    Ok(content)
}

/// Magic; for each area the length of its name, the name, its size and the number of its pages; for each page its offset
/// and its bytes; at the end the SHA-256 of everything before. Numbers are little-endian.
fn encode(content: &[AreaContent]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.push(u8::try_from(content.len()).expect("a board has few areas"));
    for AreaContent { area, bytes } in content {
        file.push(u8::try_from(area.name.len()).expect("names of areas are short"));
        file.extend_from_slice(area.name.as_bytes());
        file.extend_from_slice(&area.bytes.to_le_bytes());
        let pages = || {
            let pages = bytes.chunks(PAGE_BYTES).enumerate();
            pages.filter(|(_, page)| page.iter().any(|byte| *byte != ERASED))
        };
        file.extend_from_slice(&(pages().count() as u32).to_le_bytes());
        for (number, page) in pages() {
            file.extend_from_slice(&((number * PAGE_BYTES) as u32).to_le_bytes());
            file.extend_from_slice(page);
        }
    }
    let digest = Sha256::digest(&file);
    file.extend_from_slice(&digest);
    file
}

/// `None` for a file that is damaged, or of a board with other areas.
fn decode(file: &[u8], areas: &[FlashArea]) -> Option<Vec<AreaContent>> {
    let (body, digest) = file.split_at_checked(file.len().checked_sub(DIGEST_BYTES)?)?;
    if *digest != *Sha256::digest(body) {
        return None;
    }
    let mut rest = Reader(body.strip_prefix(MAGIC)?);
    let count = rest.take(1)?[0];
    let mut content = Vec::with_capacity(count.into());
    for _ in 0..count {
        let name_bytes = rest.take(1)?[0];
        let name = rest.take(name_bytes.into())?;
        let size = rest.number()?;
        let area = areas
            .iter()
            .find(|area| area.name.as_bytes() == name && area.bytes == size)?;
        let mut bytes = vec![ERASED; size as usize];
        for _ in 0..rest.number()? {
            let start = rest.number()? as usize;
            let end = start.checked_add(PAGE_BYTES)?.min(bytes.len());
            let page = bytes.get_mut(start..end)?;
            page.copy_from_slice(rest.take(page.len())?);
        }
        content.push(AreaContent {
            area: area.clone(),
            bytes,
        });
    }
    rest.0.is_empty().then_some(content)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn areas() -> Vec<FlashArea> {
        let board = drydock_assets::board("nano33ble").unwrap();
        ["identity", "store"]
            .map(|name| board.flash_area(name).unwrap().clone())
            .into()
    }

    /// Areas whose bytes at the given places are not erased.
    fn content(written: &[(usize, u8)]) -> Vec<AreaContent> {
        let filled = |area: FlashArea| {
            let mut bytes = vec![ERASED; area.bytes as usize];
            for (at, byte) in written {
                let len = bytes.len();
                bytes[at % len] = *byte;
            }
            AreaContent { area, bytes }
        };
        areas().into_iter().map(filled).collect()
    }

    proptest! {
        #[test]
        fn flash_returns_as_it_was(written in prop::collection::vec((any::<usize>(), any::<u8>()), 0..40)) {
            let content = content(&written);
            prop_assert_eq!(decode(&encode(&content), &areas()), Some(content));
        }

        #[test]
        fn a_damaged_file_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u32, cut in any::<prop::sample::Index>()) {
            let file = encode(&content(&[(3, 0), (70_000, 9)]));
            let mut flipped = file.clone();
            flipped[at.index(file.len())] ^= 1 << bit;
            prop_assert_eq!(decode(&flipped, &areas()), None);
            prop_assert_eq!(decode(&file[..cut.index(file.len())], &areas()), None);
        }
    }

    #[test]
    fn erased_pages_take_no_room() {
        let few = encode(&content(&[(5, 1)]));
        assert!(few.len() < 4 * PAGE_BYTES, "{} bytes", few.len());
    }

    #[test]
    fn a_board_that_was_never_saved_has_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("none"), &areas()).unwrap(), []);
    }

    #[test]
    fn files_of_single_areas_are_read_and_then_replaced_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let [identity, store] = ["identity.bin", "store.bin"].map(|name| folder.path().join(name));
        let old = content(&[(1, 2), (9_999, 4)]);
        fs::write(&identity, &old[0].bytes).unwrap();
        assert_eq!(
            read(folder.path(), &areas()).unwrap(),
            old[..1],
            "only one was ever written"
        );
        fs::write(&store, &old[1].bytes).unwrap();
        assert_eq!(read(folder.path(), &areas()).unwrap(), old);

        let new = content(&[(7, 7)]);
        write(folder.path(), &new).unwrap();
        assert!(!identity.exists() && !store.exists());
        assert_eq!(read(folder.path(), &areas()).unwrap(), new);

        fs::write(&identity, &old[0].bytes).unwrap();
        assert_eq!(read(folder.path(), &areas()).unwrap(), new, "the one file counts");
        fs::remove_file(path(folder.path())).unwrap();
        fs::write(&store, [0; 5]).unwrap();
        let error = read(folder.path(), &areas()).unwrap_err();
        assert_eq!(error.to_string(), "store.bin has another size");
    }
}
