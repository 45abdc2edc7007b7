//! Joins what the segments have of one board into a recording that stays.

use super::super::{cannot, feed::SEGMENT_LANE, kept, open};
use super::{files, folder, next_segment};
use crate::{
    api::{ApiError, ErrorCode, EventName, RecordingKeep, RecordingView},
    clock::now_ms,
    errors::usage,
    state::WorkbenchState,
};
use drydock_scope_model::{Entry, Lane, LaneId, LaneKind, Part, Recording, TimeRange, Writer, join};
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is kept unless the user says how much.
const LAST_MS: u64 = 600_000;
const ALL: TimeRange = TimeRange {
    from_ns: 0,
    until_ns: u64::MAX,
};

/// Writes the last minutes of a board to a file.
pub(crate) async fn keep(workbench: &Arc<WorkbenchState>, request: RecordingKeep) -> Result<RecordingView, ApiError> {
    let last_ms = request.last_ms.unwrap_or(LAST_MS);
    if last_ms == 0 {
        return Err(usage("Say how much of the past to keep, for example 10m."));
    }
    // A board that was removed may still be in it, under its name.
    let found = workbench.board(&request.board);
    let (id, name) = match &found {
        Ok(board) => (Some(board.id.clone()), board.name()),
        Err(_) => (None, request.board.clone()),
    };
    // What it has up to now is whole, and no longer written to.
    next_segment(workbench).await;
    let (segments, recordings) = (folder(workbench), workbench.dir.path().join("recordings"));
    let wanted = Wanted { id, name, last_ms };
    let (asked, overwrite) = (request.file.map(PathBuf::from), request.overwrite);
    let written = tokio::task::spawn_blocking(move || {
        let taken = take(&segments, &wanted);
        if taken.is_empty() {
            return Ok(None);
        }
        write(&taken, &wanted, (asked, &recordings, overwrite)).map(Some)
    });
    let written = written
        .await
        .map_err(|error| ApiError::internal(format!("{error}.")))??;
    let Some(view) = written else {
        let board = found?.name();
        let text = format!(
            "Nothing of {board} was kept: the window and `drydock gateway` keep the last hour of the first 32 boards while they run, unless `drydock recordings --recent-size 0` ended that."
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    };
    let mut data = Map::new();
    data.insert("file".into(), json!(view.file));
    data.insert("seconds".into(), json!(view.seconds));
    let text = format!(
        "The last {} of {} are kept in {}.",
        length(view.seconds),
        view.boards.join(", "),
        view.file
    );
    workbench.publish(EventName::RecordingKept, found.ok().as_deref(), text, data);
    Ok(view)
}

fn length(seconds: f64) -> String {
    match seconds {
        0.0..120.0 => format!("{seconds:.1} seconds"),
        _ => format!("{:.1} minutes", seconds / 60.0),
    }
}

struct Wanted {
    /// The board's id, if it is in the fleet.
    id: Option<String>,
    name: String,
    last_ms: u64,
}

/// What one segment has of the board.
struct Taken {
    segment: String,
    recording: Recording,
    /// Its lanes, without the board's name.
    lanes: Vec<(LaneId, String)>,
    /// The segment that it continues.
    continues: Option<String>,
    began_ms: u64,
    /// Its last entry, in its own time.
    until_ns: u64,
}

/// Looks for the board in all segments, the oldest first. What cannot be read is passed over.
fn take(folder: &Path, wanted: &Wanted) -> Vec<Taken> {
    let opened = files::paths(folder).into_iter().filter_map(|path| {
        let segment = path.file_stem()?.to_str()?.to_owned();
        Some((segment, Recording::open(&path).ok()?))
    });
    opened
        .filter_map(|(segment, recording)| of_board(segment, recording, wanted))
        .collect()
}

fn of_board(segment: String, recording: Recording, wanted: &Wanted) -> Option<Taken> {
    let found = files::boards(&recording).into_iter().find_map(|name| {
        let says = words(&recording, &format!("{name}/{SEGMENT_LANE}"));
        let id = says.iter().find_map(|word| word["board"].as_str().map(str::to_owned));
        let is_it = match &wanted.id {
            Some(wanted) => id.as_ref() == Some(wanted),
            None => name == wanted.name,
        };
        let continues = says
            .iter()
            .find_map(|word| word["continues"].as_str().map(str::to_owned));
        is_it.then_some((format!("{name}/"), continues))
    });
    let (prefix, continues) = found?;
    let lanes = recording.lanes().filter_map(|(id, lane)| {
        let name = lane.name.strip_prefix(&prefix)?;
        Some((id, name.to_owned()))
    });
    let lanes: Vec<(LaneId, String)> = lanes.collect();
    let until_ns = lanes.iter().map(|(id, _)| recording.last_ns(*id)).max().unwrap_or(0);
    let about = words(&recording, "about");
    let began_ms = about.iter().find_map(|word| word["began_ms"].as_u64());
    Some(Taken {
        began_ms: began_ms.or_else(|| segment.parse().ok())?,
        lanes: lanes.into_iter().filter(|(_, name)| name != SEGMENT_LANE).collect(),
        segment,
        recording,
        continues,
        until_ns,
    })
}

/// The JSON values of a lane of texts.
fn words(recording: &Recording, lane: &str) -> Vec<Value> {
    let Some(lane) = recording.lane_named(lane) else {
        return Vec::new();
    };
    let texts = recording.entries(lane, ALL).filter_map(|entry| match entry {
        Ok(Entry::Text { bytes, .. }) => serde_json::from_slice(bytes).ok(),
        _ => None,
    });
    texts.collect()
}

/// The parts on one axis, which begins where the first of them does, and when that was, in ms since the Unix epoch.
fn parts<'a>(taken: &'a [Taken], wanted: &Wanted) -> (Vec<Part<'a>>, u64) {
    let first_ms = taken.first().map_or(0, |first| first.began_ms);
    let mut end_ns = 0;
    let placed: Vec<(u64, &Taken)> = taken
        .iter()
        .map(|taken| {
            let offset_ns = taken.began_ms.saturating_sub(first_ms).saturating_mul(1_000_000);
            let begins_ns = offset_ns.max(end_ns);
            end_ns = begins_ns + taken.until_ns;
            (begins_ns, taken)
        })
        .collect();
    // The newest entry counts, not the present: Drydock may have been closed since.
    let from_ns = end_ns.saturating_sub(wanted.last_ms.saturating_mul(1_000_000));
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut before: Option<&Taken> = None;
    for (begins_ns, taken) in placed {
        if begins_ns + taken.until_ns >= from_ns {
            let continues = taken.continues.is_some()
                && before.is_some_and(|before| {
                    taken.continues.as_ref() == Some(&before.segment) && before.recording.damage().is_none()
                });
            parts.push(Part {
                recording: &taken.recording,
                lanes: taken
                    .lanes
                    .iter()
                    .map(|(id, lane)| (*id, format!("{}/{lane}", wanted.name)))
                    .collect(),
                range: TimeRange::new(from_ns.saturating_sub(begins_ns), u64::MAX),
                begins_ns: begins_ns.saturating_sub(from_ns),
                continues,
            });
        }
        before = Some(taken);
    }
    // Where nothing is that old, it begins with what there is.
    (parts, first_ms.saturating_add(from_ns / 1_000_000))
}

