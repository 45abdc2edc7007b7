//! `boards/ID/parts.bin`: what the memories on an emulated board keep without power.
//!
//! All of them are in one file, which is replaced as a whole. Erased pages are left out.

use crate::data_dir::replace;
use drydock_assets::CONTENT_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"ddparts\x01";
const DIGEST_BYTES: usize = 32;
const PAGE_BYTES: usize = 1024;
const ERASED: u8 = 0xFF;

/// Contents by the names of their parts.
pub(crate) type Contents = BTreeMap<String, Vec<u8>>;

/// The file's path, for messages too.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("parts.bin")
}

/// Reads what a board's parts keep; nothing of a board whose parts were never saved. Blocks.
///
/// # Errors
/// The system's, or that the file is damaged.
pub(crate) fn read(folder: &Path) -> io::Result<Contents> {
    match fs::read(path(folder)) {
        Ok(file) => decode(&file).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "parts.bin is damaged")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::new()),
        Err(error) => Err(error),
    }
}

/// Replaces what is on disk. It is there when this returns. Blocks.
///
/// # Errors
/// The system's.
pub(crate) fn write(folder: &Path, contents: &Contents) -> io::Result<()> {
    replace(&path(folder), &encode(contents))
}

/// Magic; for each part the length of its name, the name, its size and the number of its pages; for each page its number and
/// its bytes; at the end the SHA-256 of everything before. Numbers are little-endian.
fn encode(contents: &Contents) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    for (name, bytes) in contents {
        file.push(u8::try_from(name.len()).expect("names of parts are short"));
        file.extend_from_slice(name.as_bytes());
        file.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        let pages = || {
            let pages = bytes.chunks(PAGE_BYTES).enumerate();
            pages.filter(|(_, page)| page.iter().any(|byte| *byte != ERASED))
        };
        file.extend_from_slice(&(pages().count() as u32).to_le_bytes());
        for (number, page) in pages() {
            file.extend_from_slice(&(number as u32).to_le_bytes());
            file.extend_from_slice(page);
        }
    }
    let digest = Sha256::digest(&file);
    file.extend_from_slice(&digest);
    file
}

/// `None` for a file that is damaged.
fn decode(file: &[u8]) -> Option<Contents> {
    let (body, digest) = file.split_at_checked(file.len().checked_sub(DIGEST_BYTES)?)?;
    if *digest != *Sha256::digest(body) {
        return None;
    }
    let mut rest = Reader(body.strip_prefix(MAGIC)?);
    let mut contents = Contents::new();
    while !rest.0.is_empty() {
        let name_bytes = rest.take(1)?[0];
        let name = str::from_utf8(rest.take(name_bytes.into())?).ok()?;
        let size = rest.number()?;
        if u64::from(size) > CONTENT_BYTES_MAX + u64::from(u16::MAX) * 8 {
            return None;
        }
        let mut bytes = vec![ERASED; size as usize];
        for _ in 0..rest.number()? {
            let start = (rest.number()? as usize).checked_mul(PAGE_BYTES)?;
            let end = start.checked_add(PAGE_BYTES)?.min(bytes.len());
            let page = bytes.get_mut(start..end)?;
            page.copy_from_slice(rest.take(page.len())?);
        }
        contents.insert(name.to_owned(), bytes);
    }
    Some(contents)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, size, and the bytes at some places.
    type Filled = (String, usize, Vec<(usize, u8)>);

    fn contents(parts: &[Filled]) -> Contents {
        let content = |(name, bytes, written): &Filled| {
            let mut content = vec![ERASED; *bytes];
            for (at, byte) in written {
                content[at % bytes] = *byte;
            }
            (name.clone(), content)
        };
        parts.iter().map(content).collect()
    }

    proptest! {
        #[test]
        fn contents_return_as_they_were(
            parts in prop::collection::vec(
                ("[a-z0-9-]{1,32}", 1_usize..9_000, prop::collection::vec((any::<usize>(), any::<u8>()), 0..20)),
                0..4,
            ),
        ) {
            let contents = contents(&parts);
            prop_assert_eq!(decode(&encode(&contents)), Some(contents));
        }

        #[test]
        fn a_damaged_file_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u32, cut in any::<prop::sample::Index>()) {
            let file = encode(&contents(&[("24c02".into(), 256, vec![(3, 0)]), ("card".into(), 5_000, vec![(4_999, 9)])]));
            let mut flipped = file.clone();
            flipped[at.index(file.len())] ^= 1 << bit;
            prop_assert_eq!(decode(&flipped), None);
            prop_assert_eq!(decode(&file[..cut.index(file.len())]), None);
        }
    }
}
