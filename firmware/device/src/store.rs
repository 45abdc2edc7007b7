//! The app store: packages in the flash after the records.
//!
//! A package (its signed envelope, then its module) lies in consecutive units that nothing else uses. A record in the
//! log of [`records`](crate::records) names them. Writing that record commits the package: at any power loss, either
//! the old or the new version is installed. The record of a removed app stays with its high-water mark, so that no
//! older package can be installed.
//!
//! If flash is erased in sectors of many units, packages share a sector. It is erased when the first package is written
//! to an unused sector; others follow into its blank rest. Other free units stay unused until the whole sector is free.
//!
//! If flash can be erased [in parts](crate::board::Flash::erase_in_part), the units for the next package are erased
//! while the device is idle. A unit that reads blank may still be partly erased, if power was lost during an erasure or
//! a write. Therefore a record names the units that are blank. It is written after the last part, and removed before
//! the first word is written.

use crate::{
    board::{BoardRef, FlashError},
    identity::Digest,
    records::{Key, Records},
};
use alloc::{string::String, vec::Vec};
use core::ops::Range;
use drydock_protocol::limits::MAX_APPS;
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};

/// Limit of apps, including removed ones, whose high-water marks are kept. Further apps are refused.
pub const MAX_REMEMBERED_APPS: usize = 32;

/// Units that are kept erased for the next package: 32 KiB of a Nano.
pub const UNITS_AHEAD: u32 = 8;

/// The record of an app.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AppRecord {
    /// Highest sequence that was ever committed.
    #[n(0)]
    pub sequence: u64,
    /// Whether it runs after reset.
    #[n(1)]
    pub autostart: bool,
    /// The place of its package. `None` if the app was removed.
    #[n(2)]
    pub package: Option<Extent>,
    /// How often it overran its limits, or the board was reset while it ran, since it was last started on request.
    /// `None` means never.
    #[n(3)]
    pub overruns: Option<u8>,
}

/// Overruns after which an app does not start by itself any more.
pub const MAX_OVERRUNS: u8 = 3;

impl AppRecord {
    /// Whether the app overran its limits so often that it is only started on request.
    pub fn is_barred(&self) -> bool {
        self.overruns.is_some_and(|overruns| overruns >= MAX_OVERRUNS)
    }
}

/// The place of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Extent {
    /// First unit.
    #[n(0)]
    unit: u16,
    /// Bytes of the envelope.
    #[n(1)]
    envelope_bytes: u16,
    /// Bytes of the module.
    #[n(2)]
    module_bytes: u32,
}

impl Extent {
    /// Distinguishes extents in one byte, as far as that is possible.
    pub fn mark(&self) -> u8 {
        self.unit as u8
    }
}

/// Why a package cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// No free units in a row hold it.
    Full,
    /// The device already has the maximum of apps, or of remembered ones.
    TooManyApps,
    /// The chunk is not the next, or there are more bytes than announced.
    OutOfSequence,
    /// The received bytes do not match the manifest.
    Digest,
    /// Flash failed.
    Flash,
    /// There is no such app.
    NoSuchApp,
}

impl From<FlashError> for StoreError {
    fn from(_: FlashError) -> Self {
        Self::Flash
    }
}

/// Envelope and module begin at multiples of this; data is written in such pieces. A multiple of every chip's word.
const ALIGNMENT: usize = 8;

/// The packages and their records.
pub struct AppStore {
    board: BoardRef,
    records: Records,
    apps: Vec<(String, AppRecord)>,
    transfer: Option<Transfer>,
    /// Start of the search for free units: after the last write, so that all units wear equally.
    cursor: u32,
    /// Free units that were erased and not written to since, and the part of them that a record names.
    blank: Range<u32>,
    recorded_blank: Range<u32>,
    /// Flash can be erased in parts.
    erases_ahead: bool,
}

struct Transfer {
    extent: Extent,
    /// Bytes of the extent that are in flash, and units that are ready for more.
    written: u32,
    ready_units: u32,
    /// Bytes of the module that have arrived.
    received: u32,
    /// The last few bytes, which do not fill a word yet.
    tail: Vec<u8>,
}

impl AppStore {
    /// Reads the records.
    pub fn mount(board: BoardRef, records: Records) -> Self {
        let apps = records
            .keys()
            .filter_map(|key| {
                let Key::App(name) = key else { return None };
                let record = minicbor::decode(&records.read(key)?).ok()?;
                Some((name.clone(), record))
            })
            .collect();
        let blank = records
            .read(&Key::Blank)
            .and_then(|value| minicbor::decode(&value).ok());
        let blank = blank.map_or(0..0, |(start, end)| start..end);
        Self {
            board,
            records,
            apps,
            transfer: None,
            cursor: blank.start,
            recorded_blank: blank.clone(),
            blank,
            erases_ahead: true,
        }
    }

