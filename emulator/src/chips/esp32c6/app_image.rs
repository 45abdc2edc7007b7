//! The format of app images in flash (ESP-IDF programming guide, "App Image Format"), which the second-stage
//! bootloader reads. Builds an image from a program's segments and parses it again at each start.

use sha2::{Digest as _, Sha256};

use super::flash::MMU_PAGE;
use crate::machine::Segment;

const MAGIC: u8 = 0xe9;
const CHIP_ID: u16 = 13;
const HEADER_BYTES: usize = 24;
const SEGMENT_HEADER_BYTES: usize = 8;
const SEGMENTS_MAX: usize = 16;
const CHECKSUM_SEED: u8 = 0xef;
/// The app descriptor (`esp_app_desc_t`), first in the first segment that is mapped.
const DESCRIPTOR_MAGIC: u32 = 0xabcd_5432;
const DESCRIPTOR_MMU_PAGE: usize = 180;
/// Sizes of MMU pages, as powers of two: 8 to 64 KiB.
const MMU_PAGES: std::ops::RangeInclusive<u8> = 13..=16;

/// A segment's place in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// Where the program wants it; 0: padding.
    pub(super) addr: u32,
    /// First byte, counted from the image's first.
    pub(super) offset: usize,
    pub(super) bytes: usize,
}

/// The content of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct App {
    pub(super) entry: u32,
    pub(super) loads: Vec<Load>,
    /// Bytes of an MMU page.
    pub(super) page: u32,
}

/// The image of a program that starts at `entry`, for a location in flash on an MMU page. `mapped` says which addresses
/// are mapped from flash instead of copied.
pub(super) fn build(segments: &[Segment], entry: u32, mapped: fn(u32) -> bool) -> Vec<u8> {
    let (flash, ram): (Vec<_>, Vec<_>) = joined(segments, mapped)
        .into_iter()
        .partition(|(addr, _)| mapped(*addr));
    let mut image = vec![0; HEADER_BYTES];
    let mut count = 0;
    let mut append = |image: &mut Vec<u8>, addr: u32, bytes: &[u8]| {
        // Segments are whole words.
        let padded = bytes.len().next_multiple_of(4);
        image.extend(addr.to_le_bytes());
        image.extend((padded as u32).to_le_bytes());
        image.extend(bytes);
        image.resize(image.len() + padded - bytes.len(), 0);
        count += 1;
    };
    for (addr, bytes) in flash {
        // An MMU page of flash is mapped as a whole: its bytes have the same offset within it in flash and in the
        // address space.
        let place = |image: &[u8]| (image.len() + SEGMENT_HEADER_BYTES) as u32 % MMU_PAGE;
        let wanted = addr % MMU_PAGE;
        if place(&image) != wanted {
            let from = (place(&image) + SEGMENT_HEADER_BYTES as u32) % MMU_PAGE;
            let padding = wanted.wrapping_sub(from) % MMU_PAGE;
            append(&mut image, 0, &vec![0; padding as usize]);
        }
        append(&mut image, addr, &bytes);
    }
    for (addr, bytes) in ram {
        append(&mut image, addr, &bytes);
    }
    let header = &mut image[..HEADER_BYTES];
    header[0] = MAGIC;
    header[1] = count;
    // DIO, 80 MHz, 4 MB.
    (header[2], header[3]) = (2, 0x2f);
    header[4..8].copy_from_slice(&entry.to_le_bytes());
    header[8] = 0xee;
    header[12..14].copy_from_slice(&CHIP_ID.to_le_bytes());
    header[17..19].copy_from_slice(&u16::MAX.to_le_bytes());
    // A digest is appended.
    header[23] = 1;
    let checksum = checksum(&image, &loads(&image).unwrap_or_default());
    image.resize((image.len() + 1).next_multiple_of(16), 0);
    if let Some(last) = image.last_mut() {
        *last = checksum;
    }
    let digest = Sha256::digest(&image);
    image.extend(digest);
    image
}

/// Parses an image; the error says what is wrong with it. `flash` starts at its first byte and includes the flash after
/// it.
pub(super) fn parse(flash: &[u8]) -> Result<App, &'static str> {
    let header = flash.get(..HEADER_BYTES).ok_or("it is cut short")?;
    if header[0] != MAGIC {
        return Err("there is none");
    }
    if u16::from_le_bytes([header[12], header[13]]) != CHIP_ID {
        return Err("it is for another chip");
    }
    let loads = loads(flash).ok_or("its segments are not sound")?;
    let end = loads.last().map_or(HEADER_BYTES, |load| load.offset + load.bytes);
    let end = (end + 1).next_multiple_of(16);
    if flash.get(end - 1) != Some(&checksum(flash, &loads)) {
        return Err("its checksum is wrong");
    }
    if header[23] == 1 && flash.get(end..end + 32) != Some(&Sha256::digest(&flash[..end])[..]) {
        return Err("its digest is wrong");
    }
    let first = loads
        .first()
        .and_then(|load| flash.get(load.offset..load.offset + load.bytes));
    let descriptor = first.filter(|bytes| bytes.starts_with(&DESCRIPTOR_MAGIC.to_le_bytes()));
    // As a power of two; 0 in those of old.
    let page = descriptor.and_then(|bytes| bytes.get(DESCRIPTOR_MMU_PAGE)).copied();
    let page = match page {
        None | Some(0) => MMU_PAGE,
        Some(bits) if MMU_PAGES.contains(&bits) => 1 << bits,
        Some(_) => return Err("its descriptor has a size of MMU pages that this chip does not have"),
    };
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    Ok(App {
        entry: word(4),
        loads,
        page,
    })
}

fn loads(image: &[u8]) -> Option<Vec<Load>> {
    let count = usize::from(*image.get(1)?);
    if count > SEGMENTS_MAX {
        return None;
    }
    let mut at = HEADER_BYTES;
    let mut loads = Vec::new();
    for _ in 0..count {
        let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?));
        let (addr, bytes) = (word(at)?, word(at + 4)? as usize);
        let offset = at + SEGMENT_HEADER_BYTES;
        image.get(offset..offset.checked_add(bytes)?)?;
        loads.push(Load { addr, offset, bytes });
        at = offset + bytes;
    }
    Some(loads)
}

fn checksum(image: &[u8], loads: &[Load]) -> u8 {
    let bytes = loads
        .iter()
        .flat_map(|load| &image[load.offset..load.offset + load.bytes]);
    bytes.fold(CHECKSUM_SEED, |sum, byte| sum ^ byte)
}

/// Segments by address; those that share an MMU page or are adjacent are merged.
fn joined(segments: &[Segment], mapped: fn(u32) -> bool) -> Vec<(u32, Vec<u8>)> {
    let mut sorted: Vec<&Segment> = segments.iter().filter(|segment| !segment.bytes.is_empty()).collect();
    sorted.sort_by_key(|segment| segment.addr);
    let mut joined: Vec<(u32, Vec<u8>)> = Vec::new();
    for segment in sorted {
        if let Some((addr, bytes)) = joined.last_mut() {
            let end = *addr + bytes.len() as u32;
            let same_page = mapped(*addr) && mapped(segment.addr) && (end - 1) / MMU_PAGE == segment.addr / MMU_PAGE;
            if segment.addr >= end && (same_page || segment.addr - end < 4) {
                bytes.resize((segment.addr - *addr) as usize, 0);
                bytes.extend(&segment.bytes);
                continue;
            }
        }
        joined.push((segment.addr, segment.bytes.clone()));
    }
    joined
}
