//! Small values that survive power loss, each under a key: a log over two areas of flash.
//!
//! Records are appended. The latest record of a key is valid; an empty one removes the key. When an area is full, the
//! valid records are copied to the other area. Its header is written last and makes it the valid area. Each word is
//! written once per erasure. A record that was truncated by power loss fails its checksum. Nothing is appended after
//! it; the next write copies first.

use crate::board::{BoardRef, Flash, FlashError, FlashGeometry};
use alloc::{string::String, vec, vec::Vec};
use drydock_protocol::link::crc32;

/// The key of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The device's key pair.
    DeviceKey,
    /// [`Identity`](crate::identity::Identity).
    Identity,
    /// Latest authenticated time, milliseconds since the Unix epoch (little-endian `u64`).
    DeviceTime,
    /// Number of resets (little-endian `u32`).
    BootCount,
    /// [`AppRecord`](crate::store::AppRecord) of the app with this name.
    App(String),
    /// Units of the packages' region that are [blank](crate::store): the first, and the end (exclusive).
    Blank,
}

impl Key {
    fn kind(&self) -> u8 {
        match self {
            Self::DeviceKey => 1,
            Self::Identity => 2,
            Self::DeviceTime => 3,
            Self::BootCount => 4,
            Self::App(_) => 5,
            Self::Blank => 6,
        }
    }

    fn name(&self) -> &str {
        if let Self::App(name) = self { name } else { "" }
    }

    fn from_parts(kind: u8, name: &[u8]) -> Option<Self> {
        match kind {
            1 => Some(Self::DeviceKey),
            2 => Some(Self::Identity),
            3 => Some(Self::DeviceTime),
            4 => Some(Self::BootCount),
            5 => Some(Self::App(String::from(core::str::from_utf8(name).ok()?))),
            6 => Some(Self::Blank),
            _ => None,
        }
    }
}

/// Records and area headers begin and end at multiples of this, a multiple of every chip's word.
const ALIGNMENT: usize = 8;
/// Area header: magic, generation, CRC-32 of both, 4 spare bytes.
const AREA_HEADER_BYTES: u32 = 16;
const MAGIC: [u8; 4] = *b"DDR1";
/// Record header: kind, length of the name, length of the value (2), CRC-32 of everything else (4).
const RECORD_HEADER_BYTES: usize = 8;

/// The log, with an index of the valid records.
pub struct Records {
    board: BoardRef,
    area: Option<Area>,
    /// Offset of the next record from the start of the area.
    end: u32,
    /// Nothing may be appended behind `end`.
    torn: bool,
    live: Vec<Live>,
}

#[derive(Clone, Copy)]
struct Area {
    number: u32,
    generation: u32,
}

struct Live {
    key: Key,
    /// Offset of the value in flash.
    offset: u32,
    len: u16,
}

impl Records {
    /// Finds the valid records. Writes nothing.
    pub fn mount(board: BoardRef) -> Self {
        let mut records = Self {
            board,
            area: None,
            end: AREA_HEADER_BYTES,
            torn: false,
            live: Vec::new(),
        };
        records.area = (0..2)
            .filter_map(|number| records.read_area_header(number))
            .max_by_key(|area| area.generation);
        if let Some(area) = records.area {
            records.scan(area.number);
        }
        records
    }

    /// The value of a key.
    pub fn read(&self, key: &Key) -> Option<Vec<u8>> {
        let live = self.live.iter().find(|live| live.key == *key)?;
        Some(bytes(self.board.flash(), live.offset, live.len.into()))
    }

