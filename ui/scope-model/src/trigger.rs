//! Triggers: conditions on lanes, watched entry by entry, in a stream or in a recording.

use crate::{
    decode::{Annotation, Decoder, Uart},
    entries::{Entry, EntryError},
    lane::{LaneId, TimeRange},
    merged::Merged,
    recording::Recording,
};

/// When a trigger fires.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A digital lane changes to `to_high`; to either level if it is `None`.
    Edge {
        /// The lane.
        lane: LaneId,
        /// Rising, falling, or both.
        to_high: Option<bool>,
    },
    /// A digital lane is found at a level: also at its first entry, and at the first one after a gap.
    Level {
        /// The lane.
        lane: LaneId,
        /// The level.
        is_high: bool,
    },
    /// A pulse ends that was at least and at most this long, between two edges.
    Pulse {
        /// The lane.
        lane: LaneId,
        /// The level of the pulse.
        is_high: bool,
        /// Shortest width, in ns.
        at_least_ns: u64,
        /// Longest width, in ns.
        at_most_ns: u64,
    },
    /// All these lanes come to have these levels at once.
    Pattern(Vec<(LaneId, bool)>),
    /// A UART has carried these bytes without a break between them; the trigger fires at the end of the last one.
    UartText {
        /// Line and speed.
        uart: Uart,
        /// The bytes, at least one.
        text: Vec<u8>,
    },
    /// Numbers come to be above, or below, a threshold. It fires again only after they were on the other side.
    Threshold {
        /// The lane.
        lane: LaneId,
        /// The number.
        number: f64,
        /// Fires above it; else below.
        is_above: bool,
    },
}

/// A trigger that fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    /// When the condition was met, in ns.
    pub at_ns: u64,
    /// What to show: from the pre-trigger time before to the post-trigger time after.
    pub range: TimeRange,
}

/// A level, and since when it holds if it began with an edge.
type Held = (bool, Option<u64>);

/// Watches for a [`Condition`]. Give it the entries of [`lanes`](Self::lanes) in the order of their instants.
#[derive(Debug, Clone)]
pub struct Trigger {
    condition: Condition,
    before_ns: u64,
    after_ns: u64,
    /// Each lane of the condition; its level is unknown at first and after a gap.
    levels: Vec<(LaneId, Option<Held>)>,
    /// Whether the pattern or the threshold was met by the entry before.
    was_met: bool,
    carried: Vec<u8>,
    ready_ns: u64,
}

impl Trigger {
    /// A trigger that shows `before_ns` before it fires and `after_ns` after it, and does not fire again in between.
    pub fn new(condition: Condition, before_ns: u64, after_ns: u64) -> Self {
        let lanes = match &condition {
            Condition::Edge { lane, .. }
            | Condition::Level { lane, .. }
            | Condition::Pulse { lane, .. }
            | Condition::Threshold { lane, .. } => vec![*lane],
            Condition::Pattern(levels) => levels.iter().map(|(lane, _)| *lane).collect(),
            Condition::UartText { uart, .. } => uart.lanes(),
        };
        Self {
            condition,
            before_ns,
            after_ns,
            levels: lanes.into_iter().map(|lane| (lane, None)).collect(),
            // A threshold that is passed already when the numbers begin is no crossing.
            was_met: true,
            carried: Vec::new(),
            ready_ns: 0,
        }
    }

    /// The lanes whose entries it needs.
    pub fn lanes(&self) -> Vec<LaneId> {
        self.levels.iter().map(|(lane, _)| *lane).collect()
    }

    /// Takes an entry, and says whether the trigger fires.
    pub fn feed(&mut self, lane: LaneId, entry: &Entry<'_>) -> Option<Shot> {
        let at_ns = match entry {
            Entry::Gap { .. } => {
                self.levels
                    .iter_mut()
                    .filter(|(known, _)| *known == lane)
                    .for_each(|(_, level)| *level = None);
                self.was_met = !matches!(self.condition, Condition::Pattern(_));
                if let Condition::UartText { uart, .. } = &mut self.condition {
                    uart.feed(lane, entry, &mut Vec::new());
                    self.carried.clear();
                }
                return None;
            }
            Entry::Level { at_ns, is_high } => self.level(lane, *at_ns, *is_high, entry)?,
            Entry::Number { at_ns, value } => {
                let Condition::Threshold {
                    lane: wanted,
                    number,
                    is_above,
                } = &self.condition
                else {
                    return None;
                };
                let is_met = if *is_above { value > number } else { value < number };
                if lane != *wanted {
                    return None;
                }
                let was_met = std::mem::replace(&mut self.was_met, is_met);
                (is_met && !was_met).then_some(*at_ns)?
            }
            Entry::Text { .. } => return None,
        };
        self.fire(at_ns)
    }

