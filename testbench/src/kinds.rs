//! Kinds of boards that a test may name: those that ship with Drydock, and those of the user, from folders.

use crate::error::Cause;
use drydock_assets::{Board as Description, BoardFile, read_board_folder};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Kinds of boards. [`Kinds::default`] are the shipped ones.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    own: Arc<Vec<BoardFile>>,
}

impl Kinds {
    /// The shipped boards, and those that files of these folders describe; of two with one name, the first is taken. Blocks.
    ///
    /// # Errors
    /// A folder cannot be read. A broken file is an error where a test names it.
    pub fn in_folders(folders: &[PathBuf]) -> io::Result<Self> {
        let mut own = Vec::new();
        for folder in folders {
            own.extend(read_board_folder(folder)?);
        }
        Ok(Self { own: Arc::new(own) })
    }

    /// The file that describes a board of the user, if there is one of this name.
    pub fn file(&self, kind: &str) -> Option<&Path> {
        self.own_file(kind).map(|file| file.path.as_path())
    }

    /// Name of the board that a file of the folders describes.
    pub fn name(&self, path: &Path) -> Option<String> {
        let file = self.own.iter().find(|file| file.path == path);
        file.map(BoardFile::name)
    }

    fn own_file(&self, kind: &str) -> Option<&BoardFile> {
        self.own.iter().find(|file| file.name() == kind)
    }

    /// The description of a kind.
    pub(crate) fn find(&self, kind: &str) -> Result<Description, Cause> {
        let boards = drydock_assets::boards();
        if let Some(board) = boards.iter().find(|board| board.name == kind) {
            return Ok(board.clone());
        }
        match self.own_file(kind).map(|file| &file.board) {
            Some(Ok(board)) => Ok(board.clone()),
            Some(Err(invalid)) => Err(Cause::BrokenKind {
                kind: kind.to_owned(),
                problems: invalid.to_string().replace('\n', "; "),
            }),
            None => {
                let own = self.own.iter().filter_map(|file| file.board.as_ref().ok());
                let kinds: Vec<&str> = boards.iter().chain(own).map(|board| board.name.as_str()).collect();
                Err(Cause::NoKind {
                    kind: kind.to_owned(),
                    kinds: kinds.join(", "),
                })
            }
        }
    }
}
