//! Snapshots of boards: states of a machine kept in memory, their export to files and their import.

use crate::{
    api::{
        ApiError, BoardView, Empty, ErrorCode, SnapshotExport, SnapshotFile, SnapshotImport, SnapshotRef,
        SnapshotRestore, SnapshotSource, SnapshotTake, SnapshotView,
    },
    clock::now_ms,
    data_dir::write_whole,
    engines::engine,
    fleet::{Command, FleetBoard, KeptSnapshot, parse_seed},
    own_firmware,
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_emulator::{
    Engine, Image, Machine, MachineSnapshot, Seed,
    runner::MachineHandle,
    snapshot_file::{self, SaveError, SnapshotFileError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Limit of kept states per board; each holds the pages of memory that changed since.
const KEPT_MAX: usize = 64;
/// Largest file that is read, in bytes; the state of the largest board is smaller.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// The snapshots of a board.
pub(crate) fn list(workbench: &WorkbenchState, board: &str) -> Result<Vec<SnapshotView>, ApiError> {
    let board = workbench.board(board)?;
    let kept = board.state().snapshots.clone();
    Ok(kept.iter().map(|kept| kept.view(&board)).collect())
}

/// Keeps the state that a board is in.
pub(crate) async fn take(workbench: &WorkbenchState, request: SnapshotTake) -> Result<SnapshotView, ApiError> {
    let board = workbench.board(&request.board)?;
    let name = free_name(&board, request.name, "snapshot")?;
    let (state, instructions) = now(&board).await?;
    keep(&board, name, (state, instructions), false)
}

/// Forgets a snapshot.
pub(crate) fn delete(workbench: &WorkbenchState, request: &SnapshotRef) -> Result<Empty, ApiError> {
    let board = workbench.board(&request.board)?;
    find(&board, &request.snapshot)?;
    board.state().snapshots.retain(|kept| kept.name != request.snapshot);
    Ok(Empty {})
}

/// Restores a state.
pub(crate) async fn restore(workbench: &Arc<WorkbenchState>, request: SnapshotRestore) -> Result<BoardView, ApiError> {
    let board = workbench.board(&request.board)?;
    let state = state_of(workbench, &board, request.from).await?;
    board.machine().await?;
    board.command(|reply| Command::Restore(state, reply)).await?;
    workbench.throttle.touch(&board);
    Ok(workbench.view(&board))
}

/// Writes a state to a file.
pub(crate) async fn export(workbench: &Arc<WorkbenchState>, request: SnapshotExport) -> Result<SnapshotFile, ApiError> {
    let board = workbench.board(&request.board)?;
    let state = match &request.snapshot {
        Some(name) => find(&board, name)?.state,
        None => now(&board).await?.0,
    };
    let model = Model::of(workbench, &board).await?;
    let path = PathBuf::from(&request.path);
    let (written, bytes) = blocking(move || {
        let file = model.save(&state)?;
        write_whole(&path, &file).map_err(|error| {
            let text = format!("{} cannot be written: {error}.", path.display());
            ApiError::new(ErrorCode::Refused, text)
        })?;
        let header = snapshot_file::inspect(&file).map_err(|error| ApiError::internal(sentence(&error)))?;
        Ok((header, file.len()))
    })
    .await?;
    Ok(SnapshotFile {
        path: request.path,
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        virtual_time_s: written.virtual_time().as_us() as f64 / 1e6,
        instructions: written.instructions,
        image: format!("{:?}", Seed(written.image)),
        state_hash: format!("{:016x}", written.state_hash),
    })
}

/// Reads a state from a file and keeps it.
pub(crate) async fn import(workbench: &Arc<WorkbenchState>, request: SnapshotImport) -> Result<SnapshotView, ApiError> {
    let board = workbench.board(&request.board)?;
    let stem = Path::new(&request.path).file_stem();
    let stem = stem.map_or_else(|| "file".into(), |stem| stem.to_string_lossy().into_owned());
    let name = free_name(&board, request.name, &stem)?;
    let read = read(workbench, &board, PathBuf::from(&request.path)).await?;
    keep(&board, name, read, true)
}

/// The state that is meant.
pub(crate) async fn state_of(
    workbench: &Arc<WorkbenchState>,
    board: &FleetBoard,
    source: SnapshotSource,
) -> Result<Arc<MachineSnapshot>, ApiError> {
    match source {
        SnapshotSource::Name(name) => Ok(find(board, &name)?.state),
        SnapshotSource::Path(path) => Ok(read(workbench, board, PathBuf::from(path)).await?.0),
    }
}

/// The state that a board is in, with the instructions so far.
pub(crate) async fn now(board: &FleetBoard) -> Result<(Arc<MachineSnapshot>, u64), ApiError> {
    let machine = board.machine().await?;
    let failed = |text: String| ApiError::new(ErrorCode::Board, format!("{}: {text}.", board.name()));
    let taken = MachineHandle::snapshot(&machine)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let (state, instructions) = taken
        .ok_or_else(|| no_snapshots(board))?
        .map_err(|error| failed(error.to_string()))?;
    Ok((Arc::new(state), instructions))
}

async fn read(
    workbench: &Arc<WorkbenchState>,
    board: &FleetBoard,
    path: PathBuf,
) -> Result<(Arc<MachineSnapshot>, u64), ApiError> {
    let model = Model::of(workbench, board).await?;
    let name = board.name();
    blocking(move || {
        let refused = |reason: String| {
            let text = format!("{} cannot be used for {name}: {reason}.", path.display());
            ApiError::new(ErrorCode::Refused, text)
        };
        let size = std::fs::metadata(&path).map(|file| file.len());
        if size.as_ref().is_ok_and(|size| *size > FILE_BYTES_MAX) {
            return Err(refused("it is larger than any snapshot".into()));
        }
        let file = size.and_then(|_| std::fs::read(&path));
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                ApiError::new(ErrorCode::NotFound, format!("There is no file {}.", path.display()))
            }
            _ => refused(error.to_string()),
        })?;
        model.load(&file).map_err(refused)
    })
    .await
}

