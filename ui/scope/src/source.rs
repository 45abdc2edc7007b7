//! One recording that is open: its file, what is known about it, and what became of it since.

use crate::store::{Bookmark, MAX_BOOKMARKS, Store};
use drydock_scope_model::{LaneId, LaneKind, OpenError, Recording, TimeRange};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// How long a recording counts as written to after it grew, in s. Recorders write twice a second.
const LIVE_S: f64 = 2.5;
/// A cause is recorded within this distance of its gap.
const NEAR_NS: u64 = 1_000_000;

/// A recording could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be opened: {}", path.display(), reason(error))]
pub struct SourceError {
    path: PathBuf,
    #[source]
    error: OpenError,
}

fn reason(error: &OpenError) -> String {
    match error {
        OpenError::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// What the lane `about` says.
#[derive(Debug, Default, Deserialize)]
struct About {
    #[serde(default)]
    began_ms: Option<u64>,
}

/// What the lane `BOARD/about` says; what is missing is left out.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub struct AboutBoard {
    /// What a person calls the kind of board.
    #[serde(default)]
    pub kind_title: String,
    /// The engine that runs it.
    #[serde(default)]
    pub engine: String,
    /// The firmware's version.
    #[serde(default)]
    pub firmware: Option<String>,
    /// Parts on its I2C buses.
    #[serde(default)]
    pub i2c: Vec<AboutPart>,
}

/// A part on an I2C bus of a board.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub struct AboutPart {
    /// Its name on the board.
    #[serde(default)]
    pub part: String,
    /// The lane of its bus, without the board.
    #[serde(default)]
    pub lane: String,
    /// The 7-bit addresses that it answers to.
    #[serde(default)]
    pub addresses: Vec<u8>,
}

/// An open recording.
#[derive(Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub recording: Recording,
    /// Its begin on the common axis, in ns.
    pub offset_ns: f64,
    /// Its bookmarks by time.
    pub bookmarks: Vec<Bookmark>,
    /// Their file.
    pub bookmark_store: Store,
    grew_at_s: Option<f64>,
    lost: Option<String>,
}

