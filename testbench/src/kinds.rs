//! Kinds of boards and parts that a test may name: those that ship with Drydock, and those of the user, from folders.

use crate::error::Cause;
use drydock_assets::{Board as Description, BoardFile, PartKind, PartSource, part_kinds, read_board_folder};
use drydock_emulator::parts::program;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Kinds of boards and parts. [`Kinds::default`] are those that the emulator has.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    own: Arc<Vec<BoardFile>>,
    parts: Arc<Vec<PartKind>>,
}

impl Kinds {
    /// The shipped boards, and those that files of these folders describe; of two with one name, the first is taken. Blocks.
    ///
    /// # Errors
    /// A folder cannot be read. A broken file is an error where a test names it.
    pub fn in_folders(folders: &[PathBuf]) -> io::Result<Self> {
        Self::default().and_folders(folders)
    }

    /// The same, and boards that files of these folders describe. Their parts may be modules in files, and of the kinds that
    /// were added before. Blocks.
    ///
    /// # Errors
    /// As [`Self::in_folders`].
    pub fn and_folders(self, folders: &[PathBuf]) -> io::Result<Self> {
        let known: Vec<PartKind> = part_kinds().iter().chain(self.parts()).cloned().collect();
        let source = PartSource {
            known: &known,
            module: &program::read,
        };
        let mut own = self.own.to_vec();
        for folder in folders {
            own.extend(read_board_folder(folder, &source)?);
        }
        Ok(Self {
            own: Arc::new(own),
            ..self
        })
    }

    /// The same, and parts that are WebAssembly modules, each with the name of its kind. One that is no part is left out.
    #[must_use]
    pub fn with_modules<'m>(self, modules: impl IntoIterator<Item = (&'m str, &'m [u8])>) -> Self {
        let kinds = modules.into_iter();
        let kinds = kinds.filter_map(|(name, module)| program::kind(name, module).ok());
        Self {
            parts: Arc::new(kinds.collect()),
            ..self
        }
    }

    /// Kinds of parts besides those of the emulator's own.
    pub(crate) fn parts(&self) -> &[PartKind] {
        &self.parts
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
