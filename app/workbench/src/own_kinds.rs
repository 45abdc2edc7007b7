//! Kinds of boards: those that ship with Drydock, and those of the user, from files in `boards/` of the data directory.
//!
//! The folder is read again when a file of it has changed, each time somebody asks for kinds. Boards keep the description that
//! they were switched on with.

use crate::{
    api::{ApiError, BoardKindAdd, BoardKindRef, BoardKindView, Empty, ErrorCode},
    boards,
    data_dir::replace,
    errors::usage,
    fleet::FleetBoard,
    parts,
    state::WorkbenchState,
};
use drydock_assets::{
    Board as Description, BoardFile, Invalid, PartKind, PartSource, modules_named, read_board_folder,
};
use drydock_emulator::parts::program;
use std::{
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// Name, time and length of each file of the folder.
type Stamp = Vec<(OsString, Option<SystemTime>, u64)>;

/// The files of the user's boards.
pub(crate) struct OwnKinds {
    folder: PathBuf,
    read: Mutex<(Stamp, Arc<Vec<BoardFile>>)>,
}

impl OwnKinds {
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            folder: data.join("boards"),
            read: Mutex::default(),
        }
    }

    /// The files as they are now. They are read only if one has changed.
    pub(crate) fn files(&self) -> Arc<Vec<BoardFile>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.folder, &read.1);
        if read.0 != now {
            match board_folder(&self.folder) {
                Ok(files) => {
                    // Those that the files name now.
                    let now = stamp(&self.folder, &files);
                    *read = (now, Arc::new(files));
                }
                Err(error) => {
                    tracing::warn!(%error, folder = %self.folder.display(), "the boards of this folder cannot be read");
                }
            }
        }
        Arc::clone(&read.1)
    }
}

/// The boards of a folder. Their parts may be of every kind that Drydock has, and modules. Blocks.
///
/// # Errors
/// The folder cannot be read; what is wrong with a file is in its [`BoardFile`].
pub fn board_folder(folder: &Path) -> io::Result<Vec<BoardFile>> {
    let known = parts::all_kinds();
    read_board_folder(folder, &source(&known))
}

fn source(known: &[PartKind]) -> PartSource<'_> {
    PartSource {
        known,
        module: &program::read,
    }
}

/// A folder that cannot be read has no files. A module that a file names counts as one, also if it does not exist yet.
fn stamp(folder: &Path, known: &[BoardFile]) -> Stamp {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let about = |name: OsString, path: &Path| {
        let about = fs::metadata(path).ok();
        let time = about.as_ref().and_then(|about| about.modified().ok());
        (name, time, about.map_or(0, |about| about.len()))
    };
    let mut files: Stamp = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "toml"))
        .map(|entry| about(entry.file_name(), &entry.path()))
        .collect();
    let modules = known.iter().flat_map(|file| &file.modules);
    files.extend(modules.map(|module| about(module.as_os_str().to_owned(), &folder.join(module))));
    files.sort();
    files.dedup();
    files
}

/// All boards whose files are in order: those that ship with Drydock, QEMU's own, and the user's.
pub(crate) fn known(workbench: &WorkbenchState) -> Vec<Description> {
    let own = workbench.own_kinds.files();
    let own = own.iter().filter_map(|file| file.board.as_ref().ok().cloned());
    let mut boards = drydock_assets::boards();
    boards.extend(own);
    boards.push(drydock_assets::qemu_board());
    boards
}