fn write(
    taken: &[Taken],
    wanted: &Wanted,
    (asked, recordings, overwrite): (Option<PathBuf>, &Path, bool),
) -> Result<RecordingView, ApiError> {
    let (parts, began_ms) = parts(taken, wanted);
    let (file, path) = open(asked, recordings, now_ms(), overwrite)?;
    let written = (|| {
        let mut writer = Writer::new(file)?;
        let about = writer.declare(&Lane::new("about", LaneKind::Text))?;
        let segments: Vec<&str> = taken.iter().map(|taken| taken.segment.as_str()).collect();
        let text = json!({ "drydock": env!("CARGO_PKG_VERSION"), "began_ms": began_ms, "segments": segments });
        writer.text(about, 0, text.to_string().as_bytes())?;
        let joined = join(&parts, &mut writer)?;
        writer.finish(joined.until_ns)?;
        Ok(joined)
    })();
    let joined = written.map_err(|error: drydock_scope_model::WriteError| {
        // Half of it is worth nothing: the segments are still there.
        let _ = fs::remove_file(&path);
        match error {
            drydock_scope_model::WriteError::Io(error) => cannot(&path, &error),
            error => ApiError::internal(format!("{} cannot be written: {error}.", path.display())),
        }
    })?;
    let mut damage: Vec<String> = Vec::new();
    for taken in taken {
        if let Some(found) = taken.recording.damage() {
            damage.push(format!("segment {}: {found}", taken.segment));
        }
    }
    damage.extend(joined.damage.iter().map(ToString::to_string));
    let mut view =
        kept::read(&path).ok_or_else(|| ApiError::internal(format!("{} cannot be read.", path.display())))?;
    if !damage.is_empty() {
        view.reason = format!("Some of it is missing, and a gap: {}.", damage.join("; "));
    }
    Ok(view)
}
