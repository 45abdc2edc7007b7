//! Blocks of a lane in memory, and the view of one in the file.

use super::format::{BlockKind, HEADER_BYTES, Header, run_time, u32_at, u64_at};
use crate::{
    lane::TimeRange,
    pyramid::{self, GROUP, INSTANT_BYTES, LARGE_GROUP, SUMMARY_BYTES, Summary, Upper, summary_at},
};

/// A block of entries: where it is and what its header says.
#[derive(Debug)]
pub(crate) struct Block {
    /// Offset of the header in the file.
    pub(crate) offset: u64,
    pub(crate) header: Header,
    /// Of all its entries, with `held_high_ns`.
    pub(crate) summary: Summary,
    /// Entries of the lane before this block.
    pub(crate) first_entry: u64,
    /// Blocks of the lane up to and with this one whose first entry is no edge, because nothing is known before it.
    pub(crate) starts: u64,
    /// How long the level after the last edge is high until the next block's first edge, in ns.
    pub(crate) held_high_ns: u64,
}

impl Block {
    pub(crate) fn entries(&self) -> usize {
        self.header.entries as usize
    }

    pub(crate) fn view<'a>(&self, bytes: &'a [u8]) -> BlockView<'a> {
        let first = self.offset as usize + HEADER_BYTES;
        BlockView {
            header: self.header,
            payload: &bytes[first..first + self.header.payload_bytes as usize],
        }
    }
}

/// Between two entries of a lane: block, and index in it, of the entry behind. Behind the last entry it is the first one of
/// the block that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) block: usize,
    pub(crate) index: usize,
}

/// The blocks of one lane.
#[derive(Debug, Default)]
pub(crate) struct LaneBlocks {
    pub(crate) blocks: Vec<Block>,
    pub(crate) upper: Upper,
    /// Gaps by time, with how many entries were lost in each.
    pub(crate) gaps: Vec<(TimeRange, u32)>,
    /// No entry may be before.
    pub(super) last_ns: u64,
    /// Whether a gap, or nothing, comes before the next entry.
    pub(super) is_after_gap: bool,
}

impl LaneBlocks {
    /// Entries of the lane.
    pub(crate) fn entries(&self) -> u64 {
        self.blocks
            .last()
            .map_or(0, |block| block.first_entry + block.entries() as u64)
    }

    /// The place of an instant, at or behind the place of an earlier one.
    pub(crate) fn place(&self, bytes: &[u8], instant_ns: u64, behind: Place) -> Place {
        self.place_near(bytes, instant_ns, behind, 0)
    }

    /// The same for an instant that may be up to `near_ns` later, so that the entries need not be read.
    pub(crate) fn place_near(&self, bytes: &[u8], instant_ns: u64, behind: Place, near_ns: u64) -> Place {
        let later = &self.blocks[behind.block.min(self.blocks.len())..];
        // Mostly it is the same block, or the next one.
        let skipped = match later.first() {
            Some(block) if block.header.until_ns < instant_ns => {
                1 + later[1..].partition_point(|block| block.header.until_ns < instant_ns)
            }
            _ => 0,
        };
        let at = behind.block + skipped;
        let index = match self.blocks.get(at) {
            Some(block) if block.header.from_ns < instant_ns => {
                block.view(bytes).entries_before_near(instant_ns, near_ns)
            }
            _ => 0,
        };
        Place { block: at, index }.max(behind)
    }

    /// Entries before a place.
    pub(crate) fn entries_before(&self, place: Place) -> u64 {
        match self.blocks.get(place.block) {
            Some(block) => block.first_entry + place.index as u64,
            None => self.entries(),
        }
    }

    /// Entries before a place that have a level or number before them, because no gap is in between.
    pub(crate) fn edges_before(&self, place: Place) -> u64 {
        let blocks = if place.index > 0 { place.block + 1 } else { place.block };
        let starts = blocks.checked_sub(1).map_or(0, |block| self.blocks[block].starts);
        self.entries_before(place) - starts
    }

    /// The place one entry later.
    pub(crate) fn behind(&self, place: Place) -> Place {
        match self.blocks.get(place.block) {
            Some(block) if place.index + 1 < block.entries() => Place {
                index: place.index + 1,
                ..place
            },
            _ => Place {
                block: place.block + 1,
                index: 0,
            },
        }
    }

    /// The place one entry earlier.
    pub(crate) fn ahead(&self, place: Place) -> Place {
        match place.index.checked_sub(1) {
            Some(index) => Place { index, ..place },
            None => {
                let block = place.block.saturating_sub(1);
                let entries = self.blocks.get(block).map_or(1, Block::entries);
                Place {
                    block,
                    index: entries - 1,
                }
            }
        }
    }

