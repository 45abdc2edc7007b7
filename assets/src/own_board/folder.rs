//! A folder of users' boards: each `*.toml` in it is one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::board::Board;
use crate::part_source::{PartSource, is_module};
use crate::section::{Invalid, Problem};

/// Most files of a folder that are read.
pub const MAX_BOARD_FILES: usize = 256;

/// A file of a folder of boards.
#[derive(Clone, Debug)]
pub struct BoardFile {
    /// The file.
    pub path: PathBuf,
    /// Its board, or what is wrong with it.
    pub board: Result<Board, Invalid>,
    /// The modules that it names as parts, whether they exist or not; paths as in the file.
    pub modules: Vec<PathBuf>,
}

impl BoardFile {
    /// Name of its board; of a broken file, its own without `.toml`.
    pub fn name(&self) -> String {
        match &self.board {
            Ok(board) => board.name.clone(),
            Err(_) => self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }
}

/// Reads the boards of a folder, by the names of their files; of two with one name, the second is broken. A folder that does
/// not exist has none. Blocks.
///
/// # Errors
/// The system's error for the folder; those of its files are in their [`BoardFile`].
pub fn read_board_folder(folder: &Path, parts: &PartSource<'_>) -> io::Result<Vec<BoardFile>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // Editors keep hidden copies, and the data directory has folders here.
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|extension| extension == "toml") && !is_hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut files = Vec::new();
    for (number, path) in paths.into_iter().enumerate() {
        let refused = |what: String| {
            Err(Invalid {
                file: path.display().to_string(),
                problems: vec![Problem { line: 0, what }],
            })
        };
        let board = if number < MAX_BOARD_FILES {
            Board::read_own(&path, parts)
        } else {
            refused(format!(
                "is not read: {MAX_BOARD_FILES} files of a folder are, by their names"
            ))
        };
        let board = match board {
            Ok(board) => match named.get(&board.name) {
                Some(other) => refused(format!("describes `{}`, as {} does", board.name, other.display())),
                None => {
                    named.insert(board.name.clone(), path.clone());
                    Ok(board)
                }
            },
            broken => broken,
        };
        let modules = modules_named(&path);
        files.push(BoardFile { path, board, modules });
    }
    Ok(files)
}

/// The modules that a board's file names as parts, in the order of their paths; none of one that is broken as a text. Blocks.
pub fn modules_named(path: &Path) -> Vec<PathBuf> {
    let table = super::read_text(path)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    let parts = table.as_ref().and_then(|table| table.get("part")?.as_array());
    let kinds = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("kind")?.as_str());
    let mut modules: Vec<PathBuf> = kinds.filter(|kind| is_module(kind)).map(PathBuf::from).collect();
    modules.sort();
    modules.dedup();
    modules
}
