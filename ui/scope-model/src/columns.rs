//! What a window draws: one value for each column of pixels.

use crate::{
    lane::{LaneId, TimeRange},
    pyramid::summarise,
    recording::{LaneBlocks, Place, Recording},
};

/// One column of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// The instants that it stands for.
    pub range: TimeRange,
    /// Entries in it.
    pub entries: u64,
    /// Changes of level in it; for other lanes the entries that have one before them.
    pub edges: u64,
    /// Smallest and largest number in it. A digital lane also has the level with which the column begins. `None` if
    /// nothing is known.
    pub min_max: Option<(f64, f64)>,
    /// The number with which the column begins: of the last entry before it, unless a gap is in between.
    pub at_start: Option<f64>,
    /// A gap touches it, or it reaches beyond the end of the recording.
    pub has_gap: bool,
}

impl Recording {
    /// Cuts a range into `columns` columns of equal length, to a nanosecond. A lane that is not there has no columns.
    ///
    /// What is up to a 64th of a column behind the border between two columns may count for the earlier one: nobody sees it,
    /// and mostly summaries are read then, and no entries. [`columns_exact`](Self::columns_exact) counts exactly.
    ///
    /// The cost grows with the number of columns, and with the logarithm of the number of entries. Checksums are not
    /// compared: see [`verify`](Recording::verify).
    pub fn columns(&self, id: LaneId, range: TimeRange, columns: usize) -> Vec<Column> {
        self.cut(id, range, columns, range.len_ns() / columns.max(1) as u64 / 64)
    }

    /// As [`columns`](Self::columns), with each entry in its column.
    pub fn columns_exact(&self, id: LaneId, range: TimeRange, columns: usize) -> Vec<Column> {
        self.cut(id, range, columns, 0)
    }

    fn cut(&self, id: LaneId, range: TimeRange, columns: usize, near_ns: u64) -> Vec<Column> {
        let Some(lane) = self.blocks(id) else { return Vec::new() };
        let is_digital = matches!(self.lane(id), Some(lane) if lane.kind == crate::LaneKind::Digital);
        let instant = |column: usize| {
            let after = u128::from(range.len_ns()) * column as u128 / columns.max(1) as u128;
            range.from_ns + after as u64
        };
        let mut from_ns = range.from_ns;
        let mut first = lane.place(&self.bytes, from_ns, Place::default());
        (0..columns)
            .map(|column| {
                let range = TimeRange::new(from_ns, instant(column + 1));
                let near_ns = if column + 1 == columns { 0 } else { near_ns };
                let end = lane.place_near(&self.bytes, range.until_ns, first, near_ns);
                let column = self.column(lane, range, first, end, is_digital);
                (from_ns, first) = (range.until_ns, end);
                column
            })
            .collect()
    }

    fn column(&self, lane: &LaneBlocks, range: TimeRange, first: Place, end: Place, is_digital: bool) -> Column {
        let at_start = self.number_before(lane, first, range.from_ns);
        let entries = lane.entries_before(end) - lane.entries_before(first);
        let edges = lane.edges_before(end) - lane.edges_before(first);
        let min_max = if is_digital && edges > 0 {
            // Before an edge is the other level, in this column or with which it begins.
            Some((0.0, 1.0))
        } else if is_digital && entries == 0 {
            at_start.map(|level| (level, level))
        } else {
            let mut all = summarise(&self.bytes, lane, first, end);
            if let Some(level) = at_start.filter(|_| is_digital) {
                all.min = all.min.min(level);
                all.max = all.max.max(level);
            }
            (all.min <= all.max).then_some((all.min, all.max))
        };
        Column {
            range,
            entries,
            edges,
            min_max,
            at_start,
            has_gap: range.until_ns > self.recorded_until_ns() || lane.gaps_in(range).next().is_some(),
        }
    }

    /// The number that holds at `instant_ns`, whose place this is.
    pub(crate) fn number_before(&self, lane: &LaneBlocks, place: Place, instant_ns: u64) -> Option<f64> {
        let (block, index) = lane.last_before(place)?;
        let view = block.view(&self.bytes);
        // A gap may begin at the entry's own instant, and end at this one.
        let is_cut = || {
            let since = TimeRange::new(view.instant(index), instant_ns);
            lane.gaps_in(since).next().is_some()
        };
        let number = view.number_behind(index);
        (!number.is_nan() && (lane.gaps.is_empty() || !is_cut())).then_some(number)
    }
}
