//! Summaries of groups of entries, so that the minimum of a million entries is read from a few dozen places.
//!
//! A block's entries are summarised in groups of 64, of 2,048, and all together. These summaries are in the file. Above the
//! blocks, groups of 32 are summarised in memory.

use crate::recording::{Block, LaneBlocks, Place};

/// Entries of the smallest group.
pub(crate) const GROUP: usize = 64;
/// Entries of the next larger group.
pub(crate) const LARGE_GROUP: usize = 2_048;
/// Bytes of a summary in a file: four `f64`.
pub(crate) const SUMMARY_BYTES: usize = 32;
/// Bytes of the first instant of a group.
pub(crate) const INSTANT_BYTES: usize = 8;
/// Blocks, or groups of blocks, of a group in memory.
const FAN_OUT: usize = 32;

/// The numbers of many entries. What is not a number is passed over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The smallest; infinite if there is none.
    pub min: f64,
    /// The largest; minus infinity if there is none.
    pub max: f64,
    /// The sum of the numbers; in a digital lane, the nanoseconds between each rising edge and the next edge.
    pub sum: f64,
    /// The sum of the squares of the numbers; 0 in a digital lane.
    pub sum_of_squares: f64,
}

impl Summary {
    /// Of no entries.
    pub const EMPTY: Self = Self {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: 0.0,
        sum_of_squares: 0.0,
    };

    pub(crate) fn of_number(value: f64) -> Self {
        if value.is_nan() {
            return Self::EMPTY;
        }
        Self {
            min: value,
            max: value,
            sum: value,
            sum_of_squares: value * value,
        }
    }

    pub(crate) fn of_level(is_high: bool, held_ns: u64) -> Self {
        let level = f64::from(u8::from(is_high));
        Self {
            min: level,
            max: level,
            sum: level * held_ns as f64,
            sum_of_squares: 0.0,
        }
    }

    /// Both together.
    pub fn join(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
    }
}

/// Groups of both sizes of `entries` entries.
pub(crate) fn groups(entries: usize) -> usize {
    entries.div_ceil(GROUP) + entries.div_ceil(LARGE_GROUP)
}

/// Bytes behind `entries` entries: the first instants of all groups, so that a search touches little; then the summaries
/// of all groups, and of all entries.
pub(crate) fn bytes_behind(entries: usize) -> usize {
    groups(entries) * (INSTANT_BYTES + SUMMARY_BYTES) + SUMMARY_BYTES
}

/// Appends instants and summaries of groups of entries of which `entry(index)` tells instant and summary.
pub(crate) fn append_nodes(out: &mut Vec<u8>, entries: usize, entry: impl Fn(usize) -> (u64, Summary)) -> Summary {
    let mut groups: Vec<(u64, Summary)> = Vec::with_capacity(entries.div_ceil(GROUP));
    for first in (0..entries).step_by(GROUP) {
        let (instant, mut summary) = entry(first);
        for index in first + 1..entries.min(first + GROUP) {
            summary.join(&entry(index).1);
        }
        groups.push((instant, summary));
    }
    let large = join_groups(&groups, LARGE_GROUP / GROUP);
    let all = join_groups(&large, large.len().max(1));
    for (instant, _) in groups.iter().chain(&large) {
        out.extend_from_slice(&instant.to_le_bytes());
    }
    for (_, summary) in groups.iter().chain(&large).chain(&all) {
        append_summary(out, summary);
    }
    all.first().map_or(Summary::EMPTY, |(_, summary)| *summary)
}

fn join_groups(groups: &[(u64, Summary)], by: usize) -> Vec<(u64, Summary)> {
    groups
        .chunks(by)
        .map(|chunk| {
            let mut all = Summary::EMPTY;
            chunk.iter().for_each(|(_, summary)| all.join(summary));
            (chunk[0].0, all)
        })
        .collect()
}

