//! What the window is about, without the window: open recordings, their lanes, the axis, and what commands do to them.

use crate::{
    attach::Attachment,
    axis::Axis,
    clock::BoardTime,
    decoding::{DecoderSetting, Decoders},
    export::Export,
    find::Find,
    measure::{Cursor, Cursors},
    picture::Picture,
    search::Search,
    source::{AboutBoard, Source, SourceError},
    store::{Layout, Store, ThemeChoice},
    trigger::{Armed, TriggerSetting},
};
use drydock_scope_model::{LaneId, LaneKind};
use std::path::PathBuf;

/// Heights of a lane, in points.
pub const HEIGHTS: std::ops::RangeInclusive<f32> = 20.0..=400.0;
/// A step of the keys that move, as a share of the window.
const MOVE: f64 = 0.1;
/// A step of the keys that zoom.
const ZOOM: f64 = 0.5;
/// Room to the right of the newest instant while it is followed, as a share of the window.
const AHEAD: f64 = 0.02;
/// A recording without anything is shown as this long.
const EMPTY_NS: f64 = 1e9;
/// Of a recording that begins with the window, this much is shown.
const FOLLOWED_NS: f64 = 10e9;

/// What a user asks for. Keys, buttons and tests send these; nothing else changes a session's axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Shows everything that is recorded.
    Fit,
    /// Shows half as long a range, around the pointer or the middle.
    ZoomIn,
    /// Shows twice as long a range.
    ZoomOut,
    /// Moves to earlier instants.
    Earlier,
    /// Moves to later instants.
    Later,
    /// Shows the beginning.
    ToBegin,
    /// Shows the end.
    ToEnd,
    /// Keeps the newest instant in the window, or stops doing so.
    ToggleFollow,
    /// Puts a cursor at the pointer, or into the middle of the window.
    Place(Cursor),
    /// Takes both cursors away.
    ClearCursors,
    /// Moves cursor A to the next entry of the selected lane.
    NextEntry,
    /// Moves cursor A to the entry before of the selected lane.
    PreviousEntry,
    /// Selects the lane above.
    SelectAbove,
    /// Selects the lane below.
    SelectBelow,
    /// Looks for shots of the trigger.
    Arm(Armed),
    /// Shows the next shot.
    NextShot,
    /// Shows the shot before.
    PreviousShot,
    /// Puts a bookmark at cursor A or at the pointer.
    AddBookmark,
    /// Shows the next bookmark.
    NextBookmark,
    /// Shows the bookmark before.
    PreviousBookmark,
    /// Moves the selected lane up.
    MoveUp,
    /// Moves the selected lane down.
    MoveDown,
    /// Makes the selected lane taller.
    Taller,
    /// Makes the selected lane lower.
    Lower,
    /// Hides the selected lane.
    Hide,
    /// Opens a panel at the right, or closes it.
    Toggle(Panel),
    /// Shows the times of the next board, or of the host.
    NextClock,
    /// Opens the field of a text to look for.
    Find,
    /// Shows the next match of the text.
    NextMatch,
    /// Shows the match before.
    PreviousMatch,
    /// Opens or closes the list of keys.
    ToggleHelp,
}

/// What the panel at the right is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// Measurements.
    Measure,
    /// The trigger.
    Trigger,
    /// The decoders.
    Decoders,
    /// The bookmarks.
    Bookmarks,
    /// All lanes, and which are shown.
    Lanes,
    /// Files for other tools.
    Export,
}

/// A lane in the window.
#[derive(Debug)]
pub struct Row {
    /// The recording that it is in.
    pub source: usize,
    /// The lane.
    pub lane: LaneId,
    /// Its name in the recording.
    pub name: String,
    /// The board, which is the part of the name before the first `/`.
    pub board: String,
    /// The rest of the name.
    pub title: String,
    /// What its entries are.
    pub kind: LaneKind,
    /// The unit of its numbers.
    pub unit: String,
    /// In points.
    pub height: f32,
    /// It is in the list of lanes only.
    pub is_hidden: bool,
    drawn: Option<(Drawn, Picture)>,
}

/// What a picture was drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Drawn {
    axis: Axis,
    width: f32,
    recorded_until_ns: u64,
    offset_ns: f64,
}

/// A line of the window, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The name of a board, above the row that this is the index of.
    Board(usize),
    /// A row.
    Lane(usize),
    /// What a decoder makes of lanes.
    Decoder(usize),
}