    /// Every key that has a value.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.live.iter().map(|live| &live.key)
    }

    /// Sets the value of a key; an empty value removes the key. After this the value survives power loss.
    ///
    /// # Errors
    /// [`FlashError`] if flash fails, or is full of live records.
    pub fn write(&mut self, key: &Key, value: &[u8]) -> Result<(), FlashError> {
        let record = encode(key, value)?;
        let fits = self.end + record.len() as u32 <= self.area_bytes();
        match self.area {
            Some(area) if fits && !self.torn => {
                let at = self.end;
                // If a write fails halfway, nothing may be appended after it.
                self.torn = true;
                self.board.flash().write(self.area_offset(area.number) + at, &record)?;
                self.torn = false;
                self.took(key.clone(), area.number, at, value.len());
                self.end = at + record.len() as u32;
                Ok(())
            }
            _ => self.compact(key, &record, value.len()),
        }
    }

    /// Removes every key and erases all values.
    ///
    /// # Errors
    /// [`FlashError`] if flash fails.
    pub fn wipe(&mut self) -> Result<(), FlashError> {
        self.live.clear();
        let current = self.area.map_or(0, |area| area.number);
        // The current area is erased last, so that an older state never comes back: after a power loss, either the wipe
        // has not begun yet, or the first write after it completes the wipe.
        for number in [1 - current, current] {
            self.erase_area(number)?;
        }
        self.area = None;
        self.end = AREA_HEADER_BYTES;
        self.torn = false;
        Ok(())
    }

    /// Copies the live records, with the new record in place of the old one, to the other area.
    fn compact(&mut self, key: &Key, record: &[u8], value_len: usize) -> Result<(), FlashError> {
        let flash = self.board.flash();
        let next = Area {
            number: self.area.map_or(0, |area| 1 - area.number),
            generation: self.area.map_or(1, |area| area.generation + 1),
        };
        let kept = || self.live.iter().filter(|live| live.key != *key);
        let kept_bytes: usize = kept()
            .map(|live| record_bytes(live.key.name().len(), live.len.into()))
            .sum();
        if AREA_HEADER_BYTES as usize + kept_bytes + record.len() > self.area_bytes() as usize {
            return Err(FlashError);
        }
        self.erase_area(next.number)?;
        if self.area.is_none() && !self.is_blank(1 - next.number) {
            // The remains of a wipe that power loss interrupted: perhaps secrets.
            self.erase_area(1 - next.number)?;
        }
        let base = self.area_offset(next.number);
        let mut end = AREA_HEADER_BYTES;
        let mut live = Vec::with_capacity(self.live.len() + 1);
        for old in kept() {
            let record = encode(&old.key, &bytes(flash, old.offset, old.len.into()))?;
            flash.write(base + end, &record)?;
            live.push(Live {
                key: old.key.clone(),
                offset: value_offset(base + end, &old.key),
                len: old.len,
            });
            end += record.len() as u32;
        }
        flash.write(base + end, record)?;
        let at = end;
        end += record.len() as u32;

        let mut header = [0xFF; AREA_HEADER_BYTES as usize];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&next.generation.to_le_bytes());
        let crc = crc32(&header[..8]);
        header[8..12].copy_from_slice(&crc.to_le_bytes());
        flash.write(base, &header)?;

        self.live = live;
        self.took(key.clone(), next.number, at, value_len);
        self.area = Some(next);
        self.end = end;
        self.torn = false;
        Ok(())
    }

    fn took(&mut self, key: Key, area: u32, at: u32, len: usize) {
        let offset = value_offset(self.area_offset(area) + at, &key);
        self.live.retain(|live| live.key != key);
        if len > 0 {
            self.live.push(Live {
                key,
                offset,
                len: len as u16,
            });
        }
    }

    fn read_area_header(&self, number: u32) -> Option<Area> {
        let header = bytes(self.board.flash(), self.area_offset(number), AREA_HEADER_BYTES);
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        (header[..4] == MAGIC && word(8) == crc32(&header[..8])).then(|| Area {
            number,
            generation: word(4),
        })
    }

    fn scan(&mut self, area: u32) {
        let base = self.area_offset(area);
        loop {
            let room = self.area_bytes() - self.end;
            if room < RECORD_HEADER_BYTES as u32 {
                return;
            }
            let header = bytes(self.board.flash(), base + self.end, RECORD_HEADER_BYTES as u32);
            if header.iter().all(|byte| *byte == 0xFF) {
                return;
            }
            let value_len = usize::from(header[2]) | usize::from(header[3]) << 8;
            let whole = record_bytes(header[1].into(), value_len) as u32;
            let record = if whole <= room {
                bytes(self.board.flash(), base + self.end, whole)
            } else {
                Vec::new()
            };
            let Some(key) = decode_key(&record) else {
                self.torn = true;
                return;
            };
            self.took(key, area, self.end, value_len);
            self.end += whole;
        }
    }

    fn erase_area(&self, number: u32) -> Result<(), FlashError> {
        let (flash, unit_bytes) = (self.board.flash(), self.geometry().unit_bytes);
        let sector_bytes = flash.sectors().record_units * unit_bytes;
        let start = self.area_offset(number);
        (0..self.area_bytes() / sector_bytes).try_for_each(|sector| flash.erase(start + sector * sector_bytes))
    }

    fn is_blank(&self, number: u32) -> bool {
        let mut blank = false;
        self.board
            .flash()
            .with(self.area_offset(number), self.area_bytes(), &mut |bytes| {
                blank = bytes.iter().all(|byte| *byte == 0xFF);
            });
        blank
    }

    fn geometry(&self) -> FlashGeometry {
        self.board.flash().geometry()
    }

    fn area_bytes(&self) -> u32 {
        self.geometry().record_units * self.geometry().unit_bytes
    }

    fn area_offset(&self, number: u32) -> u32 {
        number * self.area_bytes()
    }
}

fn bytes(flash: &dyn Flash, offset: u32, len: u32) -> Vec<u8> {
    let mut copy = Vec::new();
    flash.with(offset, len, &mut |bytes| copy.extend_from_slice(bytes));
    copy
}

fn record_bytes(name_len: usize, value_len: usize) -> usize {
    (RECORD_HEADER_BYTES + name_len + value_len).next_multiple_of(ALIGNMENT)
}

fn value_offset(record: u32, key: &Key) -> u32 {
    record + (RECORD_HEADER_BYTES + key.name().len()) as u32
}

fn encode(key: &Key, value: &[u8]) -> Result<Vec<u8>, FlashError> {
    let name = key.name().as_bytes();
    let name_len = u8::try_from(name.len()).map_err(|_| FlashError)?;
    let value_len = u16::try_from(value.len()).map_err(|_| FlashError)?.to_le_bytes();
    let mut record = vec![key.kind(), name_len, value_len[0], value_len[1], 0, 0, 0, 0];
    record.extend_from_slice(name);
    record.extend_from_slice(value);
    record.resize(record_bytes(name.len(), value.len()), 0xFF);
    let crc = checksum(&record);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(record)
}

fn decode_key(record: &[u8]) -> Option<Key> {
    let name_len = usize::from(*record.get(1)?);
    let stored = u32::from_le_bytes(record.get(4..8)?.try_into().ok()?);
    if stored != checksum(record) {
        return None;
    }
    Key::from_parts(
        record[0],
        record.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + name_len)?,
    )
}

/// CRC-32 of a record without the field that holds it.
fn checksum(record: &[u8]) -> u32 {
    crc32(&record[..4]) ^ crc32(&record[RECORD_HEADER_BYTES..])
}