    fn level(&mut self, lane: LaneId, at_ns: u64, is_high: bool, entry: &Entry<'_>) -> Option<u64> {
        let (_, known) = self.levels.iter_mut().find(|(known, _)| *known == lane)?;
        let before = *known;
        let is_edge = before.is_some_and(|(level, _)| level != is_high);
        if !is_edge && before.is_some() {
            return None;
        }
        *known = Some((is_high, is_edge.then_some(at_ns)));
        match &mut self.condition {
            Condition::Edge { to_high, .. } => {
                (is_edge && to_high.is_none_or(|wanted| wanted == is_high)).then_some(at_ns)
            }
            Condition::Level { is_high: wanted, .. } => (*wanted == is_high).then_some(at_ns),
            Condition::Pulse {
                is_high: wanted,
                at_least_ns,
                at_most_ns,
                ..
            } => {
                let (level, since_ns) = before?;
                let width_ns = at_ns.saturating_sub(since_ns?);
                (level == *wanted && (*at_least_ns..=*at_most_ns).contains(&width_ns)).then_some(at_ns)
            }
            Condition::Pattern(wanted) => {
                let is_met = self
                    .levels
                    .iter()
                    .zip(wanted)
                    .all(|((_, level), (_, wanted))| level.is_some_and(|(level, _)| level == *wanted));
                let was_met = std::mem::replace(&mut self.was_met, is_met);
                (is_met && (!was_met || before.is_none())).then_some(at_ns)
            }
            Condition::UartText { uart, text } => {
                let mut all = Vec::new();
                uart.feed(lane, entry, &mut all);
                carry(&all, text, &mut self.carried)
            }
            Condition::Threshold { .. } => None,
        }
    }

    /// Says whether the trigger fires if nothing changes until `until_ns`: the last byte of a UART's text may end after the
    /// last edge. Entries from there on may follow.
    pub fn finish(&mut self, until_ns: u64) -> Option<Shot> {
        let Condition::UartText { uart, text } = &mut self.condition else {
            return None;
        };
        let mut all = Vec::new();
        uart.finish(until_ns, &mut all);
        let at_ns = carry(&all, text, &mut self.carried)?;
        self.fire(at_ns)
    }

    fn fire(&mut self, at_ns: u64) -> Option<Shot> {
        if at_ns < self.ready_ns {
            return None;
        }
        self.ready_ns = at_ns.saturating_add(self.after_ns);
        Some(Shot {
            at_ns,
            range: TimeRange::new(at_ns.saturating_sub(self.before_ns), self.ready_ns),
        })
    }
}

/// Adds the bytes that a UART carried, and says when the text was complete.
fn carry(bytes: &[Annotation], text: &[u8], carried: &mut Vec<u8>) -> Option<u64> {
    let mut found = None;
    for byte in bytes {
        match byte.bytes.first() {
            Some(value) if !byte.is_error => carried.push(*value),
            _ => carried.clear(),
        }
        if !text.is_empty() && carried.ends_with(text) {
            found = found.or(Some(byte.range.until_ns));
        }
        let spare = carried.len().saturating_sub(text.len());
        carried.drain(..spare);
    }
    found
}

impl Recording {
    /// The first shot of a trigger in a range, searched entry by entry. What holds when the range begins counts.
    ///
    /// # Errors
    /// [`EntryError`] where a block cannot be read before it fires.
    pub fn find(&self, trigger: &mut Trigger, range: TimeRange) -> Result<Option<Shot>, EntryError> {
        for lane in trigger.lanes() {
            let shot = self
                .held(lane, range.from_ns)
                .and_then(|entry| trigger.feed(lane, &entry));
            if shot.is_some() {
                return Ok(shot);
            }
        }
        for entry in Merged::new(self, &trigger.lanes(), range) {
            let (lane, entry) = entry?;
            if let Some(shot) = trigger.feed(lane, &entry) {
                return Ok(Some(shot));
            }
        }
        Ok(trigger.finish(range.until_ns.min(self.recorded_until_ns())))
    }
}
