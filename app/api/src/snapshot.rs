//! Snapshots and forks: parameters and results of their methods.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A state of a board's machine, kept in memory until Drydock ends or the board is removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotView {
    /// Its name, unique for the board.
    pub name: String,
    /// Id of the board.
    pub board: String,
    /// When it was taken or read from a file, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub taken_ms: u64,
    /// The machine's virtual time, in seconds since power-on.
    pub virtual_time_s: f64,
    /// Instructions since power-on.
    #[ts(type = "number")]
    pub instructions: u64,
    /// Whether it came from a file.
    pub imported: bool,
}

/// Names a snapshot of a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotRef {
    /// Id or name of the board.
    pub board: String,
    /// Name of the snapshot.
    pub snapshot: String,
}

/// Takes a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotTake {
    /// Id or name of the board.
    pub board: String,
    /// Its name; `None` takes `snapshot-1`, `snapshot-2`, ….
    #[serde(default)]
    pub name: Option<String>,
}

/// A state to go to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotSource {
    /// A snapshot that is kept, by its name.
    Name(String),
    /// A snapshot file, by absolute path, read by the owner.
    Path(String),
}

/// Restores a state. Restoring drops the board's link; the board reconnects with the same identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotRestore {
    /// Id or name of the board.
    pub board: String,
    /// The state.
    pub from: SnapshotSource,
}

/// Writes a state to a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotExport {
    /// Id or name of the board.
    pub board: String,
    /// Name of the snapshot; `None` takes the current state of the board.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// File to write, by absolute path.
    pub path: String,
}

/// Reads a state from a file and keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotImport {
    /// Id or name of the board.
    pub board: String,
    /// File to read, by absolute path.
    pub path: String,
    /// Its name; `None` takes the name of the file.
    #[serde(default)]
    pub name: Option<String>,
}

/// A snapshot file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SnapshotFile {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u32,
    /// The machine's virtual time, in seconds since power-on.
    pub virtual_time_s: f64,
    /// Instructions since power-on.
    #[ts(type = "number")]
    pub instructions: u64,
    /// SHA-256 of the firmware, hexadecimal.
    pub image: String,
    /// Hash of the state, hexadecimal.
    pub state_hash: String,
}

/// Makes boards after the model of another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardFork {
    /// Id or name of the board.
    pub board: String,
    /// How many; `None` makes one.
    #[serde(default)]
    pub count: Option<u32>,
    /// Name of the fork, or the prefix of the names of several forks. `None` takes the board's own name with `-fork`.
    #[serde(default)]
    pub name: Option<String>,
    /// Continue from the board's exact state, including its memory, but without a link: no data from the fork reaches
    /// the gateway. After a power cycle the fork starts blank and enrolls with its own identity.
    #[serde(default)]
    pub unlinked: bool,
    /// The state that an unlinked fork continues from; `None` takes the board's current state.
    #[serde(default)]
    pub from: Option<SnapshotSource>,
}
