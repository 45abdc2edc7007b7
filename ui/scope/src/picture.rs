//! What is drawn of a lane: levels, bands and boxes at places of the window, from a recording. No colours and no fonts.

use crate::{
    axis::Axis,
    source::{Source, one_line},
};
use drydock_scope_model::{Column, Entry, LaneId, LaneKind, TimeRange};

/// With more entries than this in a column, columns are drawn; with fewer, each entry.
const ENTRIES_PER_COLUMN: u64 = 3;
/// Texts of one picture.
const MAX_TEXTS: u64 = 2_000;
/// Gaps of one picture; the others are as narrow as a pixel.
const MAX_GAPS: usize = 2_000;

/// A lane between the edges of the window. Places are in points from the left edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// What is recorded.
    pub signal: Signal,
    /// Where nothing is known, and why.
    pub gaps: Vec<GapBox>,
    /// A block that cannot be read.
    pub damage: Option<String>,
}

/// The content of a lane.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Signal {
    /// No entry and no level is known here.
    #[default]
    Nothing,
    /// Levels, from left to right; two that touch have an edge between them.
    Digital(Vec<Level>),
    /// Numbers.
    Numbers {
        /// The smallest and the largest number that is shown.
        range: (f64, f64),
        /// Lines through points; a gap is between two of them.
        lines: Vec<Vec<(f32, f64)>>,
        /// Columns with many numbers: place, smallest, largest.
        bands: Vec<(f32, f64, f64)>,
    },
    /// Texts.
    Texts(Vec<TextBox>),
    /// Columns with so many texts that none can be read: place, and how many.
    ManyTexts(Vec<(f32, u64)>),
}

/// A level of a pin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Left end.
    pub from: f32,
    /// Right end.
    pub until: f32,
    /// Low, high, or edges that are closer than can be drawn.
    pub what: LevelKind,
}

/// What a pin does in a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelKind {
    /// It is low.
    Low,
    /// It is high.
    High,
    /// It changes more often than can be drawn.
    Dense,
}

/// A text and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct TextBox {
    /// Left end.
    pub from: f32,
    /// It may reach up to here.
    pub until: f32,
    /// As one line.
    pub text: String,
}

/// Where nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub struct GapBox {
    /// Left end.
    pub from: f32,
    /// Right end.
    pub until: f32,
    /// Why.
    pub cause: String,
}

impl Picture {
    /// Draws a lane. `width` is in points; each is a column.
    pub fn new(source: &Source, id: LaneId, board: &str, axis: Axis, width: f32) -> Self {
        let Some(kind) = source.recording.lane(id).map(|lane| lane.kind) else {
            return Self::default();
        };
        let drawing = Drawing {
            source,
            id,
            axis,
            width,
            range: axis.range(source.offset_ns),
        };
        let shown = drawing.end_x().min(width) - drawing.x(drawing.range.from_ns).max(0.0);
        let columns = shown.ceil().max(1.0) as usize;
        let many = drawing.source.recording.count_in(id, drawing.range) > ENTRIES_PER_COLUMN * columns as u64;
        let mut damage = None;
        let signal = match (kind, many) {
            (LaneKind::Digital, true) => drawing.dense_levels(&drawing.columns(columns)),
            (LaneKind::Digital, false) => drawing.levels(&mut damage),
            (LaneKind::Number, true) => drawing.bands(&drawing.columns(columns)),
            (LaneKind::Number, false) => drawing.lines(&mut damage),
            (LaneKind::Text, _) => drawing.texts(columns, &mut damage),
        };
        Self {
            signal,
            gaps: drawing.gaps(board),
            damage,
        }
    }
}

struct Drawing<'a> {
    source: &'a Source,
    id: LaneId,
    axis: Axis,
    width: f32,
    range: TimeRange,
}