    /// The last entry before a place.
    pub(crate) fn last_before(&self, place: Place) -> Option<(&Block, usize)> {
        match place.index.checked_sub(1) {
            Some(index) => Some((&self.blocks[place.block], index)),
            None => {
                let block = &self.blocks[place.block.checked_sub(1)?];
                Some((block, block.entries() - 1))
            }
        }
    }

    /// Takes in the next block of the lane. The header was checked to be in order.
    pub(super) fn push(&mut self, offset: u64, header: Header, summary: Summary) {
        let index = self.blocks.len();
        let first_entry = self.entries();
        let mut starts = u64::from(!header.continues());
        if let Some(before) = self.blocks.last_mut() {
            starts += before.starts;
            let held_ns = header.from_ns.saturating_sub(before.header.until_ns);
            if header.kind == BlockKind::Edges && header.continues() && before.header.ends_high() {
                before.held_high_ns = held_ns;
                before.summary.sum += held_ns as f64;
                self.upper.add_to_sum(index - 1, held_ns as f64);
            }
        }
        self.upper.push(index, &summary);
        self.blocks.push(Block {
            offset,
            header,
            summary,
            first_entry,
            starts,
            held_high_ns: 0,
        });
        self.last_ns = header.until_ns;
        self.is_after_gap = false;
    }

    /// The gaps that touch a range.
    pub(crate) fn gaps_in(&self, range: TimeRange) -> impl Iterator<Item = TimeRange> {
        let first = self.gaps.partition_point(|(gap, _)| gap.until_ns <= range.from_ns);
        self.gaps[first..]
            .iter()
            .map(|(gap, _)| *gap)
            .take_while(move |gap| gap.from_ns < range.until_ns)
    }
}

/// The payload of a block.
#[derive(Clone, Copy)]
pub(crate) struct BlockView<'a> {
    header: Header,
    payload: &'a [u8],
}

impl<'a> BlockView<'a> {
    fn entries(&self) -> usize {
        self.header.entries as usize
    }

    /// Whether the payload is what was written.
    pub(crate) fn is_intact(&self) -> bool {
        crc32fast::hash(self.payload) == self.header.payload_crc
    }

    /// Whether the entries are between the header's instants and in order, and texts within the block.
    pub(crate) fn is_in_order(&self) -> bool {
        let blob_bytes = self.payload.len() - self.entries() * self.header.kind.entry_bytes();
        let (mut before_ns, mut text_end) = (self.header.from_ns, 0);
        for index in 0..self.entries() {
            let at_ns = self.instant(index);
            if at_ns < before_ns {
                return false;
            }
            before_ns = at_ns;
            if self.header.kind == BlockKind::Texts {
                let end = u32_at(self.payload, index * 12 + 8) as usize;
                if end < text_end || end > blob_bytes {
                    return false;
                }
                text_end = end;
            }
        }
        before_ns <= self.header.until_ns
    }

    pub(crate) fn instant(&self, index: usize) -> u64 {
        match self.header.kind {
            BlockKind::Edges => u64_at(self.payload, index * 8) >> 1,
            BlockKind::Run => run_time(self.header.from_ns, self.header.period_ps, index as u64),
            kind => u64_at(self.payload, index * kind.entry_bytes()),
        }
    }

    pub(crate) fn is_high(&self, index: usize) -> bool {
        self.header.kind == BlockKind::Edges && u64_at(self.payload, index * 8) & 1 != 0
    }

    /// The entry as a number; a text has none.
    pub(crate) fn number(&self, index: usize) -> f64 {
        match self.header.kind {
            BlockKind::Edges => f64::from(u8::from(self.is_high(index))),
            BlockKind::Numbers => f64::from_bits(u64_at(self.payload, index * 16 + 8)),
            BlockKind::Run => f64::from(f32::from_bits(u32_at(self.payload, index * 4))),
            _ => f64::NAN,
        }
    }

