//! The recordings that earlier runs left in the data directory.

use crate::api::{RecordingState, RecordingView};
use drydock_scope_model::{FILE_ENDING, Recording};
use serde_json::Value;
use std::{fs, path::Path};

/// The recordings in a folder. A file that cannot be read is left out.
pub(super) fn read_all(folder: &Path) -> Vec<RecordingView> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = files.map(|entry| entry.path());
    let recordings = files.filter(|path| path.extension().is_some_and(|ending| ending == FILE_ENDING));
    recordings.filter_map(|path| read(&path)).collect()
}

pub(super) fn read(path: &Path) -> Option<RecordingView> {
    let recording = Recording::open(path).ok()?;
    let about = recording
        .first_text("about")
        .and_then(|text| serde_json::from_slice(text).ok());
    let about: Value = about.unwrap_or_default();
    let boards = recording
        .lanes()
        .filter_map(|(_, lane)| lane.name.strip_suffix("/about"));
    let damage = recording
        .damage()
        .map(|damage| format!("Its end is missing: {damage}."));
    let bytes = fs::metadata(path).map_or(0, |data| data.len());
    Some(RecordingView {
        id: path.file_stem()?.to_string_lossy().into_owned(),
        file: path.display().to_string(),
        boards: boards.map(str::to_owned).collect(),
        state: match damage {
            Some(_) => RecordingState::Failed,
            None => RecordingState::Stopped,
        },
        began_ms: about["began_ms"].as_u64().unwrap_or(0),
        seconds: recording.recorded_until_ns() as f64 / 1e9,
        bytes,
        max_bytes: bytes,
        lost: 0,
        reason: damage.unwrap_or_default(),
    })
}