fn find(board: &FleetBoard, name: &str) -> Result<KeptSnapshot, ApiError> {
    let state = board.state();
    let found = state.snapshots.iter().find(|kept| kept.name == name).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = state.snapshots.iter().map(|kept| kept.name.as_str()).collect();
        let hint = match names.as_slice() {
            [] => "none was taken yet".into(),
            names => format!("there are: {}", names.join(", ")),
        };
        let text = format!("{} has no snapshot {name}; {hint}.", state.record.name);
        ApiError::new(ErrorCode::NotFound, text)
    })
}

fn keep(
    board: &FleetBoard,
    name: String,
    (state, instructions): (Arc<MachineSnapshot>, u64),
    imported: bool,
) -> Result<SnapshotView, ApiError> {
    let kept = KeptSnapshot {
        name,
        taken_ms: now_ms(),
        instructions,
        imported,
        state,
    };
    let view = kept.view(board);
    let mut known = board.state();
    if known.snapshots.len() >= KEPT_MAX {
        let text = format!(
            "{} has {KEPT_MAX} snapshots, which is all that are kept; delete one first.",
            known.record.name
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    known.snapshots.push(kept);
    Ok(view)
}

fn free_name(board: &FleetBoard, name: Option<String>, stem: &str) -> Result<String, ApiError> {
    let state = board.state();
    let taken = |name: &str| state.snapshots.iter().any(|kept| kept.name == name);
    let Some(name) = name else {
        let numbered = (1..).map(|number| format!("{stem}-{number}"));
        return Ok(numbered.into_iter().find(|name| !taken(name)).unwrap_or_default());
    };
    let name = name.trim().to_owned();
    if name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_control()) {
        let text = "A snapshot's name has 1 to 64 printable characters.";
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    if taken(&name) {
        let text = format!(
            "{} has a snapshot {name} already; choose another name, or delete it first.",
            state.record.name
        );
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    Ok(name)
}

/// The data from which a board's machines are made. A separate machine is made to write and to read states.
struct Model {
    engine: Box<dyn Engine>,
    description: Description,
    image: Arc<Image>,
    seed: Seed,
    no_snapshots: ApiError,
}

impl Model {
    async fn of(workbench: &WorkbenchState, board: &FleetBoard) -> Result<Self, ApiError> {
        let emulated = board.emulated()?;
        let internal = |text: String| ApiError::internal(format!("{}: {text}.", board.name()));
        let (description, image) = match own_firmware::of(workbench, board).await.map_err(internal)? {
            Some(own) => (own.board, Arc::new(own.image)),
            None => {
                let image = workbench.images.of(&board.description()).map_err(internal)?;
                ((*board.description()).clone(), image)
            }
        };
        Ok(Self {
            engine: engine(&emulated.engine, &board.description())?,
            description,
            image,
            seed: parse_seed(&emulated.seed).ok_or_else(|| internal("its seed cannot be read".into()))?,
            no_snapshots: no_snapshots(board),
        })
    }

    fn save(&self, state: &MachineSnapshot) -> Result<Vec<u8>, ApiError> {
        let failed = |error: SaveError| match error {
            SaveError::Unsupported { .. } => ApiError::new(ErrorCode::Refused, sentence(&error)),
            error => ApiError::new(ErrorCode::Board, sentence(&error)),
        };
        let machine = self.engine.open(&self.description, self.seed);
        let mut machine = machine.map_err(|error| failed(error.into()))?;
        machine.load(&self.image).map_err(|error| failed(error.into()))?;
        let snapshots = machine.snapshots().ok_or_else(|| self.no_snapshots.clone())?;
        snapshots.restore(state).map_err(|error| failed(error.into()))?;
        let file = snapshot_file::save(&*self.engine, &self.description, &self.image, &mut *machine);
        file.map_err(failed)
    }

    fn load(&self, file: &[u8]) -> Result<(Arc<MachineSnapshot>, u64), String> {
        let sentence = |error: SnapshotFileError| error.to_string();
        let header = snapshot_file::inspect(file).map_err(sentence)?;
        let machine = snapshot_file::load(&*self.engine, &self.description, &self.image, file);
        let mut machine: Box<dyn Machine> = machine.map_err(sentence)?;
        // Two boards with one identity would supersede each other's sessions.
        if header.seed() != self.seed {
            return Err(
                "this snapshot is of another board, whose identity it holds; drydock fork makes a board \
                        after another one's model"
                    .into(),
            );
        }
        let snapshots = machine.snapshots().ok_or_else(|| self.no_snapshots.message.clone())?;
        let state = snapshots.snapshot().map_err(|error| error.to_string())?;
        Ok((Arc::new(state), header.instructions))
    }
}

fn no_snapshots(board: &FleetBoard) -> ApiError {
    match board.emulated() {
        Ok(emulated) => {
            let text = format!(
                "{} runs on {}, which has no snapshots; the builtin engine has.",
                board.name(),
                emulated.engine
            );
            ApiError::new(ErrorCode::Refused, text)
        }
        Err(physical) => physical,
    }
}

/// An error as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// Work of some milliseconds on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::internal(format!("The snapshot failed: {error}.")))?
}
