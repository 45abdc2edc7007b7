//! The segments on disk. Files with other names are somebody else's, and stay.

use super::super::feed::SEGMENT_LANE;
use drydock_scope_model::{FILE_ENDING, Recording};
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Segments that ended before this are deleted.
const KEPT: Duration = Duration::from_secs(3_600);
/// More segments than this are too many to look through.
const MOST: usize = 256;

/// A segment, which may be damaged.
pub(super) struct SegmentFile {
    pub(super) bytes: u64,
    pub(super) began_ms: u64,
    pub(super) until_ms: u64,
    /// Names of its boards, as far as it can be read.
    pub(super) boards: Vec<String>,
}

/// The number in the name of a segment, which rises.
fn number(path: &Path) -> Option<u64> {
    let is_ours = path.extension().is_some_and(|ending| ending == FILE_ENDING);
    let name = path.file_stem().filter(|_| is_ours)?.to_str()?;
    name.parse().ok()
}

/// The files of the segments, the oldest first.
pub(super) fn paths(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = files
        .filter_map(|entry| Some((number(&entry.path())?, entry.path())))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Makes the file of a segment that began then, and names it.
pub(super) fn create(folder: &Path, began_ms: u64) -> io::Result<(String, PathBuf, File)> {
    fs::create_dir_all(folder)?;
    let newest = paths(folder).last().and_then(|path| number(path));
    // Also if the clock was set back.
    let number = newest.map_or(began_ms, |newest| newest.saturating_add(1).max(began_ms));
    let name = format!("{number:013}");
    let path = folder.join(format!("{name}.{FILE_ENDING}"));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    Ok((name, path, file))
}

/// The segments, the oldest first.
pub(super) fn list(folder: &Path) -> Vec<SegmentFile> {
    let read = |path: PathBuf| {
        let data = fs::metadata(&path).ok()?;
        let until = data.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let boards = Recording::open(&path).map_or_else(|_| Vec::new(), |recording| boards(&recording));
        Some(SegmentFile {
            bytes: data.len(),
            began_ms: number(&path)?,
            until_ms: u64::try_from(until.as_millis()).unwrap_or(0),
            boards,
        })
    };
    paths(folder).into_iter().filter_map(read).collect()
}

/// The names of the boards of a segment.
pub(super) fn boards(recording: &Recording) -> Vec<String> {
    let ending = format!("/{SEGMENT_LANE}");
    let lanes = recording
        .lanes()
        .filter_map(|(_, lane)| lane.name.strip_suffix(&ending));
    lanes.map(str::to_owned).collect()
}

/// Deletes segments that are too old, and the oldest until the others have no more than `max_bytes`; never `current`.
pub(super) fn drop_old(folder: &Path, max_bytes: u64, current: Option<&Path>) {
    let others: Vec<PathBuf> = paths(folder)
        .into_iter()
        .filter(|path| Some(path.as_path()) != current)
        .collect();
    let now = SystemTime::now();
    let (mut bytes, mut count) = (0_u64, 0);
    for path in others.iter().rev() {
        let Ok(data) = fs::metadata(path) else { continue };
        bytes = bytes.saturating_add(data.len());
        count += 1;
        let age = data.modified().ok().and_then(|at| now.duration_since(at).ok());
        let is_old = age.is_some_and(|age| age > KEPT);
        if (is_old || bytes > max_bytes || count > MOST)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%error, file = %path.display(), "an old segment cannot be deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, age: Duration) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, [0; 100]).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    }

    fn left(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_older_than_an_hour_is_deleted_but_nothing_of_others() {
        let place = tempfile::tempdir().unwrap();
        let old = KEPT + Duration::from_secs(60);
        let current = file(place.path(), "1.drydock-rec", old);
        file(place.path(), "2.drydock-rec", old);
        file(place.path(), "3.drydock-rec", KEPT - Duration::from_secs(600));
        file(place.path(), "mine.drydock-rec", old);
        file(place.path(), "4.txt", old);
        drop_old(place.path(), u64::MAX, Some(&current));
        assert_eq!(
            left(place.path()),
            ["1.drydock-rec", "3.drydock-rec", "4.txt", "mine.drydock-rec"]
        );
    }

    #[test]
    fn the_oldest_go_when_there_is_too_much() {
        let place = tempfile::tempdir().unwrap();
        for number in 8..12 {
            file(place.path(), &format!("{number}.drydock-rec"), Duration::ZERO);
        }
        drop_old(place.path(), 299, None);
        assert_eq!(
            left(place.path()),
            ["10.drydock-rec", "11.drydock-rec"],
            "by number, not by letters"
        );
        drop_old(place.path(), 0, None);
        assert_eq!(left(place.path()), [""; 0]);
    }

    #[test]
    fn a_segment_is_newer_than_all_before_also_where_the_clock_was_set_back() {
        let place = tempfile::tempdir().unwrap();
        let (first, ..) = create(place.path(), 2_000).unwrap();
        let (second, path, _) = create(place.path(), 1_000).unwrap();
        assert!(second > first, "{second} after {first}");
        assert_eq!(paths(place.path()).last(), Some(&path));
    }
}