pub(crate) fn append_summary(out: &mut Vec<u8>, summary: &Summary) {
    for number in [summary.min, summary.max, summary.sum, summary.sum_of_squares] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

pub(crate) fn summary_at(bytes: &[u8], at: usize) -> Summary {
    let number = |index: usize| f64::from_bits(crate::recording::u64_at(bytes, at + index * 8));
    Summary {
        min: number(0),
        max: number(1),
        sum: number(2),
        sum_of_squares: number(3),
    }
}

/// Summaries of groups of 32 blocks, of 32 such groups, and so on.
#[derive(Debug, Default)]
pub(crate) struct Upper {
    levels: Vec<Vec<Summary>>,
}

impl Upper {
    /// Takes in the lane's newest block, which is the `index`th.
    pub(crate) fn push(&mut self, index: usize, summary: &Summary) {
        let mut group = index;
        let mut level = 0;
        loop {
            group /= FAN_OUT;
            if self.levels.len() == level {
                // A new level begins with what the one below holds already.
                let mut first = Summary::EMPTY;
                match level.checked_sub(1) {
                    None => {}
                    Some(below) => self.levels[below].iter().for_each(|it| first.join(it)),
                }
                if level == 0 {
                    first.join(summary);
                }
                self.levels.push(vec![first]);
            } else if self.levels[level].len() == group {
                self.levels[level].push(*summary);
            } else {
                self.levels[level][group].join(summary);
            }
            if group == 0 {
                return;
            }
            level += 1;
        }
    }

    /// Adds to the sum of a block that was pushed before, and was not the newest then: time until the next block's edge.
    pub(crate) fn add_to_sum(&mut self, index: usize, ns: f64) {
        let mut group = index;
        for level in &mut self.levels {
            group /= FAN_OUT;
            if let Some(summary) = level.get_mut(group) {
                summary.sum += ns;
            }
        }
    }

    /// Joins the blocks `first..end` of `blocks`.
    fn join(&self, blocks: &[Block], first: usize, end: usize, into: &mut Summary) {
        let mut at = first;
        while at < end {
            let mut size = 1;
            let mut found = None;
            for level in &self.levels {
                let larger = size * FAN_OUT;
                if !at.is_multiple_of(larger) || at + larger > end {
                    break;
                }
                found = level.get(at / larger);
                size = larger;
            }
            match found {
                Some(summary) => into.join(summary),
                None => into.join(&blocks[at].summary),
            }
            at += size;
        }
    }
}

/// The summary of a lane's entries between two places.
pub(crate) fn summarise(bytes: &[u8], lane: &LaneBlocks, first: Place, end: Place) -> Summary {
    let mut all = Summary::EMPTY;
    if first.block == end.block {
        if let Some(block) = lane.blocks.get(first.block) {
            summarise_block(bytes, block, first.index, end.index, &mut all);
        }
        return all;
    }
    let mut whole = first.block;
    if first.index > 0
        && let Some(block) = lane.blocks.get(first.block)
    {
        summarise_block(bytes, block, first.index, block.entries(), &mut all);
        whole += 1;
    }
    lane.upper.join(&lane.blocks, whole, end.block, &mut all);
    if let Some(block) = lane.blocks.get(end.block) {
        summarise_block(bytes, block, 0, end.index, &mut all);
    }
    all
}

fn summarise_block(bytes: &[u8], block: &Block, first: usize, end: usize, into: &mut Summary) {
    let entries = block.entries();
    if first >= end {
        return;
    }
    if first == 0 && end == entries {
        into.join(&block.summary);
        return;
    }
    let view = block.view(bytes);
    let covers = |at: usize, size: usize| at.is_multiple_of(size) && (at + size).min(entries) <= end;
    let mut at = first;
    while at < end {
        if covers(at, LARGE_GROUP) {
            into.join(&view.large_group(at / LARGE_GROUP));
            at += LARGE_GROUP;
        } else if covers(at, GROUP) {
            into.join(&view.group(at / GROUP));
            at += GROUP;
        } else {
            let next = (at + 1).next_multiple_of(GROUP).min(end);
            view.join_entries(at, next, into);
            at = next;
        }
    }
    if end == entries {
        into.sum += block.held_high_ns as f64;
    }
}