/// The description of a kind.
///
/// # Errors
/// There is none, or its file is broken; for people.
pub(crate) fn find(workbench: &WorkbenchState, kind: &str) -> Result<Description, ApiError> {
    if let Some(board) = drydock_assets::board(kind) {
        return Ok(board);
    }
    let files = workbench.own_kinds.files();
    // A file that is in order wins over a broken one with this name.
    let is_it = |file: &&BoardFile| file.name() == kind;
    if let Some(file) = files
        .iter()
        .filter(is_it)
        .find(|file| file.board.is_ok())
        .or(files.iter().find(is_it))
    {
        let what = format!("The kind of board {kind} cannot be used");
        return file
            .board
            .clone()
            .map_err(|invalid| broken(ErrorCode::Refused, &what, &invalid));
    }
    let kinds: Vec<String> = known(workbench).into_iter().map(|board| board.name).collect();
    let text = format!("There is no kind of board {kind}; there are: {}.", kinds.join(", "));
    Err(ApiError::new(ErrorCode::NotFound, text))
}

/// The file of a kind of the user's own.
pub(crate) fn file_of(workbench: &WorkbenchState, kind: &str) -> Option<String> {
    let files = workbench.own_kinds.files();
    let is_it = |file: &&BoardFile| file.board.as_ref().is_ok_and(|board| board.name == kind);
    files.iter().find(is_it).map(|file| file.path.display().to_string())
}

/// The description that a board is switched on with: its kind's as it is now.
///
/// # Errors
/// A sentence: the kind has gone or its file is broken.
pub(crate) fn of_record(workbench: &WorkbenchState, kind: &str) -> Result<Description, String> {
    find(workbench, kind).map_err(|error| match error.code {
        ErrorCode::NotFound => format!(
            "the file of its kind {kind} is not in {} any more; put it back, or remove the board",
            workbench.own_kinds.folder.display()
        ),
        _ => error.message,
    })
}

/// A file of a user, which he names: for one board only, or to be added.
///
/// # Errors
/// All its problems, or that its path is not absolute.
pub(crate) fn read(path: &str) -> Result<Description, ApiError> {
    if !Path::new(path).is_absolute() {
        return Err(usage(format!("Give the absolute path of {path}.")));
    }
    let read = Description::read_own(Path::new(path), &source(&parts::all_kinds()));
    read.map_err(|invalid| broken(ErrorCode::Refused, "The file describes no board", &invalid))
}

/// The first problem of a file in a sentence that begins with `what`, and all of them as the detail.
fn broken(code: ErrorCode, what: &str, invalid: &Invalid) -> ApiError {
    ApiError {
        detail: Some(invalid.to_string()),
        ..ApiError::new(code, format!("{what}: {}.", invalid.first()))
    }
}

/// Checks a file and copies it into the data directory.
pub(crate) fn add(workbench: &WorkbenchState, request: &BoardKindAdd) -> Result<BoardKindView, ApiError> {
    let board = read(&request.path)?;
    let own = &workbench.own_kinds;
    let target = own.folder.join(format!("{}.toml", board.name));
    let refused = |text: String| Err(ApiError::new(ErrorCode::Refused, text));
    for file in own.files().iter().filter(|file| file.path != target) {
        if file.board.as_ref().is_ok_and(|its| its.name == board.name) {
            return refused(format!(
                "{} describes the board {} already; change that file, or remove it first.",
                file.path.display(),
                board.name
            ));
        }
    }
    if let Some(file) = own.files().iter().find(|file| file.path == target)
        && let Ok(its) = &file.board
        && its.name != board.name
    {
        return refused(format!(
            "{} describes another board, {}; give that file its board's name first.",
            target.display(),
            its.name
        ));
    }
    let modules = modules_to_keep(own, Path::new(&request.path), &target)?;
    let kept = || {
        let text = fs::read(&request.path)?;
        fs::create_dir_all(&own.folder)?;
        for (module, bytes) in &modules {
            module.parent().map_or(Ok(()), fs::create_dir_all)?;
            replace(module, bytes)?;
        }
        replace(&target, &text)
    };
    kept().map_err(|error| {
        let text = format!("The board cannot be kept as {}: {error}.", target.display());
        ApiError::internal(text)
    })?;
    let name = board.name;
    let view = boards::kinds(workbench).into_iter().find(|kind| kind.id == name);
    view.ok_or_else(|| ApiError::internal(format!("The file of {name} was changed while it was added; try again.")))
}

