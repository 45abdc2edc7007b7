//! How much of the disk the recording of what just happened may use, as the data directory keeps it.

use crate::{
    api::{ApiError, ErrorCode},
    data_dir::replace,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The limit unless the user sets another.
const DEFAULT_BYTES: u64 = 512_000_000;

#[derive(Serialize, Deserialize)]
struct Setting {
    max_bytes: u64,
}

fn file(data: &Path) -> PathBuf {
    data.join("recordings").join("recent.json")
}

/// The limit, in bytes; 0 keeps nothing. A file that cannot be read counts as none.
pub(super) fn read(data: &Path) -> u64 {
    let file = file(data);
    let Ok(text) = std::fs::read(&file) else {
        return DEFAULT_BYTES;
    };
    match serde_json::from_slice::<Setting>(&text) {
        Ok(setting) => setting.max_bytes,
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "a setting cannot be read; the usual limit is used");
            DEFAULT_BYTES
        }
    }
}

pub(super) fn write(data: &Path, max_bytes: u64) -> Result<(), ApiError> {
    let file = file(data);
    let text = format!("{}\n", serde_json::json!(Setting { max_bytes }));
    replace(&file, text.as_bytes()).map_err(|error| {
        let text = format!("{} cannot be written: {error}.", file.display());
        ApiError::new(ErrorCode::Refused, text)
    })
}
