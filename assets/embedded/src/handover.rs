//! Images that `./x run` builds while the program that it started already runs: `target/firmware/handover`, beside the
//! folder of a development build. Each appears there complete, by renaming. A release carries all images and looks
//! nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::FirmwareImage;

/// Path from the folder of `debug/drydock` to the folder of images.
const FOLDER: &str = "firmware/handover";
/// The file in the folder that says how many images are built. Its writer holds an exclusive lock on it while it
/// builds.
const PROGRESS: &str = "progress";
/// Bytes of that file that are read: a line.
const PROGRESS_BYTES: u64 = 4096;
/// Maximum size of an image; a longer file is not one.
const IMAGE_BYTES: u64 = 64 << 20;

/// The build of the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Runs(Progress),
    Failed { log: String },
}

/// How far a build of all images is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Images that are done.
    pub built: usize,
    /// Images in all.
    pub of: usize,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.built, self.of)
    }
}

impl Progress {
    /// Reads what [`fmt::Display`] writes.
    fn parse(text: &str) -> Option<Self> {
        let (built, of) = text.trim().split_once(" of ")?;
        Some(Self {
            built: built.parse().ok()?,
            of: of.parse().ok()?,
        })
    }
}

/// Images that were read, by board. They are kept until the program ends: at most one for each board with a firmware.
static READ: Mutex<BTreeMap<&'static str, FirmwareImage>> = Mutex::new(BTreeMap::new());

fn folder() -> Option<PathBuf> {
    let program = cfg!(debug_assertions).then(std::env::current_exe)?.ok()?;
    Some(program.parent()?.parent()?.join(FOLDER))
}

/// The image of `board` in the folder.
pub(crate) fn image(board: &'static str) -> Option<FirmwareImage> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(image) = read.get(board) {
        return Some(*image);
    }
    let elf = read_image(&folder()?, board)?;
    let image = FirmwareImage {
        board,
        sha256: Sha256::digest(&elf).into(),
        elf: elf.leak(),
    };
    read.insert(board, image);
    Some(image)
}

fn read_image(folder: &Path, board: &str) -> Option<Vec<u8>> {
    let path = folder.join(format!("{board}.elf"));
    let is_plausible = std::fs::metadata(&path).is_ok_and(|file| file.len() <= IMAGE_BYTES);
    let elf = is_plausible.then(|| std::fs::read(&path).ok())??;
    elf.starts_with(b"\x7fELF").then_some(elf)
}

/// The progress of the build; `None` if there is none, or if it was ended.
pub(crate) fn build() -> Option<Build> {
    build_in(&folder()?)
}

fn build_in(folder: &Path) -> Option<Build> {
    let file = File::open(folder.join(PROGRESS)).ok()?;
    let mut text = String::new();
    (&file).take(PROGRESS_BYTES).read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim();
    if let Some(log) = line.strip_prefix("failed: ") {
        return Some(Build::Failed { log: log.to_owned() });
    }
    // If the lock can be taken, its builder has ended, for any reason.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Progress::parse(line).map(Build::Runs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_while_its_writer_lives() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(build_in(folder.path()), None);
        let path = folder.path().join(PROGRESS);
        let progress = Progress { built: 2, of: 6 };
        std::fs::write(&path, format!("{progress}      \nlonger before\n")).unwrap();
        assert_eq!(build_in(folder.path()), None, "a builder that ended builds nothing");
        let builder = File::open(&path).unwrap();
        builder.lock().unwrap();
        assert_eq!(build_in(folder.path()), Some(Build::Runs(progress)));
        drop(builder);
        assert_eq!(build_in(folder.path()), None);
        std::fs::write(&path, "failed: target/firmware/behind.log\n").unwrap();
        let log = "target/firmware/behind.log".to_owned();
        assert_eq!(build_in(folder.path()), Some(Build::Failed { log }));
    }

    #[test]
    fn progress_that_is_no_progress_is_none() {
        for text in ["", "2", "2 of", "of 6", "two of six", "-1 of 6"] {
            assert_eq!(Progress::parse(text), None, "{text:?}");
        }
        assert_eq!(Progress::parse("2 of 6\n"), Some(Progress { built: 2, of: 6 }));
    }

    #[test]
    fn an_image_is_an_elf_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_image(folder.path(), "nano33ble"), None);
        let path = folder.path().join("nano33ble.elf");
        std::fs::write(&path, b"no image").unwrap();
        assert_eq!(read_image(folder.path(), "nano33ble"), None);
        std::fs::write(&path, b"\x7fELF and more").unwrap();
        assert_eq!(read_image(folder.path(), "nano33ble").unwrap(), b"\x7fELF and more");
    }
}
