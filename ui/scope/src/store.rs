//! What the scope keeps in files: bookmarks beside a recording, and the layout of the window.

use crate::{decoding::DecoderSetting, trigger::TriggerSetting};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Lanes whose place and height are remembered, over all recordings.
pub const MAX_LANES: usize = 2_000;
/// Bookmarks of a recording.
pub const MAX_BOOKMARKS: usize = 10_000;
/// A file that is longer was not written by the scope.
const MAX_BYTES: u64 = 16 << 20;

/// A place in a recording with a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// In ns since the recording began.
    pub at_ns: u64,
    /// What the user says about it.
    pub note: String,
}

/// The theme that a user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// As the system says.
    #[default]
    System,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

/// A lane's place, by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneLayout {
    /// Its name in the recording.
    pub name: String,
    /// In points.
    pub height: f32,
    /// It is in the list of lanes only.
    pub is_hidden: bool,
}

/// What the window looks like, for all recordings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    /// The theme.
    pub theme: ThemeChoice,
    /// Lanes in their order.
    pub lanes: Vec<LaneLayout>,
    /// Boards whose lanes are folded away.
    pub folded: Vec<String>,
    /// The board whose virtual time is shown.
    pub times_of: Option<String>,
    /// Decoders.
    pub decoders: Vec<DecoderSetting>,
    /// The trigger.
    pub trigger: TriggerSetting,
}

/// A file of the scope could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It exists and cannot be read.
    #[error("{} cannot be read ({reason}); the scope leaves it as it is and saves nothing there", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The disk, or permissions.
    #[error("{} cannot be written ({error}); what was changed is lost when the window closes", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// A JSON file. One that could not be read is never written over.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    is_foreign: bool,
}

impl Store {
    /// A file, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path: Some(path),
            is_foreign: false,
        }
    }

    /// Keeps nothing.
    pub fn none() -> Self {
        Self {
            path: None,
            is_foreign: false,
        }
    }

    /// The file of a recording's bookmarks, beside it.
    pub fn bookmarks_of(recording: &Path) -> Self {
        let mut name = recording.as_os_str().to_owned();
        name.push(".bookmarks.json");
        Self::new(name.into())
    }

    /// What the file holds; the default if there is none.
    ///
    /// # Errors
    /// [`StoreError::Read`]. Nothing is saved from then on.
    pub fn load<T: DeserializeOwned + Default>(&mut self) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return Ok(T::default());
        };
        let read = || -> io::Result<T> {
            if fs::metadata(path)?.len() > MAX_BYTES {
                return Err(io::Error::other("it is too long"));
            }
            Ok(serde_json::from_slice(&fs::read(path)?)?)
        };
        match read() {
            Ok(content) => Ok(content),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
            Err(error) => {
                self.is_foreign = true;
                Err(StoreError::Read {
                    path: path.clone(),
                    reason: error.to_string(),
                })
            }
        }
    }

    /// Writes the file anew, so that either the old or the new content is there.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn save(&self, content: &impl Serialize) -> Result<(), StoreError> {
        let Some(path) = self.path.as_ref().filter(|_| !self.is_foreign) else {
            return Ok(());
        };
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut part = path.as_os_str().to_owned();
            part.push(format!(".{}.part", std::process::id()));
            let part = PathBuf::from(part);
            let mut file = fs::File::create(&part)?;
            file.write_all(&serde_json::to_vec_pretty(content)?)?;
            fs::rename(&part, path).inspect_err(|_| {
                let _ = fs::remove_file(&part);
            })
        };
        write().map_err(|error| StoreError::Write {
            path: path.clone(),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_a_foreign_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/scope.json");
        let mut store = Store::new(path.clone());
        assert_eq!(store.load::<Layout>().expect("no file"), Layout::default());
        let layout = Layout {
            theme: ThemeChoice::Light,
            lanes: vec![LaneLayout {
                name: "Desk/LED".into(),
                height: 44.0,
                is_hidden: true,
            }],
            ..Layout::default()
        };
        store.save(&layout).expect("a disk");
        assert_eq!(Store::new(path.clone()).load::<Layout>().expect("a file"), layout);
        // A field of an older or newer scope is no reason to lose the rest.
        fs::write(&path, r#"{"theme":"Dark","later":1}"#).expect("a disk");
        assert_eq!(store.load::<Layout>().expect("a file").theme, ThemeChoice::Dark);
        fs::write(&path, "notes").expect("a disk");
        let error = store.load::<Layout>().expect_err("no JSON").to_string();
        assert!(error.contains("scope.json cannot be read"), "{error}");
        store.save(&layout).expect("nothing is written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "notes");
        let blocked = Store::new(path.join("below-a-file.json"));
        let error = blocked.save(&layout).expect_err("no folder").to_string();
        assert!(error.contains("cannot be written"), "{error}");
    }
}