/// The modules that a board's file names, and where they are kept: at the same paths beside its copy. One with an absolute
/// path stays where it is.
fn modules_to_keep(own: &OwnKinds, file: &Path, target: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, ApiError> {
    let refused = |text: String| Err(ApiError::new(ErrorCode::Refused, text));
    let from = file.parent().unwrap_or(Path::new(""));
    let mut modules = Vec::new();
    for named in modules_named(file).into_iter().filter(|module| module.is_relative()) {
        if !named
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return refused(format!(
                "The part {} is outside of the folder of {}; put it beside that file, or name it with its absolute path.",
                named.display(),
                file.display()
            ));
        }
        let bytes = fs::read(from.join(&named)).map_err(|error| {
            let text = format!("The part {} cannot be read: {error}.", named.display());
            ApiError::new(ErrorCode::NotFound, text)
        })?;
        let kept = own.folder.join(&named);
        let files = own.files();
        let mut others = files
            .iter()
            .filter(|other| other.path != target && other.modules.contains(&named));
        if let Some(other) = others.next()
            && fs::read(&kept).is_ok_and(|its| its != bytes)
        {
            return refused(format!(
                "{} names another part {}; rename one of the two modules.",
                other.path.display(),
                named.display()
            ));
        }
        modules.push((kept, bytes));
    }
    Ok(modules)
}

/// Deletes the modules that the file of a removed kind named, if no other file names them.
fn forget_modules(own: &OwnKinds, of: &BoardFile) {
    let files = own.files();
    for named in of.modules.iter().filter(|module| module.is_relative()) {
        let inside = named
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if inside && !files.iter().any(|file| file.modules.contains(named)) {
            let file = own.folder.join(named);
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, file = %file.display(), "the part of a removed kind stays");
            }
        }
    }
}

/// Deletes the file of a user's kind that no board has.
pub(crate) fn remove(workbench: &WorkbenchState, request: &BoardKindRef) -> Result<Empty, ApiError> {
    let kind = &request.kind;
    let refused = |text: String| Err(ApiError::new(ErrorCode::Refused, text));
    if drydock_assets::board(kind).is_some() {
        return refused(format!(
            "{kind} ships with Drydock; only boards of your own can be removed."
        ));
    }
    let files = workbench.own_kinds.files();
    let Some(file) = files.iter().find(|file| file.name() == *kind) else {
        let own: Vec<String> = files.iter().map(BoardFile::name).collect();
        let own = match &own[..] {
            [] => "there are none".to_owned(),
            own => format!("there are: {}", own.join(", ")),
        };
        let text = format!("There is no board of your own {kind}; {own}.");
        return Err(ApiError::new(ErrorCode::NotFound, text));
    };
    let in_use: Vec<String> = workbench
        .fleet
        .all()
        .iter()
        .filter(|board| board.state().record.kind == *kind)
        .map(|board| board.name())
        .collect();
    if !in_use.is_empty() {
        let text = format!("{kind} is the kind of {}; remove the boards first.", in_use.join(", "));
        return refused(text);
    }
    fs::remove_file(&file.path).map_err(|error| {
        let text = format!("{} cannot be deleted: {error}.", file.path.display());
        ApiError::internal(text)
    })?;
    forget_modules(&workbench.own_kinds, file);
    Ok(Empty {})
}

/// Gives a board that is off the description that its kind has now.
///
/// # Errors
/// A sentence: the kind cannot be used. The board says so until it can.
pub(crate) fn refresh(workbench: &WorkbenchState, board: &FleetBoard) -> Result<(), String> {
    let kind = board.state().record.kind.clone();
    if board.has_description_of_its_own() {
        return Ok(());
    }
    let found = of_record(workbench, &kind);
    let refreshed = found.as_ref().map(|_| ()).map_err(Clone::clone);
    board.describe(found);
    refreshed
}
