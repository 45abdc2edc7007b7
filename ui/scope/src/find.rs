//! Looks for a text in all lanes of texts, in a thread for each recording, and goes on as the recordings grow.

use crate::{
    search::{WAIT, piece_end},
    session::Session,
};
use drydock_scope_model::{LaneId, LaneKind, Merged, Recording, TextSearch, TimeRange};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::Duration,
};

/// Matches that are kept of a recording.
pub const MAX_MATCHES: usize = 100_000;
/// Letters of the text.
pub const MAX_LETTERS: usize = 200;

/// The field of the text, and the search for it.
#[derive(Debug, Default)]
pub struct Find {
    /// The field is shown.
    pub is_open: bool,
    /// The field wants the keys.
    pub wants_focus: bool,
    /// What the user wrote.
    pub text: String,
    /// One search for each recording; none without a text.
    pub parts: Vec<Part>,
    /// The match that was shown last: its instant on the common axis, and its row.
    pub shown: Option<(f64, usize)>,
}

/// The search in one recording. Dropping it ends the thread after the piece that it reads.
#[derive(Debug)]
pub struct Part {
    /// The instants of the matches of each lane in the recording, in ns, in their order.
    pub matches: HashMap<LaneId, Vec<u64>>,
    /// Everything before this instant was searched, in ns.
    pub searched_until_ns: u64,
    /// A part of the recording could not be read.
    pub damage: Option<String>,
    kept: usize,
    found: Receiver<Found>,
    /// Closed when this is dropped, which the thread sees.
    _alive: Sender<()>,
}

#[derive(Debug)]
struct Found {
    matches: Vec<(LaneId, u64)>,
    searched_until_ns: u64,
    damage: Option<String>,
}

impl Part {
    fn new(path: PathBuf, text: &str) -> Self {
        let (report, found) = mpsc::channel();
        let (alive, stop) = mpsc::channel();
        let search = TextSearch::new(text);
        std::thread::spawn(move || run(&path, search, &report, &stop));
        Self {
            matches: HashMap::new(),
            searched_until_ns: 0,
            damage: None,
            kept: 0,
            found,
            _alive: alive,
        }
    }

    fn refresh(&mut self) {
        while let Ok(found) = self.found.try_recv() {
            for (lane, at_ns) in found.matches {
                self.matches.entry(lane).or_default().push(at_ns);
                self.kept += 1;
            }
            self.searched_until_ns = found.searched_until_ns;
            self.damage = self.damage.take().or(found.damage);
        }
    }
}

fn run(path: &Path, mut search: TextSearch, report: &Sender<Found>, stop: &Receiver<()>) {
    // A file that cannot be read is said by the window, which reads it too.
    let Ok(mut recording) = Recording::open(path) else {
        return;
    };
    let (mut at_ns, mut kept) = (0, 0);
    loop {
        let end_ns = recording.recorded_until_ns();
        let wait = if at_ns < end_ns { Duration::ZERO } else { WAIT };
        if !matches!(stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) || kept >= MAX_MATCHES {
            return;
        }
        if at_ns >= end_ns {
            if recording.refresh().is_err() {
                return;
            }
            continue;
        }
        let texts = recording.lanes().filter(|(_, lane)| lane.kind == LaneKind::Text);
        let lanes: Vec<LaneId> = texts.map(|(id, _)| id).collect();
        let until_ns = piece_end(&recording, &lanes, at_ns, end_ns);
        let (mut matches, mut damage) = (Vec::new(), None);
        for entry in Merged::new(&recording, &lanes, TimeRange::new(at_ns, until_ns)) {
            match entry {
                Ok((id, entry)) => {
                    if let Some(lane) = recording.lane(id) {
                        search.feed(id, lane, &entry, &mut matches);
                    }
                }
                Err(error) => damage = Some(error.to_string()),
            }
        }
        matches.truncate(MAX_MATCHES - kept);
        kept += matches.len();
        at_ns = until_ns;
        let found = Found {
            matches: matches.into_iter().map(|it| (it.lane, it.at_ns)).collect(),
            searched_until_ns: at_ns,
            damage,
        };
        if report.send(found).is_err() {
            return;
        }
    }
}

impl Session {
    /// Shows the field of the text, and gives it the keys.
    pub fn open_find(&mut self) {
        self.find.is_open = true;
        self.find.wants_focus = true;
    }

    /// Ends the search, and takes field and marks away. The text stays for the next time.
    pub fn close_find(&mut self) {
        self.find = Find {
            text: std::mem::take(&mut self.find.text),
            ..Find::default()
        };
    }

    /// Looks for another text.
    pub fn find_text(&mut self, text: &str) {
        self.find.text = text.to_owned();
        self.find.shown = None;
        self.find.parts = match text {
            "" => Vec::new(),
            text => self
                .sources
                .iter()
                .map(|source| Part::new(source.path.clone(), text))
                .collect(),
        };
    }

    /// Takes in matches that were found.
    pub(crate) fn take_in_matches(&mut self) {
        self.find.parts.iter_mut().for_each(Part::refresh);
    }

