//! Whose times the window shows: those of the axis, which boards share and the host's clock sets, or the virtual time of one
//! board. What is drawn where stays the same.

use crate::{
    session::Session,
    time::{self, Ticks},
};
use drydock_scope_model::MachineTime;

/// The virtual time of the board that the user chose.
#[derive(Debug)]
pub(crate) struct BoardTime {
    board: String,
    source: usize,
    read_until_ns: u64,
    time: MachineTime,
}

impl Session {
    /// The boards of which a virtual time is known.
    pub fn clocks(&self) -> Vec<String> {
        let mut boards: Vec<String> = Vec::new();
        for row in self.rows.iter().filter(|row| row.title == "clock") {
            if !boards.contains(&row.board) {
                boards.push(row.board.clone());
            }
        }
        boards
    }

    /// Shows the times of this board; without one, those of the host.
    pub fn set_times_of(&mut self, board: Option<String>) {
        self.times_of = board;
        self.read_clock();
    }

    /// Shows the times of the next board; behind the last, those of the host.
    pub fn next_clock(&mut self) {
        let boards = self.clocks();
        if boards.is_empty() {
            self.say("No board in these recordings has a virtual time; record an emulated board.");
            return;
        }
        let now = self
            .times_of
            .as_ref()
            .and_then(|board| boards.iter().position(|it| it == board));
        let next = boards.get(now.map_or(0, |now| now + 1)).cloned();
        self.say(match &next {
            Some(board) => format!("Times are the virtual time of {board}."),
            None => "Times are those of the host.".into(),
        });
        self.set_times_of(next);
    }

    /// Takes in what the clock of the chosen board says by now.
    pub(crate) fn read_clock(&mut self) {
        let Some(board) = self.times_of.clone() else {
            self.clock = None;
            return;
        };
        let lane = format!("{board}/clock");
        let source = self.sources.iter().position(|source| source.find(&lane).is_some());
        let Some(source) = source else {
            self.clock = None;
            return;
        };
        let recording = &self.sources[source].recording;
        let read_until_ns = recording.recorded_until_ns();
        let is_read = |it: &BoardTime| it.board == board && it.source == source && it.read_until_ns == read_until_ns;
        if !self.clock.as_ref().is_some_and(is_read) {
            let time = MachineTime::of(recording, &board);
            self.clock = Some(BoardTime {
                board,
                source,
                read_until_ns,
                time,
            });
        }
    }

    /// The board whose times are shown; `None` for the host's.
    pub fn shown_clock(&self) -> Option<&str> {
        self.clock.as_ref().map(|it| it.board.as_str())
    }

    /// An instant of the axis in the times that are shown; `None` where the board stood still.
    pub fn shown_ns(&self, at_ns: f64) -> Option<f64> {
        match &self.clock {
            None => Some(at_ns),
            Some(it) => it.time.at(at_ns - self.sources[it.source].offset_ns),
        }
    }

    /// The same as text.
    pub fn instant(&self, at_ns: f64) -> String {
        self.shown_ns(at_ns).map_or_else(|| "stood still".into(), time::instant)
    }

    /// How much of the shown time passes between two instants of the axis, in ns; below zero if the second is earlier.
    pub fn passed_ns(&self, from_ns: f64, until_ns: f64) -> f64 {
        let Some(it) = &self.clock else {
            return until_ns - from_ns;
        };
        let offset_ns = self.sources[it.source].offset_ns;
        let (begin, end) = (from_ns.min(until_ns) - offset_ns, from_ns.max(until_ns) - offset_ns);
        it.time.passed(begin, end).copysign(until_ns - from_ns)
    }

    /// The marks of the axis, at round instants of the shown time.
    pub fn ticks(&self, most: usize) -> Ticks {
        let axis = self.axis;
        let Some(it) = &self.clock else {
            return Ticks::new(axis.from_ns, axis.span_ns, most);
        };
        let offset_ns = self.sources[it.source].offset_ns;
        let mut ticks = Ticks::none(axis.span_ns, most);
        let (from_ns, until_ns) = (axis.from_ns - offset_ns, axis.until_ns() - offset_ns);
        for run in &it.time.runs {
            let begin_ns = from_ns.max(run.range.from_ns as f64);
            let end_ns = until_ns.min(run.range.until_ns as f64);
            if begin_ns > end_ns {
                continue;
            }
            // From the axis to the board's time.
            let shift_ns = run.machine_ns as f64 - run.range.from_ns as f64;
            let marks = time::marks(begin_ns + shift_ns, end_ns - begin_ns, ticks.step_ns, most);
            ticks
                .marks
                .extend(marks.map(|(at_ns, label)| (at_ns - shift_ns + offset_ns, label)));
        }
        ticks
    }

    /// Where the cursors are, how far apart, and one divided by that, as a line of text.
    pub fn readout(&self) -> Option<String> {
        let (a, b) = (self.cursors.a, self.cursors.b);
        let part = |name: &str, at_ns: Option<f64>| at_ns.map(|at_ns| format!("{name} {}", self.instant(at_ns)));
        let mut parts: Vec<String> = [part("A", a), part("B", b)].into_iter().flatten().collect();
        if let Some((a, b)) = a.zip(b) {
            let passed_ns = self.passed_ns(a, b);
            parts.push(format!("B−A {}", time::duration(passed_ns)));
            if passed_ns != 0.0 {
                parts.push(format!("1/(B−A) {}", time::frequency(1e9 / passed_ns.abs())));
            }
        }
        (!parts.is_empty()).then(|| parts.join("   "))
    }
}
