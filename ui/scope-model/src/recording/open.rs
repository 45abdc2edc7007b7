//! Opens recordings, whatever their bytes are.

use super::{
    block::LaneBlocks,
    format::{
        BlockKind, FILE_HEADER_BYTES, HEADER_BYTES, Header, INDEX_ENTRY_BYTES, MAGIC, SLOT_BYTES, SLOTS_AT, VERSION,
        u32_at, u64_at,
    },
};
use crate::{
    entries::Entry,
    lane::{Lane, LaneId, LaneKind, MAX_LANES, TimeRange},
    map::Bytes,
    pyramid::{Summary, summary_at},
};
use std::{fs::File, io, path::Path};

/// Why a file could not be opened as a recording.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
    /// It is a file of another kind.
    #[error("this is not a recording of Drydock; choose a file that Drydock recorded")]
    Foreign,
    /// It was made by a newer Drydock.
    #[error("the recording has format {0}; this Drydock reads up to {VERSION}, so open it with a newer one")]
    Newer(u32),
}

/// Where a recording is damaged. Everything before is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recording is damaged at byte {at_byte} of {of_bytes}: {what}")]
pub struct Damage {
    /// Offset in the file.
    pub at_byte: u64,
    /// Length of the file.
    pub of_bytes: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// An open recording.
pub struct Recording {
    pub(crate) bytes: Bytes,
    file: Option<File>,
    lanes: Vec<(Lane, LaneBlocks)>,
    /// Up to here the blocks are known.
    at: u64,
    sequence: u64,
    recorded_until_ns: u64,
    damage: Option<Damage>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("lanes", &self.lanes.len())
            .field("bytes", &self.at)
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Opens a file, which may still be written to.
    ///
    /// # Errors
    /// [`OpenError`]. A file that begins as a recording is opened up to its [`damage`](Self::damage).
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path)?;
        let bytes = Bytes::map(&file)?;
        Self::from_source(bytes, Some(file))
    }

    /// Opens a recording in memory.
    ///
    /// # Errors
    /// [`OpenError::Foreign`], [`OpenError::Newer`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, OpenError> {
        Self::from_source(Bytes::Owned(bytes), None)
    }

    fn from_source(bytes: Bytes, file: Option<File>) -> Result<Self, OpenError> {
        if bytes.len() < FILE_HEADER_BYTES || &bytes[..8] != MAGIC {
            return Err(OpenError::Foreign);
        }
        match u32_at(&bytes, 8) {
            VERSION => {}
            0 => return Err(OpenError::Foreign),
            newer => return Err(OpenError::Newer(newer)),
        }
        let mut recording = Self {
            bytes,
            file,
            lanes: Vec::new(),
            at: FILE_HEADER_BYTES as u64,
            sequence: 0,
            recorded_until_ns: 0,
            damage: None,
        };
        if !recording.follow_indexes() {
            recording.start_over();
        }
        recording.scan();
        Ok(recording)
    }

    /// Takes in what was written since. Returns whether there was anything.
    ///
    /// # Errors
    /// [`OpenError::Io`]. The recording is then as it was.
    pub fn refresh(&mut self) -> Result<bool, OpenError> {
        let Some(file) = &self.file else { return Ok(false) };
        self.bytes.grow(file)?;
        let before = self.at;
        self.scan();
        Ok(self.at > before)
    }

    /// The lanes, in the order of their [`LaneId`]s.
    pub fn lanes(&self) -> impl ExactSizeIterator<Item = (LaneId, &Lane)> {
        let ids = 0..self.lanes.len() as u32;
        ids.zip(&self.lanes).map(|(id, (lane, _))| (LaneId(id), lane))
    }

    /// A lane.
    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(id.0 as usize).map(|(lane, _)| lane)
    }

    /// The lane with this name.
    pub fn lane_named(&self, name: &str) -> Option<LaneId> {
        let mut lanes = self.lanes();
        lanes.find(|(_, lane)| lane.name == name).map(|(id, _)| id)
    }

    /// The first text of the lane with this name, such as what the recording says about itself.
    pub fn first_text(&self, name: &str) -> Option<&[u8]> {
        let lane = self.lane_named(name)?;
        match self.entries(lane, TimeRange::new(0, u64::MAX)).next()? {
            Ok(Entry::Text { bytes, .. }) => Some(bytes),
            _ => None,
        }
    }

    /// All lanes are complete up to this instant, but for their gaps, in ns.
    pub fn recorded_until_ns(&self) -> u64 {
        self.recorded_until_ns
    }

    /// Entries of a lane.
    pub fn count(&self, id: LaneId) -> u64 {
        self.blocks(id).map_or(0, LaneBlocks::entries)
    }

    /// The last entry of a lane, or the end of its last gap, in ns; 0 if it has none.
    pub fn last_ns(&self, id: LaneId) -> u64 {
        self.blocks(id).map_or(0, |blocks| blocks.last_ns)
    }

    /// Where the recording ends early, if it does. While it is written to, its last block may be incomplete for a moment.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Reads everything and compares checksums, which opening does not do.
    ///
    /// # Errors
    /// The first [`Damage`].
    pub fn verify(&self) -> Result<(), Damage> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let mut at = FILE_HEADER_BYTES;
        while at < self.bytes.len() {
            let Some((_, payload)) =
                block_at(&self.bytes, at).filter(|(header, payload)| crc32fast::hash(payload) == header.payload_crc)
            else {
                return Err(self.damage_at(at, "the checksum of a block is wrong"));
            };
            at += HEADER_BYTES + payload.len();
        }
        Ok(())
    }

    pub(crate) fn blocks(&self, id: LaneId) -> Option<&LaneBlocks> {
        self.lanes.get(id.0 as usize).map(|(_, blocks)| blocks)
    }

    pub(crate) fn damage_at(&self, at: usize, what: &'static str) -> Damage {
        Damage {
            at_byte: at as u64,
            of_bytes: self.bytes.len() as u64,
            what,
        }
    }

    fn start_over(&mut self) {
        self.lanes.clear();
        self.at = FILE_HEADER_BYTES as u64;
        self.sequence = 0;
        self.recorded_until_ns = 0;
    }

    /// Takes in the blocks that the newest usable index and those before it list. Returns false if they are of no use;
    /// then some blocks may have been taken in.
    fn follow_indexes(&mut self) -> bool {
        let slots = SLOTS_AT.iter().filter_map(|&at| {
            let slot = &self.bytes[at..at + SLOT_BYTES];
            let is_intact = crc32fast::hash(&slot[..16]) == u32_at(slot, 16);
            is_intact.then(|| (u64_at(slot, 8), u64_at(slot, 0)))
        });
        let Some((_, newest)) = slots.max() else { return false };
        let mut chain = Vec::new();
        let mut at = newest;
        while at != 0 {
            // Each index is before the one that names it, so that the chain ends.
            if chain.last().is_some_and(|&after| at >= after) || index_at(&self.bytes, at).is_none() {
                return false;
            }
            chain.push(at);
            at = index_at(&self.bytes, at).map_or(0, |(before, _)| before);
        }
        for &index in chain.iter().rev() {
            let Some((_, entries)) = index_at(&self.bytes, index) else {
                return false;
            };
            // The index names bytes of the file, and taking one in changes everything but them.
            let entries = entries.to_vec();
            for entry in entries.chunks_exact(INDEX_ENTRY_BYTES) {
                let Some(header) = Header::decode(&entry[8..]) else {
                    return false;
                };
                let summary = summary_at(entry, 8 + HEADER_BYTES);
                if u64_at(entry, 0) != self.at || self.take_in(header, Some(summary)).is_err() {
                    return false;
                }
            }
            let is_next = self.at == index && block_at(&self.bytes, index as usize).is_some();
            let Some((header, _)) = block_at(&self.bytes, index as usize).filter(|_| is_next) else {
                return false;
            };
            if self.take_in(header, None).is_err() {
                return false;
            }
        }
        true
    }

    /// Takes in blocks up to the end of the file, or up to damage.
    fn scan(&mut self) {
        self.damage = None;
        while (self.at as usize) < self.bytes.len() {
            let at = self.at as usize;
            let taken = match block_at(&self.bytes, at) {
                None => Err("no block begins there, or it is cut off"),
                Some((header, payload)) if crc32fast::hash(payload) != header.payload_crc => {
                    Err("the checksum of a block is wrong")
                }
                Some((header, _)) => self.take_in(header, None),
            };
            if let Err(what) = taken {
                self.damage = Some(self.damage_at(at, what));
                return;
            }
        }
    }

    /// Takes in the block at `self.at`. Its summary is read from the block if it is not given.
    fn take_in(&mut self, header: Header, summary: Option<Summary>) -> Result<(), &'static str> {
        let at = self.at as usize;
        let end = at + HEADER_BYTES + header.payload_bytes as usize;
        if end > self.bytes.len() {
            return Err("a block is cut off");
        }
        if header.sequence != self.sequence {
            return Err("a block is missing or twice there");
        }
        let lane = header.lane as usize;
        match header.kind {
            BlockKind::Declaration => {
                let declared =
                    declaration(&self.bytes[at + HEADER_BYTES..end]).ok_or("a lane's declaration is wrong")?;
                if lane != self.lanes.len() || lane >= MAX_LANES {
                    return Err("a lane has a wrong number");
                }
                let blocks = LaneBlocks {
                    is_after_gap: true,
                    ..LaneBlocks::default()
                };
                self.lanes.push((declared, blocks));
            }
            BlockKind::Progress => {}
            BlockKind::Index => {}
            BlockKind::Gap => {
                let (_, blocks) = self.lanes.get_mut(lane).ok_or("a gap is in no lane")?;
                if header.from_ns < blocks.last_ns || header.from_ns == header.until_ns {
                    return Err("a gap is out of order");
                }
                let gap = crate::TimeRange::new(header.from_ns, header.until_ns);
                blocks.gaps.push((gap, header.entries));
                blocks.last_ns = header.until_ns;
                blocks.is_after_gap = true;
            }
            kind => {
                let (declared, blocks) = self.lanes.get_mut(lane).ok_or("entries are in no lane")?;
                let fits = match declared.kind {
                    LaneKind::Digital => kind == BlockKind::Edges,
                    LaneKind::Number => matches!(kind, BlockKind::Numbers | BlockKind::Run),
                    LaneKind::Text => kind == BlockKind::Texts,
                };
                if !fits || header.from_ns < blocks.last_ns || header.continues() == blocks.is_after_gap {
                    return Err("entries are out of order");
                }
                let mut block = super::Block {
                    offset: self.at,
                    header,
                    summary: Summary::EMPTY,
                    first_entry: 0,
                    starts: 0,
                    held_high_ns: 0,
                };
                block.summary = summary.unwrap_or_else(|| block.view(&self.bytes).whole());
                blocks.push(self.at, header, block.summary);
            }
        }
        if header.kind.is_data() || matches!(header.kind, BlockKind::Progress | BlockKind::Gap) {
            self.recorded_until_ns = self.recorded_until_ns.max(header.until_ns);
        }
        self.sequence += 1;
        self.at = end as u64;
        Ok(())
    }
}