/// What the window is about.
#[derive(Debug)]
pub struct Session {
    /// The open recordings.
    pub sources: Vec<Source>,
    /// The files that could not be opened.
    pub failures: Vec<String>,
    /// The lanes, in the order of the window.
    pub rows: Vec<Row>,
    /// What is shown.
    pub axis: Axis,
    /// The newest instant stays in the window.
    pub is_following: bool,
    /// The list of keys is open.
    pub is_help_open: bool,
    /// The instant under the pointer, in ns.
    pub pointer_ns: Option<f64>,
    /// The two cursors.
    pub cursors: Cursors,
    /// The row that keys act on.
    pub selected: Option<usize>,
    /// The panel at the right.
    pub panel: Option<Panel>,
    /// What was said last, in the line at the bottom.
    pub message: String,
    /// What the user filled in for the trigger.
    pub trigger: TriggerSetting,
    /// The search for its shots.
    pub search: Option<Search>,
    /// What happens with the next shot.
    pub armed: Armed,
    /// The text that is looked for.
    pub find: Find,
    /// The selected row is scrolled into the window in the next frame.
    pub(crate) wants_selected_shown: bool,
    /// What decoders make of the window.
    pub decoders: Decoders,
    /// What the user fills in for the next one.
    pub new_decoder: DecoderSetting,
    /// The recording that the owner writes for this window.
    attachment: Option<Attachment>,
    /// What is exported, and to where.
    pub export: Export,
    /// The theme that the user chose.
    pub theme: ThemeChoice,
    /// Boards whose lanes are folded away.
    pub folded: Vec<String>,
    /// The board whose virtual time is shown; `None` for the host's. It need not be in these recordings.
    pub times_of: Option<String>,
    pub(crate) clock: Option<BoardTime>,
    pub(crate) layout: Layout,
    pub(crate) layout_store: Store,
    pub(crate) decoded_for: Option<(Axis, Vec<u64>, usize)>,
    pub(crate) now_s: f64,
    declared: Vec<usize>,
}

impl Session {
    /// Opens recordings on one axis. A file that cannot be opened is a failure that is shown beside the others.
    pub fn open(paths: &[PathBuf]) -> Self {
        let mut sources = Vec::new();
        let mut failures = Vec::new();
        for path in paths {
            match Source::open(path) {
                Ok(mut source) => {
                    failures.extend(source.load_bookmarks());
                    sources.push(source);
                }
                Err(error) => failures.push(SourceError::to_string(&error)),
            }
        }
        let mut session = Self {
            declared: vec![0; sources.len()],
            sources,
            failures,
            rows: Vec::new(),
            axis: Axis::new(0.0, EMPTY_NS),
            is_following: false,
            is_help_open: false,
            pointer_ns: None,
            cursors: Cursors::default(),
            selected: None,
            panel: None,
            message: String::new(),
            trigger: TriggerSetting::default(),
            search: None,
            armed: Armed::No,
            find: Find::default(),
            wants_selected_shown: false,
            decoders: Decoders::new(),
            new_decoder: DecoderSetting::default(),
            attachment: None,
            export: Export::default(),
            theme: ThemeChoice::default(),
            folded: Vec::new(),
            times_of: None,
            clock: None,
            layout: Layout::default(),
            layout_store: Store::none(),
            decoded_for: None,
            now_s: 0.0,
        };
        session.align();
        session.take_in_lanes();
        session.fit();
        session
    }

    /// Loads the layout of the window from a file, and saves it there from now on.
    pub fn keep_layout(&mut self, mut store: Store) {
        match store.load() {
            Ok(layout) => self.set_layout(layout),
            Err(error) => self.say(error.to_string()),
        }
        self.layout_store = store;
    }

    /// Follows a recording that the owner writes, for as long as this session lives.
    pub fn follow(&mut self, attachment: Attachment) {
        self.attachment = Some(attachment);
        self.is_following = true;
        self.axis = Axis::new(self.until_ns() - FOLLOWED_NS, FOLLOWED_NS);
        self.show_end();
    }

    /// Puts each recording at its place on the common axis, by when it began. One that does not say so is at the begin.
    fn align(&mut self) {
        let began: Vec<Option<u64>> = self.sources.iter().map(Source::began_ms).collect();
        let Some(earliest) = began.iter().flatten().min().copied() else {
            return;
        };
        for (source, began_ms) in self.sources.iter_mut().zip(began) {
            source.offset_ns = began_ms.map_or(0.0, |began_ms| (began_ms - earliest) as f64 * 1e6);
        }
    }

