//! What is next to an instant: the entries before and behind it, the text that holds there, the gaps around it. Each is
//! found by the logarithm of the number of entries, so that a window may ask for every lane in every frame.

use crate::{
    lane::{LaneId, TimeRange},
    recording::{Place, Recording},
};

impl Recording {
    /// The last instant before this one at which a lane has an entry. `None` if it has none there.
    ///
    /// Checksums are not compared: see [`verify`](Recording::verify).
    pub fn instant_before(&self, id: LaneId, instant_ns: u64) -> Option<u64> {
        let lane = self.blocks(id)?;
        let place = lane.place(&self.bytes, instant_ns, Place::default());
        let (block, index) = lane.last_before(place)?;
        Some(block.view(&self.bytes).instant(index))
    }

    /// The first instant behind this one at which a lane has an entry. `None` if it has none there.
    ///
    /// Checksums are not compared: see [`verify`](Recording::verify).
    pub fn instant_after(&self, id: LaneId, instant_ns: u64) -> Option<u64> {
        let lane = self.blocks(id)?;
        let place = lane.place(&self.bytes, instant_ns.checked_add(1)?, Place::default());
        let block = lane.blocks.get(place.block)?;
        Some(block.view(&self.bytes).instant(place.index))
    }

    /// The newest text of a lane at an instant or before it, and its own instant.
    ///
    /// Checksums are not compared: see [`verify`](Recording::verify).
    pub fn text_at(&self, id: LaneId, instant_ns: u64) -> Option<(u64, &[u8])> {
        let lane = self.blocks(id)?;
        let place = lane.place(&self.bytes, instant_ns.saturating_add(1), Place::default());
        let (block, index) = lane.last_before(place)?;
        let view = block.view(&self.bytes);
        Some((view.instant(index), view.text(index)))
    }

    /// Entries of a lane in a range.
    pub fn count_in(&self, id: LaneId, range: TimeRange) -> u64 {
        let Some(lane) = self.blocks(id) else { return 0 };
        let first = lane.place(&self.bytes, range.from_ns, Place::default());
        let end = lane.place(&self.bytes, range.until_ns, first);
        lane.entries_before(end) - lane.entries_before(first)
    }

    /// The gaps of a lane that touch a range, and how many entries were lost in each (0 if nobody knows).
    pub fn gaps(&self, id: LaneId, range: TimeRange) -> impl Iterator<Item = (TimeRange, u32)> {
        let gaps = self.blocks(id).map_or(&[][..], |lane| &lane.gaps);
        let first = gaps.partition_point(|(gap, _)| gap.until_ns <= range.from_ns);
        gaps[first..]
            .iter()
            .copied()
            .take_while(move |(gap, _)| gap.from_ns < range.until_ns)
    }
}
