//! Every entry of a lane, in order, each block checked before it is read.

use crate::{
    lane::{LaneId, LaneKind, TimeRange},
    recording::{BlockKind, Damage, LaneBlocks, Place, Recording},
};

/// One entry of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    /// From this instant on the lane has this level.
    Level {
        /// When, in ns.
        at_ns: u64,
        /// The level.
        is_high: bool,
    },
    /// A number.
    Number {
        /// When, in ns.
        at_ns: u64,
        /// In the lane's unit.
        value: f64,
    },
    /// Bytes.
    Text {
        /// When, in ns.
        at_ns: u64,
        /// Not always UTF-8.
        bytes: &'a [u8],
    },
    /// Nothing is known here.
    Gap {
        /// Where.
        range: TimeRange,
        /// How many entries were lost; 0 if nobody knows.
        lost: u32,
    },
}

impl Entry<'_> {
    /// When it is, or begins, in ns.
    pub fn at_ns(&self) -> u64 {
        match self {
            Self::Level { at_ns, .. } | Self::Number { at_ns, .. } | Self::Text { at_ns, .. } => *at_ns,
            Self::Gap { range, .. } => range.from_ns,
        }
    }
}

/// A block cannot be read. The entries go on behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what lane {} recorded between {} and {} ns is lost: {damage}", lane.0, range.from_ns, range.until_ns)]
pub struct EntryError {
    /// The lane.
    pub lane: LaneId,
    /// From the first to behind the last entry of the block.
    pub range: TimeRange,
    /// Where in the file.
    pub damage: Damage,
}

/// The entries of a lane; see [`Recording::entries`].
#[derive(Debug)]
pub struct Entries<'a> {
    recording: &'a Recording,
    id: LaneId,
    lane: Option<&'a LaneBlocks>,
    range: TimeRange,
    block: usize,
    index: usize,
    gap: usize,
}

impl Recording {
    /// The entries of a lane in a range, and the gaps that touch it. A lane that is not there has none.
    pub fn entries(&self, id: LaneId, range: TimeRange) -> Entries<'_> {
        let lane = self.blocks(id);
        let blocks = lane.map_or(0, |lane| {
            lane.blocks
                .partition_point(|block| block.header.until_ns < range.from_ns)
        });
        Entries {
            recording: self,
            id,
            lane,
            range,
            block: blocks,
            index: 0,
            gap: lane.map_or(0, |lane| {
                lane.gaps.partition_point(|(gap, _)| gap.until_ns <= range.from_ns)
            }),
        }
    }

    /// The level or number that a lane has just before an instant; `None` where nothing is known.
    pub fn number_at(&self, id: LaneId, instant_ns: u64) -> Option<f64> {
        let lane = self.blocks(id)?;
        let place = lane.place(&self.bytes, instant_ns, Place::default());
        self.number_before(lane, place, instant_ns)
    }
}

impl Recording {
    /// The level or number that holds at an instant, as an entry there.
    pub(crate) fn held(&self, id: LaneId, at_ns: u64) -> Option<Entry<'static>> {
        let value = self.number_at(id, at_ns)?;
        Some(match self.lane(id)?.kind {
            LaneKind::Digital => Entry::Level {
                at_ns,
                is_high: value > 0.0,
            },
            _ => Entry::Number { at_ns, value },
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let lane = self.lane?;
        loop {
            let block = lane.blocks.get(self.block);
            let gap = lane
                .gaps
                .get(self.gap)
                .filter(|(gap, _)| gap.from_ns < self.range.until_ns);
            // A gap lies between two blocks: it is next if the next block is behind it.
            if let Some(&(range, lost)) = gap
                && (self.index == 0 && block.is_none_or(|block| block.header.from_ns >= range.until_ns))
            {
                self.gap += 1;
                return Some(Ok(Entry::Gap { range, lost }));
            }
            let block = block.filter(|block| block.header.from_ns < self.range.until_ns)?;
            let view = block.view(&self.recording.bytes);
            if self.index == 0 {
                let is_right = view.is_intact() && view.is_in_order();
                if !is_right {
                    self.block += 1;
                    return Some(Err(EntryError {
                        lane: self.id,
                        range: TimeRange::new(block.header.from_ns, block.header.until_ns.saturating_add(1)),
                        damage: self
                            .recording
                            .damage_at(block.offset as usize, "the checksum of a block is wrong"),
                    }));
                }
                self.index = view.entries_before(self.range.from_ns);
            }
            if self.index >= block.entries() {
                self.block += 1;
                self.index = 0;
                continue;
            }
            let index = self.index;
            let at_ns = view.instant(index);
            if at_ns >= self.range.until_ns {
                return None;
            }
            self.index += 1;
            if self.index == block.entries() {
                self.block += 1;
                self.index = 0;
            }
            return Some(Ok(match block.header.kind {
                BlockKind::Edges => Entry::Level {
                    at_ns,
                    is_high: view.is_high(index),
                },
                BlockKind::Texts => Entry::Text {
                    at_ns,
                    bytes: view.text(index),
                },
                _ => Entry::Number {
                    at_ns,
                    value: view.number(index),
                },
            }));
        }
    }
}