    /// The records, for other values that are stored there.
    pub fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Apps that have a package.
    pub fn installed(&self) -> impl Iterator<Item = (&str, &AppRecord)> {
        self.apps
            .iter()
            .filter(|(_, record)| record.package.is_some())
            .map(|(name, record)| (name.as_str(), record))
    }

    /// The record of an app, removed or not.
    pub fn record(&self, app: &str) -> Option<&AppRecord> {
        self.apps.iter().find(|(name, _)| name == app).map(|(_, record)| record)
    }

    /// Bytes for packages, taken and free.
    pub fn capacity_bytes(&self) -> u32 {
        self.units() * self.unit_bytes()
    }

    /// Largest package that could be stored now, in bytes.
    pub fn largest_free_bytes(&self) -> u32 {
        let mut largest = 0;
        let mut run = 0;
        for unit in 0..self.units() {
            run = if self.is_usable(unit) { run + 1 } else { 0 };
            largest = largest.max(run);
        }
        largest * self.unit_bytes()
    }

    /// Reserves units for a package and writes its envelope. An earlier transfer that was not committed is discarded.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::TooManyApps`] or [`StoreError::Flash`].
    pub fn begin(&mut self, app: &str, envelope: &[u8], module_bytes: u32) -> Result<(), StoreError> {
        self.transfer = None;
        let is_new = self.record(app).is_none_or(|record| record.package.is_none());
        if is_new && self.installed().count() >= MAX_APPS {
            return Err(StoreError::TooManyApps);
        }
        if self.record(app).is_none() && self.apps.len() >= MAX_REMEMBERED_APPS {
            return Err(StoreError::TooManyApps);
        }
        let mut extent = Extent {
            unit: 0,
            envelope_bytes: u16::try_from(envelope.len()).map_err(|_| StoreError::Full)?,
            module_bytes,
        };
        let units = self.units_of(&extent);
        let start = self.find_room(units)?;
        extent.unit = start as u16;
        let ready_units = self.take_units(start..start + units)?;
        self.transfer = Some(Transfer {
            extent,
            written: 0,
            ready_units,
            received: 0,
            tail: Vec::with_capacity(ALIGNMENT),
        });
        self.append(envelope)?;
        self.pad()
    }

    /// Takes the next bytes of the module and returns the next expected offset.
    ///
    /// # Errors
    /// [`StoreError::OutOfSequence`] or [`StoreError::Flash`]; the latter ends the transfer.
    pub fn chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, StoreError> {
        let transfer = self.transfer.as_mut().ok_or(StoreError::OutOfSequence)?;
        let end = offset.checked_add(data.len() as u32).ok_or(StoreError::OutOfSequence)?;
        if offset != transfer.received || end > transfer.extent.module_bytes {
            return Err(StoreError::OutOfSequence);
        }
        transfer.received = end;
        if let Err(error) = self.append(data) {
            self.transfer = None;
            return Err(error);
        }
        Ok(end)
    }

    /// Ends the transfer and checks the contents of flash against the digest. Returns the package's place, for
    /// [`Self::commit`].
    ///
    /// # Errors
    /// [`StoreError::Digest`] or [`StoreError::Flash`]; the transfer is over in both cases.
    pub fn finish(&mut self, digest: &[u8; 32]) -> Result<Extent, StoreError> {
        let padded = self.pad();
        let transfer = self.transfer.take().ok_or(StoreError::OutOfSequence)?;
        padded?;
        if transfer.received != transfer.extent.module_bytes || self.digest(&transfer.extent) != Digest(*digest) {
            return Err(StoreError::Digest);
        }
        Ok(transfer.extent)
    }

    /// Makes a finished package the app's current one. The units of its older version are free from now on.
    ///
    /// # Errors
    /// [`StoreError::Flash`]; the older version stays installed.
    pub fn commit(&mut self, app: &str, sequence: u64, extent: Extent, autostart: bool) -> Result<(), StoreError> {
        self.put(
            app,
            AppRecord {
                sequence,
                autostart,
                package: Some(extent),
                overruns: None,
            },
        )
    }

    /// Gives up the current transfer.
    pub fn abort(&mut self) {
        self.transfer = None;
    }

    /// Erases a part of the units for the next package, which takes some milliseconds. Returns whether it did anything.
    pub fn erase_ahead(&mut self) -> bool {
        if !self.erases_ahead || self.transfer.is_some() {
            return false;
        }
        let Ok(start) = self.find_room(1) else { return false };
        if self.blank.start != start {
            self.blank = start..start;
        }
        let next = self.blank.end;
        let done = if next < (start + UNITS_AHEAD).min(self.units()) && self.is_usable(next) {
            // Erasing units that the record names as blank would make the record wrong.
            let erased = match self.recorded_blank.contains(&next) {
                true => Ok(true),
                false => self.board.flash().erase_in_part(self.offset(next)),
            };
            erased.map(|done| self.blank.end += u32::from(done))
        } else if self.recorded_blank != self.blank {
            self.record_blank(self.blank.clone())
        } else {
            return false;
        };
        self.erases_ahead = done.is_ok();
        self.erases_ahead
    }