impl Source {
    /// Opens a recording, which may still be written to.
    ///
    /// # Errors
    /// [`SourceError`]: the file is missing, or no recording, or of a newer Drydock.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let recording = Recording::open(path).map_err(|error| SourceError {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self {
            path: path.to_owned(),
            recording,
            offset_ns: 0.0,
            bookmarks: Vec::new(),
            bookmark_store: Store::bookmarks_of(path),
            grew_at_s: None,
            lost: None,
        })
    }

    /// Reads the bookmarks beside the recording. Returns what is wrong with their file.
    pub fn load_bookmarks(&mut self) -> Option<String> {
        match self.bookmark_store.load::<Vec<Bookmark>>() {
            Ok(mut bookmarks) => {
                bookmarks.sort_by_key(|it| it.at_ns);
                bookmarks.truncate(MAX_BOOKMARKS);
                self.bookmarks = bookmarks;
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// Takes in what was written since; `now_s` is the window's clock. Returns whether there was anything.
    pub fn refresh(&mut self, now_s: f64) -> bool {
        if self.lost.is_some() {
            return false;
        }
        match self.recording.refresh() {
            Ok(grew) => {
                if grew {
                    self.grew_at_s = Some(now_s);
                }
                grew
            }
            Err(error) => {
                self.lost = Some(reason(&error));
                false
            }
        }
    }

    /// Whether it grew a moment ago.
    pub fn is_live(&self, now_s: f64) -> bool {
        self.lost.is_none() && self.grew_at_s.is_some_and(|at_s| now_s - at_s < LIVE_S)
    }

    /// The file's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What is wrong with it, as a sentence. The last block of a recording that is written to may be incomplete for a
    /// moment, which is no damage.
    pub fn problem(&self, now_s: f64) -> Option<String> {
        if let Some(lost) = &self.lost {
            return Some(format!(
                "{} is not followed any more ({lost}); what was read stays, open it again to go on",
                self.name()
            ));
        }
        let damage = self.recording.damage().filter(|_| !self.is_live(now_s))?;
        Some(format!("{}: {damage}; everything before that is shown", self.name()))
    }

    /// When it began, in ms since 1970, if it says so.
    pub fn began_ms(&self) -> Option<u64> {
        let id = self.find("about")?;
        let (_, text) = self.recording.text_at(id, 0)?;
        serde_json::from_slice::<About>(text).ok()?.began_ms
    }

    /// The newest description of a board.
    pub fn about(&self, board: &str) -> Option<AboutBoard> {
        let id = self.find(&format!("{board}/about"))?;
        let (_, text) = self.recording.text_at(id, u64::MAX - 1)?;
        serde_json::from_slice(text).ok()
    }

    /// The parts on a bus of a board, by the addresses that they answer to.
    pub fn i2c_names(&self, board: &str, lane: &str) -> Vec<(u8, String)> {
        let parts = self.about(board).unwrap_or_default().i2c;
        let on_bus = parts.into_iter().filter(|part| part.lane == lane);
        let by_address = |part: AboutPart| {
            part.addresses
                .into_iter()
                .map(move |address| (address, part.part.clone()))
        };
        on_bus.flat_map(by_address).collect()
    }

    /// The cause of a gap in a lane of a board.
    pub fn cause(&self, board: &str, gap: TimeRange, lost: u32) -> String {
        let told = self
            .find(&format!("{board}/state"))
            .and_then(|id| self.recording.text_at(id, gap.from_ns.saturating_add(NEAR_NS)))
            .filter(|(at_ns, _)| at_ns.saturating_add(NEAR_NS) >= gap.from_ns)
            .map(|(_, text)| String::from_utf8_lossy(text).into_owned());
        told.unwrap_or_else(|| match lost {
            0 => "not recorded".into(),
            1 => "1 entry lost".into(),
            lost => format!("{lost} entries lost"),
        })
    }

    /// The lane with a name.
    pub fn find(&self, name: &str) -> Option<LaneId> {
        self.recording
            .lanes()
            .find(|(_, lane)| lane.name == name)
            .map(|(id, _)| id)
    }

    /// The end of what is recorded on the common axis, in ns.
    pub fn until_ns(&self) -> f64 {
        self.offset_ns + self.recording.recorded_until_ns() as f64
    }

    /// What a lane holds at an instant of the common axis, as text; `None` where nothing is known.
    pub fn value_at(&self, id: LaneId, at_ns: f64) -> Option<String> {
        let at_ns = at_ns - self.offset_ns;
        if at_ns < 0.0 || at_ns > self.recording.recorded_until_ns() as f64 {
            return None;
        }
        let at_ns = at_ns.floor() as u64;
        let lane = self.recording.lane(id)?;
        match lane.kind {
            LaneKind::Text => {
                let (_, text) = self.recording.text_at(id, at_ns)?;
                Some(one_line(text))
            }
            LaneKind::Digital => {
                let level = self.recording.number_at(id, at_ns.saturating_add(1))?;
                Some(if level > 0.0 { "high" } else { "low" }.into())
            }
            LaneKind::Number => {
                let value = self.recording.number_at(id, at_ns.saturating_add(1))?;
                let space = if lane.unit.is_empty() { "" } else { " " };
                Some(format!("{}{space}{}", crate::time::number(value), lane.unit))
            }
        }
    }
}

/// Bytes as one line of text: what does not print is shown as an escape.
pub fn one_line(bytes: &[u8]) -> String {
    let mut line = String::new();
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push(' '),
            letter if letter.is_control() => line.push_str(&format!("\\x{:02x}", letter as u32)),
            letter => line.push(letter),
        }
    }
    line
}