    /// Whether the search for a text has not reached the end yet.
    pub fn is_finding(&self) -> bool {
        self.find.parts.iter().zip(&self.sources).any(|(part, source)| {
            part.searched_until_ns < source.recording.recorded_until_ns() && part.kept < MAX_MATCHES
        })
    }

    /// The matches of a row, in ns of its recording.
    pub fn matches(&self, row: usize) -> &[u64] {
        let row = &self.rows[row];
        let part = self.find.parts.get(row.source);
        part.and_then(|part| part.matches.get(&row.lane))
            .map_or(&[], Vec::as_slice)
    }

    /// The rows in which matches are seen.
    fn searched_rows(&self) -> impl Iterator<Item = usize> {
        let is_seen = |row: &usize| {
            let row = &self.rows[*row];
            !row.is_hidden && !self.folded.contains(&row.board)
        };
        (0..self.rows.len()).filter(is_seen)
    }

    /// How many matches there are in the lanes that are seen, as a line of text.
    pub fn find_state(&self) -> Option<String> {
        if self.find.parts.is_empty() {
            return None;
        }
        let count: usize = self.searched_rows().map(|row| self.matches(row).len()).sum();
        let mut state = match count {
            0 => "no match".into(),
            1 => "1 match".into(),
            count => format!("{count} matches"),
        };
        if self.find.parts.iter().any(|part| part.kept >= MAX_MATCHES) {
            state += ", no more are kept";
        }
        let recorded_ns: f64 = self
            .sources
            .iter()
            .map(|it| it.recording.recorded_until_ns() as f64)
            .sum();
        let searched_ns: f64 = self.find.parts.iter().map(|it| it.searched_until_ns as f64).sum();
        let share = searched_ns / recorded_ns.max(1.0);
        if self.is_finding() && share < 0.999 {
            state += &format!(", {:.0} % searched", share * 100.0);
        }
        Some(state)
    }

    /// Shows the match behind the one that was shown last, or the one before it. Once that is out of the window, it begins at
    /// the window's edge.
    pub fn next_match(&mut self, is_later: bool) {
        if self.find.parts.is_empty() {
            self.open_find();
            return;
        }
        let is_seen = |at_ns: f64| (self.axis.from_ns..=self.axis.until_ns()).contains(&at_ns);
        let edge = match is_later {
            true => (self.axis.from_ns, 0),
            false => (self.axis.until_ns(), usize::MAX),
        };
        let here = self.find.shown.filter(|(at_ns, _)| is_seen(*at_ns));
        // Without one that was shown, a match at the edge counts.
        let is_behind = |it: &(f64, usize)| match (here, is_later) {
            (Some(here), true) => *it > here,
            (Some(here), false) => *it < here,
            (None, true) => *it >= edge,
            (None, false) => *it <= edge,
        };
        let (near_ns, _) = here.unwrap_or(edge);
        let nearest = self.searched_rows().filter_map(|row| {
            let offset_ns = self.sources[self.rows[row].source].offset_ns;
            let matches = self.matches(row);
            let inside_ns = near_ns - offset_ns;
            // Entries at one instant are one match of a lane here; the nearest two places hold the next and the one before.
            let place = match is_later {
                true => matches.partition_point(|at_ns| (*at_ns as f64) < inside_ns),
                false => matches.partition_point(|at_ns| (*at_ns as f64) <= inside_ns),
            };
            let on_axis = |at_ns: &u64| (*at_ns as f64 + offset_ns, row);
            match is_later {
                true => matches[place..].iter().map(on_axis).find(is_behind),
                false => matches[..place].iter().rev().map(on_axis).find(is_behind),
            }
        });
        let by_place = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
        let found = match is_later {
            true => nearest.min_by(by_place),
            false => nearest.max_by(by_place),
        };
        let Some((at_ns, row)) = found else {
            let yet = if self.is_finding() { " yet" } else { "" };
            self.say(format!("There is no match in that direction{yet}."));
            return;
        };
        self.find.shown = Some((at_ns, row));
        self.cursors.a = Some(at_ns);
        self.selected = Some(row);
        self.wants_selected_shown = true;
        self.is_following = false;
        self.reveal(at_ns);
    }

    /// Where the matches of a row are in the window, in points from its left edge; those that fall on one point are one.
    pub fn match_marks(&self, row: usize, width: f32) -> Vec<f32> {
        let offset_ns = self.sources[self.rows[row].source].offset_ns;
        let range = self.axis.range(offset_ns);
        let matches = self.matches(row);
        let first = matches.partition_point(|at_ns| *at_ns < range.from_ns);
        let mut marks: Vec<f32> = Vec::new();
        for at_ns in matches[first..].iter().take_while(|at_ns| **at_ns <= range.until_ns) {
            let x = self.axis.x(*at_ns as f64 + offset_ns, f64::from(width)) as f32;
            if marks.last().is_none_or(|last| x - last >= 1.0) {
                marks.push(x);
            }
        }
        marks
    }
}