    /// Stores whether the app runs after reset, as requested. Clears its overruns.
    ///
    /// # Errors
    /// [`StoreError::NoSuchApp`] or [`StoreError::Flash`].
    pub fn set_autostart(&mut self, app: &str, autostart: bool) -> Result<(), StoreError> {
        let record = self.record(app).cloned().ok_or(StoreError::NoSuchApp)?;
        if record.autostart == autostart && record.overruns.is_none() {
            return Ok(());
        }
        let overruns = None;
        self.put(
            app,
            AppRecord {
                autostart,
                overruns,
                ..record
            },
        )
    }

    /// Counts one more overrun of an app; [`MAX_OVERRUNS`] end its autostart. Returns whether it still starts
    /// automatically.
    ///
    /// # Errors
    /// [`StoreError::NoSuchApp`] or [`StoreError::Flash`].
    pub fn count_overrun(&mut self, app: &str) -> Result<bool, StoreError> {
        let mut record = self.record(app).cloned().ok_or(StoreError::NoSuchApp)?;
        record.overruns = Some(record.overruns.unwrap_or(0).saturating_add(1));
        record.autostart &= !record.is_barred();
        let autostart = record.autostart;
        self.put(app, record)?;
        Ok(autostart)
    }

    /// Removes the app's package; its high-water mark stays.
    ///
    /// # Errors
    /// [`StoreError::NoSuchApp`] or [`StoreError::Flash`].
    pub fn remove(&mut self, app: &str) -> Result<(), StoreError> {
        let record = self.record(app).filter(|record| record.package.is_some());
        let sequence = record.ok_or(StoreError::NoSuchApp)?.sequence;
        self.put(
            app,
            AppRecord {
                sequence,
                autostart: false,
                package: None,
                overruns: None,
            },
        )
    }

    /// A copy of the envelope of a package.
    pub fn envelope(&self, extent: &Extent) -> Vec<u8> {
        let mut envelope = Vec::new();
        let at = self.offset(extent.unit.into());
        self.board.flash().with(at, extent.envelope_bytes.into(), &mut |bytes| {
            envelope.extend_from_slice(bytes)
        });
        envelope
    }

    /// Lends the module of a package.
    pub fn with_module(&self, extent: &Extent, lend: &mut dyn FnMut(&[u8])) {
        let at = self.offset(extent.unit.into()) + aligned(extent.envelope_bytes.into());
        self.board.flash().with(at, extent.module_bytes, lend);
    }

    /// SHA-256 of the module of a package, read from flash.
    pub fn digest(&self, extent: &Extent) -> Digest {
        let mut hasher = Sha256::new();
        self.with_module(extent, &mut |bytes| hasher.update(bytes));
        Digest(hasher.finalize().into())
    }

    /// Removes every app and every record.
    ///
    /// # Errors
    /// [`FlashError`]; the wipe has to be repeated.
    pub fn wipe(&mut self) -> Result<(), FlashError> {
        self.transfer = None;
        self.apps.clear();
        (self.blank, self.recorded_blank) = (0..0, 0..0);
        self.records.wipe()
    }

    /// Takes units for a transfer and returns how many of them, from the first on, need no erasure.
    fn take_units(&mut self, units: Range<u32>) -> Result<u32, FlashError> {
        if units.start < self.recorded_blank.end && self.recorded_blank.start < units.end {
            self.record_blank(0..0)?;
        }
        let is_ready = |unit: &u32| self.blank.contains(unit) && self.is_blank(*unit);
        let ready = units.clone().take_while(is_ready).count() as u32;
        self.blank = match self.blank.contains(&units.end) {
            true => units.end..self.blank.end,
            false => units.end..units.end,
        };
        self.cursor = units.end;
        Ok(ready)
    }

    /// Records these units as blank; no power cut can make that wrong.
    fn record_blank(&mut self, units: Range<u32>) -> Result<(), FlashError> {
        let value = match units.is_empty() {
            true => Vec::new(),
            false => minicbor::to_vec((units.start, units.end)).map_err(|_| FlashError)?,
        };
        self.records.write(&Key::Blank, &value)?;
        self.recorded_blank = units;
        Ok(())
    }