    /// The bytes of a text; empty if the block is damaged.
    pub(crate) fn text(&self, index: usize) -> &'a [u8] {
        if self.header.kind != BlockKind::Texts {
            return &[];
        }
        let end = |index: usize| u32_at(self.payload, index * 12 + 8) as usize;
        let first = index.checked_sub(1).map_or(0, end);
        let blob = &self.payload[self.entries() * 12..];
        blob.get(first..end(index)).unwrap_or_default()
    }

    /// The number that holds behind an entry. Levels of a block alternate, so that a level needs no byte of the file.
    pub(crate) fn number_behind(&self, index: usize) -> f64 {
        if self.header.kind != BlockKind::Edges {
            return self.number(index);
        }
        let is_other = !(self.entries() - 1).saturating_sub(index).is_multiple_of(2);
        f64::from(u8::from(self.header.ends_high() != is_other))
    }

    /// Joins the entries `first..end`.
    pub(crate) fn join_entries(&self, first: usize, end: usize, into: &mut Summary) {
        let size = self.header.kind.entry_bytes();
        let entries = self.payload[first * size..end * size].chunks_exact(size);
        match self.header.kind {
            BlockKind::Edges => {
                for index in first..end {
                    let held_ns = if index + 1 < self.entries() {
                        self.instant(index + 1).saturating_sub(self.instant(index))
                    } else {
                        0
                    };
                    into.join(&Summary::of_level(self.is_high(index), held_ns));
                }
            }
            BlockKind::Numbers => {
                entries.for_each(|entry| into.join(&Summary::of_number(f64::from_bits(u64_at(entry, 8)))));
            }
            BlockKind::Run => {
                entries.for_each(|entry| {
                    into.join(&Summary::of_number(f64::from(f32::from_bits(u32_at(entry, 0)))));
                });
            }
            _ => {}
        }
    }

    /// Offset of the first instant of a group.
    fn instant_at(&self, group: usize) -> usize {
        self.entries() * self.header.kind.entry_bytes() + group * INSTANT_BYTES
    }

    /// The summary of a group; large groups come behind all others, and all entries behind them.
    fn summary(&self, group: usize) -> Summary {
        match self.header.kind {
            BlockKind::Texts => Summary::EMPTY,
            _ => summary_at(
                self.payload,
                self.instant_at(pyramid::groups(self.entries())) + group * SUMMARY_BYTES,
            ),
        }
    }

    pub(crate) fn group(&self, index: usize) -> Summary {
        self.summary(index)
    }

    pub(crate) fn large_group(&self, index: usize) -> Summary {
        self.summary(self.entries().div_ceil(GROUP) + index)
    }

    /// The summary of all entries.
    pub(super) fn whole(&self) -> Summary {
        self.summary(pyramid::groups(self.entries()))
    }

    /// How many entries are before an instant.
    pub(crate) fn entries_before(&self, instant_ns: u64) -> usize {
        self.entries_before_near(instant_ns, 0)
    }

    /// How many entries are before an instant, or one that is up to `near_ns` later.
    fn entries_before_near(&self, instant_ns: u64, near_ns: u64) -> usize {
        let entries = self.entries();
        if matches!(self.header.kind, BlockKind::Run | BlockKind::Texts) {
            let exact = first_where(0, entries, |index| self.instant(index) >= instant_ns);
            let is_near = u128::from(self.header.period_ps) * GROUP as u128 <= u128::from(near_ns) * 1_000;
            return match self.header.kind {
                BlockKind::Run if near_ns > 0 && is_near => exact.next_multiple_of(GROUP).min(entries),
                _ => exact,
            };
        }
        // Down the groups, so that few pages of the file are touched.
        let groups = entries.div_ceil(GROUP);
        let large = first_where(0, entries.div_ceil(LARGE_GROUP), |index| {
            u64_at(self.payload, self.instant_at(groups + index)) >= instant_ns
        });
        let per_large = LARGE_GROUP / GROUP;
        let group = first_where(
            large.saturating_sub(1) * per_large,
            groups.min(large * per_large),
            |index| u64_at(self.payload, self.instant_at(index)) >= instant_ns,
        );
        // The border lies between the first entries of two groups. The later one will do if it is near.
        if near_ns > 0 && group > 0 {
            let first_ns = |group: usize| u64_at(self.payload, self.instant_at(group));
            let next_ns = if group < groups {
                first_ns(group)
            } else {
                self.header.until_ns
            };
            if next_ns.saturating_sub(first_ns(group - 1)) <= near_ns {
                return entries.min(group * GROUP);
            }
        }
        first_where(group.saturating_sub(1) * GROUP, entries.min(group * GROUP), |index| {
            self.instant(index) >= instant_ns
        })
    }
}

/// The first index of `from..until` for which `is` holds, which then holds for all after it; else `until`.
fn first_where(from: usize, until: usize, is: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (from, until.max(from));
    while low < high {
        let middle = low + (high - low) / 2;
        if is(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
