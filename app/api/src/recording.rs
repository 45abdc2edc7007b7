//! Recordings of signals: parameters and results of their methods.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Begins to record what boards do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingStart {
    /// Ids or names of the boards.
    pub boards: Vec<String>,
    /// The file, by absolute path, written by the owner; `None` makes one in the data directory.
    #[serde(default)]
    pub file: Option<String>,
    /// Whether a file that exists is replaced.
    #[serde(default)]
    pub overwrite: bool,
    /// The recording ends at this size, in bytes; `None` means 4 GiB.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub max_bytes: Option<u64>,
}

/// A recording of one board that is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingFile {
    /// The file, by absolute path, written by the owner.
    pub file: String,
    /// Whether a file that exists is replaced.
    #[serde(default)]
    pub overwrite: bool,
}

/// Names a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingRef {
    /// Its id.
    pub recording: String,
}

/// Keeps what just happened on a board.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingKeep {
    /// Id or name of the board.
    pub board: String,
    /// How much, in milliseconds back from the newest entry; `None` means ten minutes.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub last_ms: Option<u64>,
    /// The file, by absolute path, written by the owner; `None` makes one in the data directory.
    #[serde(default)]
    pub file: Option<String>,
    /// Whether a file that exists is replaced.
    #[serde(default)]
    pub overwrite: bool,
}

/// Limits the recording of what just happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingRecentSize {
    /// The size of all its segments together, in bytes; 0 switches it off and deletes them.
    #[ts(type = "number")]
    pub max_bytes: u64,
}

/// State of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// It is written.
    Recording,
    /// It was stopped, or has its size; its file is whole.
    Stopped,
    /// It could not be written on. Its file has what was written before.
    Failed,
}

/// A recording of this run of Drydock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordingView {
    /// Its id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// Names of the boards, as they were called when it began.
    pub boards: Vec<String>,
    /// Its state.
    pub state: RecordingState,
    /// When it began, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub began_ms: u64,
    /// Its length so far, in seconds.
    pub seconds: f64,
    /// Size of the file so far.
    #[ts(type = "number")]
    pub bytes: u64,
    /// At this size it ends.
    #[ts(type = "number")]
    pub max_bytes: u64,
    /// Entries that were lost because the disk was slow. The recording has gaps there.
    #[ts(type = "number")]
    pub lost: u64,
    /// Why it ended by itself, in a sentence; empty otherwise.
    pub reason: String,
}
