//! The data directory that a user names, and its path. The owner opens and locks it; that is not done here.

use directories::ProjectDirs;
use std::path::PathBuf;

/// Which data directory is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DataDir {
    /// The platform's place for a user's data.
    #[default]
    Default,
    /// This directory; it is created if it is missing.
    At(PathBuf),
    /// A new directory, deleted when the workbench ends.
    Temporary,
}

impl DataDir {
    /// The path, if it is known before the directory is opened.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Default => ProjectDirs::from("", "", "drydock").map(|dirs| dirs.data_dir().to_owned()),
            Self::At(path) => Some(path.clone()),
            Self::Temporary => None,
        }
    }
}
