//! The bytes of file headers and block headers.
//!
//! | file header | bytes |
//! |---|---|
//! | 0 | magic `DRYSCOPE` |
//! | 8 | version `u32` |
//! | 12 | zero |
//! | 32, 64 | two slots: offset `u64` of an index block, its sequence `u64`, CRC-32 of both `u32` |
//!
//! | block header | bytes |
//! |---|---|
//! | 0 | magic `DDBK` |
//! | 4 | kind `u8`, flags `u8`, zero `u16` |
//! | 8 | lane `u32`, entries `u32`, payload bytes `u32`, CRC-32 of the payload `u32` |
//! | 24 | first instant `u64`, last instant `u64`, sequence `u64`, period in ps `u64` |
//! | 56 | zero `u32`, CRC-32 of the 60 bytes before `u32` |

use crate::{
    lane::{MAX_NAME_BYTES, MAX_TIME_NS},
    pyramid::{self, SUMMARY_BYTES},
};

pub(super) const MAGIC: &[u8; 8] = b"DRYSCOPE";
pub(super) const VERSION: u32 = 1;
pub(super) const FILE_HEADER_BYTES: usize = 128;
pub(super) const SLOTS_AT: [usize; 2] = [32, 64];
pub(super) const SLOT_BYTES: usize = 20;
pub(crate) const HEADER_BYTES: usize = 64;
const BLOCK_MAGIC: &[u8; 4] = b"DDBK";

/// Entries of a block.
pub(crate) const MAX_ENTRIES: usize = 65_536;
/// Bytes of the texts of a block.
pub(super) const MAX_BLOB_BYTES: usize = 1 << 20;
/// An hour between two samples.
pub(super) const MAX_PERIOD_PS: u64 = 3_600_000_000_000_000;
/// Blocks of one index.
pub(super) const MAX_INDEXED: usize = 4_096;
/// Bytes of an index's entry: offset, header, summary.
pub(super) const INDEX_ENTRY_BYTES: usize = 8 + HEADER_BYTES + SUMMARY_BYTES;

/// The first entry follows the entry before without a gap.
pub(super) const CONTINUES: u8 = 1;
/// The level after the last edge of the block.
pub(super) const LAST_HIGH: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BlockKind {
    /// A lane's name, unit and kind.
    Declaration = 1,
    /// Entries: `time << 1 | level`.
    Edges = 2,
    /// Entries: time, `f64`.
    Numbers = 3,
    /// Entries: `f32`; the times follow from the period.
    Run = 4,
    /// Entries: time, `u32` end in the bytes behind the entries.
    Texts = 5,
    /// Nothing is known between the instants; `entries` says how many were lost, 0 if nobody knows.
    Gap = 6,
    /// All lanes are complete up to the last instant.
    Progress = 7,
    /// Offset of the index before, then the blocks since.
    Index = 8,
}

impl BlockKind {
    fn from_number(number: u8) -> Option<Self> {
        use BlockKind::*;
        [Declaration, Edges, Numbers, Run, Texts, Gap, Progress, Index]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }

    /// Whether it holds entries of a lane.
    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Edges | Self::Numbers | Self::Run | Self::Texts)
    }

    /// Bytes of an entry.
    pub(crate) fn entry_bytes(self) -> usize {
        match self {
            Self::Edges => 8,
            Self::Numbers => 16,
            Self::Run => 4,
            Self::Texts => 12,
            _ => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: BlockKind,
    pub(super) flags: u8,
    pub(crate) lane: u32,
    pub(crate) entries: u32,
    pub(crate) payload_bytes: u32,
    pub(crate) payload_crc: u32,
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
    pub(super) sequence: u64,
    pub(crate) period_ps: u64,
}

impl Header {
    /// Whether the first entry follows the entry before without a gap.
    pub(crate) fn continues(&self) -> bool {
        self.flags & CONTINUES != 0
    }

    /// The level after the last edge.
    pub(crate) fn ends_high(&self) -> bool {
        self.flags & LAST_HIGH != 0
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(BLOCK_MAGIC);
        out[4] = self.kind as u8;
        out[5] = self.flags;
        for (at, number) in [
            (8, self.lane),
            (12, self.entries),
            (16, self.payload_bytes),
            (20, self.payload_crc),
        ] {
            out[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        for (at, number) in [
            (24, self.from_ns),
            (32, self.until_ns),
            (40, self.sequence),
            (48, self.period_ps),
        ] {
            out[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header, if its checksum is right and its fields fit each other.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        if &bytes[..4] != BLOCK_MAGIC || crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return None;
        }
        let header = Self {
            kind: BlockKind::from_number(bytes[4])?,
            flags: bytes[5],
            lane: u32_at(bytes, 8),
            entries: u32_at(bytes, 12),
            payload_bytes: u32_at(bytes, 16),
            payload_crc: u32_at(bytes, 20),
            from_ns: u64_at(bytes, 24),
            until_ns: u64_at(bytes, 32),
            sequence: u64_at(bytes, 40),
            period_ps: u64_at(bytes, 48),
        };
        header.is_sound().then_some(header)
    }

    fn is_sound(&self) -> bool {
        let entries = self.entries as usize;
        let bytes = self.payload_bytes as usize;
        if self.from_ns > self.until_ns || self.until_ns > MAX_TIME_NS {
            return false;
        }
        match self.kind {
            BlockKind::Declaration => bytes <= 5 + 2 * MAX_NAME_BYTES,
            BlockKind::Gap | BlockKind::Progress => bytes == 0,
            BlockKind::Index => (8..=8 + MAX_INDEXED * INDEX_ENTRY_BYTES).contains(&bytes),
            _ if entries == 0 || entries > MAX_ENTRIES => false,
            BlockKind::Texts => {
                let least = entries * self.kind.entry_bytes();
                bytes >= least && bytes <= least + MAX_BLOB_BYTES
            }
            kind => {
                let is_timed = kind != BlockKind::Run
                    || (self.period_ps > 0
                        && self.period_ps <= MAX_PERIOD_PS
                        && self.until_ns == run_time(self.from_ns, self.period_ps, entries as u64 - 1));
                is_timed && bytes == entries * kind.entry_bytes() + pyramid::bytes_behind(entries)
            }
        }
    }
}

/// The instant of a sample of a run, rounded down to a nanosecond.
pub(crate) fn run_time(from_ns: u64, period_ps: u64, index: u64) -> u64 {
    let after_ns = u128::from(period_ps) * u128::from(index) / 1_000;
    from_ns.saturating_add(u64::try_from(after_ns).unwrap_or(u64::MAX))
}

/// The `u32` at an offset that the caller has checked.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The `u64` at an offset that the caller has checked.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