/// Header and payload of the block at an offset, if all of it is there.
fn block_at(bytes: &[u8], at: usize) -> Option<(Header, &[u8])> {
    let rest = bytes.get(at..)?;
    let header = Header::decode(rest)?;
    let payload = rest.get(HEADER_BYTES..HEADER_BYTES + header.payload_bytes as usize)?;
    Some((header, payload))
}

/// The offset of the index before, and the entries of the index at an offset, if it is intact.
fn index_at(bytes: &[u8], at: u64) -> Option<(u64, &[u8])> {
    let (header, payload) = block_at(bytes, usize::try_from(at).ok()?)?;
    let is_index = header.kind == BlockKind::Index && (payload.len() - 8) % INDEX_ENTRY_BYTES == 0;
    (is_index && crc32fast::hash(payload) == header.payload_crc).then(|| (u64_at(payload, 0), &payload[8..]))
}

fn declaration(payload: &[u8]) -> Option<Lane> {
    let (kind, mut rest) = payload.split_first()?;
    let kind = match kind {
        0 => LaneKind::Digital,
        1 => LaneKind::Number,
        2 => LaneKind::Text,
        _ => return None,
    };
    let mut text = || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = after;
        String::from_utf8(text.to_vec()).ok()
    };
    Some(Lane {
        name: text()?,
        unit: text()?,
        kind,
    })
}