    fn put(&mut self, app: &str, record: AppRecord) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(&record).map_err(|_| StoreError::Flash)?;
        self.records.write(&Key::App(app.into()), &bytes)?;
        self.apps.retain(|(name, _)| name != app);
        self.apps.push((app.into(), record));
        Ok(())
    }

    /// Appends to the transfer, in whole words; erases an unused sector before the first word is written to it.
    fn append(&mut self, data: &[u8]) -> Result<(), StoreError> {
        let (unit_bytes, base, sector_units) = (self.unit_bytes(), self.offset(0), self.sector_units());
        let flash = self.board.flash();
        let transfer = self.transfer.as_mut().ok_or(StoreError::OutOfSequence)?;
        let mut data = data;
        while !data.is_empty() {
            let piece: &[u8] = if transfer.tail.is_empty() && data.len() >= ALIGNMENT {
                let unit_rest = unit_bytes - transfer.written % unit_bytes;
                let len = data.len().min(unit_rest as usize) / ALIGNMENT * ALIGNMENT;
                let (piece, rest) = data.split_at(len);
                data = rest;
                piece
            } else {
                let len = data.len().min(ALIGNMENT - transfer.tail.len());
                transfer.tail.extend_from_slice(&data[..len]);
                data = &data[len..];
                if transfer.tail.len() < ALIGNMENT {
                    break;
                }
                &transfer.tail
            };
            let at = base + u32::from(transfer.extent.unit) * unit_bytes + transfer.written;
            if transfer.written / unit_bytes == transfer.ready_units {
                let unit = u32::from(transfer.extent.unit) + transfer.ready_units;
                let sector = unit / sector_units * sector_units;
                let is_first_of_sector = transfer.ready_units == 0 || unit == sector;
                if is_first_of_sector && is_unused(&self.apps, sector, sector_units, unit_bytes) {
                    flash.erase(base + sector * unit_bytes)?;
                }
                transfer.ready_units += 1;
            }
            flash.write(at, piece)?;
            transfer.written += piece.len() as u32;
            if transfer.tail.len() == ALIGNMENT {
                transfer.tail.clear();
            }
        }
        Ok(())
    }

    fn pad(&mut self) -> Result<(), StoreError> {
        let tail = self.transfer.as_ref().map_or(0, |transfer| transfer.tail.len());
        if tail == 0 {
            return Ok(());
        }
        self.append(&[0xFF; ALIGNMENT][tail..])
    }

    fn find_room(&self, wanted: u32) -> Result<u32, StoreError> {
        let units = self.units();
        let fits = |start: u32| start + wanted <= units && (start..start + wanted).all(|unit| self.is_usable(unit));
        (0..units)
            .map(|step| (self.cursor + step) % units)
            .find(|start| fits(*start))
            .ok_or(StoreError::Full)
    }

    /// Whether the unit is unused, and is erased or will be.
    fn is_usable(&self, unit: u32) -> bool {
        let (unit_bytes, sector_units) = (self.unit_bytes(), self.sector_units());
        is_unused(&self.apps, unit / sector_units * sector_units, sector_units, unit_bytes)
            || sector_units > 1 && is_unused(&self.apps, unit, 1, unit_bytes) && self.is_blank(unit)
    }

    fn is_blank(&self, unit: u32) -> bool {
        let mut blank = false;
        let flash = self.board.flash();
        flash.with(self.offset(unit), self.unit_bytes(), &mut |bytes| {
            blank = bytes.chunks_exact(ALIGNMENT).all(|words| words == [0xFF; ALIGNMENT]);
        });
        blank
    }

    fn units_of(&self, extent: &Extent) -> u32 {
        units_of(extent, self.unit_bytes())
    }

    fn units(&self) -> u32 {
        let geometry = self.board.flash().geometry();
        geometry.units - 2 * geometry.record_units
    }

    fn unit_bytes(&self) -> u32 {
        self.board.flash().geometry().unit_bytes
    }

    fn sector_units(&self) -> u32 {
        self.board.flash().sectors().package_units
    }

    fn offset(&self, unit: u32) -> u32 {
        (2 * self.board.flash().geometry().record_units + unit) * self.unit_bytes()
    }
}

/// Whether no package lies in any of the units.
fn is_unused(apps: &[(String, AppRecord)], first: u32, count: u32, unit_bytes: u32) -> bool {
    apps.iter().filter_map(|(_, record)| record.package).all(|extent| {
        let start = u32::from(extent.unit);
        start >= first + count || start + units_of(&extent, unit_bytes) <= first
    })
}

fn units_of(extent: &Extent, unit_bytes: u32) -> u32 {
    (aligned(extent.envelope_bytes.into()) + aligned(extent.module_bytes)).div_ceil(unit_bytes)
}

fn aligned(bytes: u32) -> u32 {
    bytes.next_multiple_of(ALIGNMENT as u32)
}
