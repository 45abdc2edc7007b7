//! The data directory as its owner sees it: its files, and the lock that makes one process its owner.

use drydock_client::DataDir;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns it.
    #[error("{} is in use by another Drydock", path.display())]
    Owned {
        /// The directory.
        path: PathBuf,
    },
    /// The platform names no place for a user's data.
    #[error("this system names no data directory; give one with --data DIR")]
    NoPlace,
    /// It could not be created, read or written.
    #[error("the data directory {} cannot be used: {source}; give another one with --data DIR", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A data directory that this process owns. The lock is released when the process ends, even when it is killed.
#[derive(Debug)]
pub(crate) struct OwnedDir {
    path: PathBuf,
    unclean: bool,
    lock: File,
    _temporary: Option<tempfile::TempDir>,
}

impl OwnedDir {
    /// Creates the directory if it is missing, readable by the user alone, and takes its lock.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(which: &DataDir) -> Result<Self, OpenError> {
        let temporary = match which {
            DataDir::Temporary => Some(temporary().map_err(|source| OpenError::Io {
                path: std::env::temp_dir(),
                source,
            })?),
            _ => None,
        };
        let path = match &temporary {
            Some(directory) => directory.path().to_owned(),
            None => which.path().ok_or(OpenError::NoPlace)?,
        };
        let io = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        create_private(&path).map_err(io)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("owner.lock"))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Owned { path }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let marker = path.join("running");
        let unclean = marker.exists();
        fs::write(&marker, b"").map_err(io)?;
        Ok(Self {
            path: path.clone(),
            unclean,
            lock,
            _temporary: temporary,
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is deleted when the workbench ends.
    pub(crate) fn is_temporary(&self) -> bool {
        self._temporary.is_some()
    }

    /// Whether the previous owner ended without closing it: it was killed, or the machine lost power.
    pub(crate) fn was_left_unclean(&self) -> bool {
        self.unclean
    }

    /// Notes that all is written, and lets another process own the directory. A task that still holds this one, and
    /// has nothing left to write, does not delay the next owner.
    pub(crate) fn close(&self) {
        if let Err(error) = fs::remove_file(self.path.join("running")) {
            tracing::warn!(%error, "the data directory could not be marked as closed");
        }
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the data directory could not be released");
        }
    }

    /// The directory of one board.
    pub(crate) fn board(&self, id: &str) -> PathBuf {
        self.path.join("boards").join(id)
    }

    /// The directory of the modules that are parts of boards, each under the SHA-256 of its content.
    pub(crate) fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }
}

/// Replaces a file of the data directory, which has one owner. A kill or a power cut at any instant leaves the old or
/// the new content; when this returns, the new content is on disk. An interrupted attempt leaves one file beside it,
/// which the next attempt overwrites.
///
/// # Errors
/// The system's error. The old file is then untouched, unless only its folder could not be synchronised.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path)?;
    sync_folder(folder)
}

/// Writes a folder's entries to disk: a rename in it is durable afterwards.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Writes a file so that a power cut leaves the old or the new one, never neither.
///
/// # Errors
/// The system's error; the old file is then untouched.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn temporary() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("drydock-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_owner_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let which = DataDir::At(place.path().join("deep/data"));
        let first = OwnedDir::open(&which).unwrap();
        assert!(!first.was_left_unclean());
        assert!(matches!(OwnedDir::open(&which), Err(OpenError::Owned { .. })));
        first.close();
        let second = OwnedDir::open(&which).expect("closed, though not dropped");
        assert!(!second.was_left_unclean());
        drop(first);
        assert!(matches!(OwnedDir::open(&which), Err(OpenError::Owned { .. })));
        drop(second);
        assert!(
            OwnedDir::open(&which).unwrap().was_left_unclean(),
            "dropped without close"
        );
    }

    #[test]
    fn a_temporary_directory_goes_with_its_owner() {
        let owned = OwnedDir::open(&DataDir::Temporary).unwrap();
        let path = owned.path().to_owned();
        assert!(owned.is_temporary() && path.is_dir());
        drop(owned);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_replaced_whole_also_after_an_attempt_that_was_cut_short() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/file");
        replace(&path, b"old, and long").unwrap();
        fs::write(
            place.path().join("deep/file.unfinished"),
            b"half of what was longer still",
        )
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old, and long");
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let owned = OwnedDir::open(&DataDir::Temporary).unwrap();
        assert_eq!(fs::metadata(owned.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_place_that_cannot_be_made_is_named_with_the_way_out() {
        let error = OwnedDir::open(&DataDir::At("/proc/none/data".into())).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/proc/none/data") && text.contains("--data DIR"),
            "{text}"
        );
    }
}