    /// Adds rows for lanes that were declared since, each behind the last one of its board.
    /// Returns whether there were any.
    fn take_in_lanes(&mut self) -> bool {
        let before = self.rows.len();
        for (index, source) in self.sources.iter().enumerate() {
            for (lane, declared) in source.recording.lanes().skip(self.declared[index]) {
                let (board, title) = match declared.name.split_once('/') {
                    Some((board, title)) => (board.to_owned(), title.to_owned()),
                    None => (String::new(), declared.name.clone()),
                };
                let height = match declared.kind {
                    LaneKind::Digital => 32.0,
                    LaneKind::Number => 64.0,
                    LaneKind::Text => 26.0,
                };
                let row = Row {
                    source: index,
                    lane,
                    name: declared.name.clone(),
                    is_hidden: is_about(&title),
                    board,
                    title,
                    kind: declared.kind,
                    unit: declared.unit.clone(),
                    height,
                    drawn: None,
                };
                let last = self
                    .rows
                    .iter()
                    .rposition(|it| (it.source, &it.board) == (index, &row.board));
                let at = last.map_or(self.rows.len(), |last| last + 1);
                self.selected = self.selected.map(|selected| selected + usize::from(selected >= at));
                self.rows.insert(at, row);
            }
            self.declared[index] = source.recording.lanes().len();
        }
        self.rows.len() > before
    }

    /// Takes in what was recorded since; `now_s` is the window's clock. Returns whether there was anything.
    pub fn refresh(&mut self, now_s: f64) -> bool {
        self.now_s = now_s;
        let was_empty = self.until_ns() == 0.0;
        let mut grew = false;
        for source in &mut self.sources {
            grew |= source.refresh(now_s);
        }
        if grew {
            self.align();
            if self.take_in_lanes() {
                self.place_rows();
            }
            if was_empty && self.attachment.is_none() {
                self.fit();
            }
        }
        self.read_clock();
        if let Some(notice) = self.attachment.as_ref().and_then(Attachment::notice) {
            self.failures.push(notice);
        }
        if self.is_following && self.is_live() {
            self.show_end();
        }
        self.take_in_shots();
        self.take_in_matches();
        self.decode_window();
        self.take_in_export();
        grew
    }

    /// Whether a recording grew a moment ago.
    pub fn is_live(&self) -> bool {
        self.sources.iter().any(|source| source.is_live(self.now_s))
    }

    /// Whether a search has not reached the end yet, or a decoder.
    pub fn is_searching(&self) -> bool {
        self.search
            .as_ref()
            .is_some_and(|search| search.searched_until_ns < self.sources[search.source].recording.recorded_until_ns())
    }