impl Drawing<'_> {
    /// The place of an instant of the recording.
    fn x(&self, at_ns: u64) -> f32 {
        let x = self.axis.x(at_ns as f64 + self.source.offset_ns, f64::from(self.width));
        (x as f32).clamp(-1.0, self.width + 1.0)
    }

    fn end_x(&self) -> f32 {
        self.x(self.source.recording.recorded_until_ns())
    }

    /// Columns of about a point, up to the end of what is recorded.
    fn columns(&self, columns: usize) -> Vec<Column> {
        let until_ns = self.range.until_ns.min(self.source.recording.recorded_until_ns() + 1);
        let range = TimeRange::new(self.range.from_ns, until_ns);
        self.source.recording.columns(self.id, range, columns)
    }

    /// Each entry of the range, and each gap in its place.
    fn entries(&self, damage: &mut Option<String>, mut take: impl FnMut(&Entry<'_>)) {
        for entry in self.source.recording.entries(self.id, self.range) {
            match entry {
                Ok(entry) => take(&entry),
                Err(error) => {
                    take(&Entry::Gap {
                        range: error.range,
                        lost: 0,
                    });
                    *damage = Some(error.damage.to_string());
                }
            }
        }
    }

    fn levels(&self, damage: &mut Option<String>) -> Signal {
        let mut levels = Vec::new();
        let held = self.source.recording.number_at(self.id, self.range.from_ns);
        let mut now = held.map(|level| (self.x(self.range.from_ns), level > 0.0));
        let mut end = |now: &mut Option<(f32, bool)>, x: f32| {
            if let Some((from, is_high)) = now.take() {
                let what = if is_high { LevelKind::High } else { LevelKind::Low };
                levels.push(Level { from, until: x, what });
            }
        };
        self.entries(damage, |entry| {
            let x = self.x(entry.at_ns());
            end(&mut now, x);
            if let Entry::Level { is_high, .. } = entry {
                now = Some((x, *is_high));
            }
        });
        end(&mut now, self.end_x());
        if levels.is_empty() {
            Signal::Nothing
        } else {
            Signal::Digital(levels)
        }
    }

    fn dense_levels(&self, columns: &[Column]) -> Signal {
        let mut levels: Vec<Level> = Vec::new();
        for column in columns {
            let Some((min, max)) = column.min_max else { continue };
            let what = match (column.edges, min < max) {
                (0, false) if max > 0.0 => LevelKind::High,
                (0, false) => LevelKind::Low,
                _ => LevelKind::Dense,
            };
            let (from, until) = (self.x(column.range.from_ns), self.x(column.range.until_ns));
            match levels.last_mut() {
                Some(last) if last.what == what && last.until == from => last.until = until,
                _ => levels.push(Level { from, until, what }),
            }
        }
        Signal::Digital(levels)
    }

    fn lines(&self, damage: &mut Option<String>) -> Signal {
        let recording = &self.source.recording;
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut lines: Vec<Vec<(f32, f64)>> = Vec::new();
        let mut line = Vec::new();
        let from_ns = self.range.from_ns;
        // The line enters from the number before the window, unless a gap is in between.
        if let Some(value) = recording.number_at(self.id, from_ns) {
            let at_ns = recording.instant_before(self.id, from_ns).unwrap_or(from_ns);
            line.push((self.exact_x(at_ns), value));
        }
        self.entries(damage, |entry| match entry {
            Entry::Number { at_ns, value } => {
                (min, max) = (min.min(*value), max.max(*value));
                line.push((self.exact_x(*at_ns), *value));
            }
            _ => lines.push(std::mem::take(&mut line)),
        });
        // It leaves to the number behind the window; a number that comes yet holds.
        if let Some((_, last)) = line.last().copied() {
            let next_ns = recording.instant_after(self.id, self.range.until_ns.saturating_sub(1));
            let next = next_ns.and_then(|at_ns| {
                let is_cut = recording
                    .gaps(self.id, TimeRange::new(self.range.until_ns, at_ns + 1))
                    .next()
                    .is_some();
                let value = recording.number_at(self.id, at_ns + 1).filter(|_| !is_cut)?;
                Some((self.exact_x(at_ns), value))
            });
            if next.is_none() {
                (min, max) = (min.min(last), max.max(last));
            }
            line.push(next.unwrap_or((self.end_x(), last)));
        }
        lines.push(line);
        lines.retain(|line| !line.is_empty());
        // A line that crosses an edge of the window keeps within the lane there.
        for pair in lines.iter().flat_map(|line| line.windows(2)) {
            let [(from, first), (until, last)] = [pair[0], pair[1]];
            for edge in [0.0, self.width] {
                if from < edge && edge < until {
                    let value = first + (last - first) * f64::from((edge - from) / (until - from));
                    (min, max) = (min.min(value), max.max(value));
                }
            }
        }
        if lines.is_empty() || min > max {
            return Signal::Nothing;
        }
        Signal::Numbers {
            range: (min, max),
            lines,
            bands: Vec::new(),
        }
    }

    /// As `x`, also outside the window, so that a line has its slope.
    fn exact_x(&self, at_ns: u64) -> f32 {
        let x = self.axis.x(at_ns as f64 + self.source.offset_ns, f64::from(self.width));
        x.clamp(-1e6, 1e6) as f32
    }

    fn bands(&self, columns: &[Column]) -> Signal {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut bands, mut lines) = (Vec::new(), Vec::new());
        let mut last: Option<(usize, f32)> = None;
        for (index, column) in columns.iter().enumerate() {
            let Some((mut min, mut max)) = column.min_max.filter(|_| column.entries > 0) else {
                continue;
            };
            let x = (self.x(column.range.from_ns) + self.x(column.range.until_ns)) / 2.0;
            if let (Some((before, before_x)), Some(value)) = (last, column.at_start) {
                if before + 1 == index {
                    (min, max) = (min.min(value), max.max(value));
                } else {
                    lines.push(vec![(before_x, value), (x, (min + max) / 2.0)]);
                }
            }
            (low, high) = (low.min(min), high.max(max));
            bands.push((x, min, max));
            last = Some((index, x));
        }
        if bands.is_empty() {
            return Signal::Nothing;
        }
        Signal::Numbers {
            range: (low, high),
            lines,
            bands,
        }
    }

    fn texts(&self, columns: usize, damage: &mut Option<String>) -> Signal {
        let recording = &self.source.recording;
        let count = recording.count_in(self.id, self.range);
        if count > MAX_TEXTS.min(columns as u64) {
            let columns = self.columns(columns);
            let filled = columns.iter().filter(|column| column.entries > 0);
            return Signal::ManyTexts(
                filled
                    .map(|column| (self.x(column.range.from_ns), column.entries))
                    .collect(),
            );
        }
        let mut boxes: Vec<TextBox> = Vec::new();
        let mut push = |at_ns: u64, text: String| {
            let from = self.exact_x(at_ns);
            if let Some(before) = boxes.last_mut() {
                before.until = from;
            }
            boxes.push(TextBox {
                from,
                until: self.end_x(),
                text,
            });
        };
        // The text before the window may reach into it.
        if let Some((at_ns, text)) = self
            .range
            .from_ns
            .checked_sub(1)
            .and_then(|before_ns| recording.text_at(self.id, before_ns))
        {
            push(at_ns, one_line(text));
        }
        self.entries(damage, |entry| {
            if let Entry::Text { at_ns, bytes } = entry {
                push(*at_ns, one_line(bytes));
            }
        });
        if boxes.is_empty() {
            Signal::Nothing
        } else {
            Signal::Texts(boxes)
        }
    }

    fn gaps(&self, board: &str) -> Vec<GapBox> {
        let mut boxes: Vec<GapBox> = Vec::new();
        for (gap, lost) in self.source.recording.gaps(self.id, self.range).take(MAX_GAPS) {
            let (from, until) = (self.x(gap.from_ns), self.x(gap.until_ns).max(self.x(gap.from_ns) + 1.0));
            match boxes.last_mut() {
                // Two that touch on the screen are one box there.
                Some(last) if from <= last.until => last.until = until,
                _ => boxes.push(GapBox {
                    from,
                    until,
                    cause: self.source.cause(board, gap, lost),
                }),
            }
        }
        boxes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_scope_model::{Lane, Writer};
    use std::fs::File;

    /// A recording of 1 s: a pin with an edge each `period_ns`, numbers beside it, and a gap from 0.4 to 0.5 s.
    fn source(period_ns: u64) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.drydock-rec");
        let mut writer = Writer::new(File::create(&path).expect("a file")).expect("a recording");
        let pin = writer
            .declare(&Lane::new("Desk/D1", LaneKind::Digital))
            .expect("a lane");
        let number = writer.declare(&Lane::new("Desk/A0", LaneKind::Number)).expect("a lane");
        let state = writer
            .declare(&Lane::new("Desk/state", LaneKind::Text))
            .expect("a lane");
        writer.text(state, 400_000_000, b"off").expect("in order");
        let gap = TimeRange::new(400_000_000, 500_000_000);
        for at_ns in (0..1_000_000_000).step_by(period_ns as usize) {
            if at_ns == gap.from_ns {
                for id in [pin, number] {
                    writer.gap(id, gap, 3).expect("in order");
                }
            }
            if !(gap.from_ns..gap.until_ns).contains(&at_ns) {
                let step = at_ns / period_ns;
                writer.level(pin, at_ns, step.is_multiple_of(2)).expect("in order");
                writer.number(number, at_ns, (step % 10) as f64).expect("in order");
            }
        }
        writer.finish(1_000_000_000).expect("a disk");
        let source = Source::open(&path).expect("a recording");
        (folder, source)
    }

    fn extent(levels: &[Level], what: LevelKind) -> f32 {
        let of = levels.iter().filter(|level| level.what == what);
        of.map(|level| level.until - level.from).sum()
    }

    #[test]
    fn edges_are_drawn_where_they_are_and_dense_ones_fill_the_same_place() {
        // A window that begins before the recording and ends after it.
        let axis = Axis::new(-0.5e9, 2e9);
        for (period_ns, dense) in [(100_000_000, false), (20_000, true)] {
            let (_folder, source) = source(period_ns);
            let picture = Picture::new(&source, LaneId(0), "Desk", axis, 1_000.0);
            let Signal::Digital(levels) = &picture.signal else {
                panic!("{:?}", picture.signal)
            };
            assert!((levels[0].from - 250.0).abs() < 1.5, "{levels:?}");
            let last = levels[levels.len() - 1].until;
            assert!((last - 750.0).abs() < 1.5, "{last}");
            let filled = extent(levels, LevelKind::Dense);
            let drawn = extent(levels, LevelKind::High) + extent(levels, LevelKind::Low) + filled;
            assert!((drawn - 450.0).abs() < 3.0, "{drawn} points of 450 are drawn");
            assert_eq!(filled > 440.0, dense, "{filled}");
            let gap = GapBox {
                from: 450.0,
                until: 500.0,
                cause: "off".into(),
            };
            assert_eq!(picture.gaps, [gap]);
        }
    }

    #[test]
    fn numbers_are_a_line_or_a_band_with_the_same_range() {
        let axis = Axis::new(-0.5e9, 2e9);
        for period_ns in [1_000_000, 20_000] {
            let (_folder, source) = source(period_ns);
            let picture = Picture::new(&source, LaneId(1), "Desk", axis, 1_000.0);
            let Signal::Numbers { range, lines, bands } = &picture.signal else {
                panic!("{:?}", picture.signal)
            };
            assert_eq!(*range, (0.0, 9.0));
            let places: Vec<f32> = match bands.is_empty() {
                true => lines.iter().flatten().map(|(x, _)| *x).collect(),
                false => bands.iter().map(|(x, ..)| *x).collect(),
            };
            assert_eq!(bands.is_empty(), period_ns == 1_000_000);
            assert!((places[0] - 250.0).abs() < 1.5, "{}", places[0]);
            assert!((places[places.len() - 1] - 750.0).abs() < 1.5);
            let hidden = places.iter().filter(|x| (452.0..499.0).contains(*x)).count();
            assert_eq!(hidden, 0, "nothing is drawn in the gap");
        }
    }

    #[test]
    fn a_line_through_the_window_stays_in_its_lane() {
        let (_folder, source) = source(100_000_000);
        // From 1 at 0.1 s to 2 at 0.2 s, of which the middle half is shown.
        let axis = Axis::new(125e6, 50e6);
        let picture = Picture::new(&source, LaneId(1), "Desk", axis, 1_000.0);
        let Signal::Numbers { range, lines, .. } = &picture.signal else {
            panic!("{:?}", picture.signal)
        };
        assert!(
            (range.0 - 1.25).abs() < 1e-3 && (range.1 - 1.75).abs() < 1e-3,
            "{range:?}"
        );
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0][0].1, lines[0][lines[0].len() - 1].1), (1.0, 2.0));
    }

    #[test]
    fn a_pulse_is_as_wide_as_the_nanoseconds_it_takes() {
        let (_folder, source) = source(100_000_000);
        // 20 ns in 1,000 points around the edge at 0.1 s.
        let axis = Axis::new(99_999_990.0, 20.0);
        let picture = Picture::new(&source, LaneId(0), "Desk", axis, 1_000.0);
        let Signal::Digital(levels) = &picture.signal else {
            panic!("{:?}", picture.signal)
        };
        let edges: Vec<(LevelKind, f32)> = levels.iter().map(|level| (level.what, level.until)).collect();
        assert_eq!(edges, [(LevelKind::High, 500.0), (LevelKind::Low, 1_001.0)]);
    }
}