    /// What is wrong with the recordings, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let damage = self.sources.iter().filter_map(|source| source.problem(self.now_s));
        self.failures.iter().cloned().chain(damage).collect()
    }

    /// The end of everything that is recorded, in ns.
    pub fn until_ns(&self) -> f64 {
        self.sources.iter().map(Source::until_ns).fold(0.0, f64::max)
    }

    /// Carries a command out.
    pub fn apply(&mut self, command: &Command) {
        let pivot = self
            .pointer_ns
            .map_or(0.5, |at_ns| self.axis.x(at_ns, 1.0).clamp(0.0, 1.0));
        self.message.clear();
        match command {
            Command::Fit => self.fit(),
            Command::ZoomIn => self.zoom(pivot, ZOOM),
            Command::ZoomOut => self.zoom(pivot, 1.0 / ZOOM),
            Command::Earlier => self.pan(-MOVE),
            Command::Later => self.pan(MOVE),
            Command::ToBegin => {
                self.is_following = false;
                self.axis = self.axis.with_at(0.0, AHEAD);
            }
            Command::ToEnd => self.show_end(),
            Command::ToggleFollow => {
                self.is_following = !self.is_following;
                if self.is_following {
                    self.show_end();
                }
            }
            Command::Place(cursor) => {
                let at_ns = self.pointer_ns.unwrap_or(self.axis.from_ns + self.axis.span_ns / 2.0);
                self.cursors.set(*cursor, Some(at_ns));
            }
            Command::ClearCursors => self.cursors = Cursors::default(),
            Command::NextEntry => self.step(true),
            Command::PreviousEntry => self.step(false),
            Command::SelectAbove => self.select(-1),
            Command::SelectBelow => self.select(1),
            Command::Arm(armed) => self.arm(*armed),
            Command::NextShot => self.next_shot(true),
            Command::PreviousShot => self.next_shot(false),
            Command::AddBookmark => self.add_bookmark(),
            Command::NextBookmark => self.next_bookmark(true),
            Command::PreviousBookmark => self.next_bookmark(false),
            Command::MoveUp => self.move_selected(false),
            Command::MoveDown => self.move_selected(true),
            Command::Taller | Command::Lower | Command::Hide => match self.selected {
                None => self.say("Select a lane first: click its name, or press Down."),
                Some(row) if *command == Command::Hide => self.hide(row, true),
                Some(row) => self.resize(row, if *command == Command::Taller { 12.0 } else { -12.0 }),
            },
            Command::NextClock => self.next_clock(),
            Command::Find => self.open_find(),
            Command::NextMatch => self.next_match(true),
            Command::PreviousMatch => self.next_match(false),
            Command::Toggle(panel) => self.panel = (self.panel != Some(*panel)).then_some(*panel),
            Command::ToggleHelp => self.is_help_open = !self.is_help_open,
        }
    }

    /// Says something in the line at the bottom.
    pub fn say(&mut self, what: impl Into<String>) {
        self.message = what.into();
    }

    fn select(&mut self, by: isize) {
        let shown: Vec<usize> = (0..self.rows.len()).filter(|row| !self.rows[*row].is_hidden).collect();
        let now = self.selected.and_then(|row| shown.iter().position(|it| *it == row));
        let next = match now {
            Some(now) => now.saturating_add_signed(by).min(shown.len().saturating_sub(1)),
            None => 0,
        };
        self.selected = shown.get(next).copied();
        self.wants_selected_shown = true;
    }

    /// Zooms around a share of the width. While the newest instant is followed it stays where it is.
    pub fn zoom(&mut self, share: f64, factor: f64) {
        let share = if self.is_following { 1.0 - AHEAD } else { share };
        self.axis = self.axis.zoomed(share, factor);
    }

    /// Moves by a share of the width, which ends following.
    pub fn pan(&mut self, share: f64) {
        self.is_following = false;
        self.axis = self.axis.moved(share);
    }

    fn fit(&mut self) {
        let end_ns = self.until_ns();
        let span_ns = if end_ns > 0.0 { end_ns } else { EMPTY_NS };
        self.axis = Axis::new(-span_ns * AHEAD, span_ns * (1.0 + 2.0 * AHEAD));
    }

    fn show_end(&mut self) {
        self.axis = self.axis.with_at(self.until_ns(), 1.0 - AHEAD);
    }

    /// What is drawn from top to bottom: each board's name, then its lanes.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut last: Option<(usize, &str)> = None;
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.is_hidden) {
            let group = (row.source, row.board.as_str());
            if last != Some(group) {
                items.push(Item::Board(index));
                last = Some(group);
            }
            if self.folded.contains(&row.board) {
                continue;
            }
            items.push(Item::Lane(index));
            // A decoder stands below its first lane.
            for (decoder, decoding) in self.decoders.all.iter().enumerate() {
                if decoding.source == row.source && decoding.setting.lanes.first() == Some(&row.name) {
                    items.push(Item::Decoder(decoder));
                }
            }
        }
        items
    }

    /// The heading above a board's lanes, and what is known about the board.
    pub fn heading(&self, row: usize) -> (String, Option<AboutBoard>) {
        let row = &self.rows[row];
        let source = &self.sources[row.source];
        let mut heading = if row.board.is_empty() {
            "Recording".to_owned()
        } else {
            row.board.clone()
        };
        if self.sources.len() > 1 {
            heading = format!("{heading} · {}", source.name());
        }
        (heading, source.about(&row.board))
    }

    /// The picture of a row; drawn anew only if something changed.
    pub fn picture(&mut self, row: usize, width: f32) -> &Picture {
        let row = &mut self.rows[row];
        let source = &self.sources[row.source];
        let wanted = Drawn {
            axis: self.axis,
            width,
            recorded_until_ns: source.recording.recorded_until_ns(),
            offset_ns: source.offset_ns,
        };
        if row.drawn.as_ref().is_none_or(|(drawn, _)| *drawn != wanted) {
            row.drawn = None;
        }
        &row.drawn
            .get_or_insert_with(|| {
                let picture = Picture::new(source, row.lane, &row.board, wanted.axis, width);
                (wanted, picture)
            })
            .1
    }

    /// What a row holds at an instant, as text.
    pub fn value_at(&self, row: usize, at_ns: f64) -> Option<String> {
        let row = &self.rows[row];
        self.sources[row.source].value_at(row.lane, at_ns)
    }
}

/// Lanes that the scope reads itself: they say what a recording is and why its gaps are there.
fn is_about(title: &str) -> bool {
    matches!(title, "about" | "state" | "clock")
}
