//! Recordings: what boards do, in files that a scope opens.
//!
//! A recording has a thread, which has the file. What machines do reaches it from the threads that run them, without waiting
//! ([`feed`]); what boards say about themselves — lines, metrics, events — from a subscription, as any client has it
//! ([`sayings`]). `docs/recordings.md` describes lanes and times.

mod clock;
mod entry;
mod feed;
mod kept;
mod lanes;
mod light;
mod outputs;
pub(crate) mod recent;
mod recorder;
mod sayings;

use crate::{
    api::{ApiError, ErrorCode, EventName, RecordingStart, RecordingState, RecordingView},
    clock::now_ms,
    errors::usage,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_emulator::runner::MachineHandle;
use drydock_gateway::AppSamples;
use drydock_scope_model::{FILE_ENDING, Writer};
use feed::Output;
use lanes::BoardLanes;
use outputs::{Feed, Outputs};
use recent::Recent;
use recorder::{Joining, Message, Progress, Recorder, Source};
use serde_json::{Map, json};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Instant,
};

/// The size at which a recording ends if the user names none.
const MAX_BYTES: u64 = 4 << 30;
/// A recording has room for its lanes' names and a few seconds at least.
const LEAST_BYTES: u64 = 1_000_000;
/// Recordings that go on at the same time.
const AT_ONCE: usize = 16;
/// Boards of one recording.
const BOARDS: usize = 64;

/// The recordings of this run.
#[derive(Default)]
pub(crate) struct Recordings {
    recordings: Mutex<Vec<Arc<Recording>>>,
    /// By the id of the board.
    outputs: Mutex<HashMap<String, Arc<Outputs>>>,
    numbers: AtomicU64,
    /// What just happened.
    recent: Recent,
}

/// A board of a recording, its name when it began, and what the recording has of it.
type Recorded = (Arc<FleetBoard>, String, Arc<Output>);

/// One recording.
struct Recording {
    id: String,
    file: PathBuf,
    boards: Vec<Recorded>,
    began_ms: u64,
    max_bytes: u64,
    recorder: mpsc::SyncSender<Message>,
    progress: Arc<Progress>,
}

impl Recordings {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Recording>>> {
        self.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outputs(&self, board: &str) -> Option<Arc<Outputs>> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.get(board).cloned()
    }

    /// A machine of a board is about to run: its recordings are told what it does.
    pub(crate) fn watch(&self, board: &str, machine: &MachineHandle) {
        if let Some(outputs) = self.outputs(board).filter(|outputs| !outputs.is_empty()) {
            machine.trace(Some(Box::new(Feed(outputs))));
        }
    }

    /// The machine of a board is gone.
    pub(crate) fn machine_ended(&self, board: &str) {
        for output in self.outputs(board).iter().flat_map(|outputs| outputs.all()) {
            output.machine_ended();
        }
    }

    /// Numbers that apps of a board published.
    pub(crate) fn app_samples(&self, board: &str, batches: &[Arc<AppSamples>]) {
        let outputs = self.outputs(board);
        for output in outputs.iter().flat_map(|outputs| outputs.all()) {
            batches.iter().for_each(|batch| output.published(batch));
        }
    }

    fn add_output(&self, board: &FleetBoard, output: &Arc<Output>) {
        let outputs = {
            let mut all = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(board.id.clone()).or_default())
        };
        outputs.add(Arc::clone(output));
        trace(board, &outputs);
    }

    fn remove_output(&self, board: &FleetBoard, output: &Arc<Output>) {
        let Some(outputs) = self.outputs(&board.id) else { return };
        outputs.remove(output);
        trace(board, &outputs);
    }
}

/// Lets the machine of a board tell what it does as long as somebody wants it, and no more than that.
fn trace(board: &FleetBoard, outputs: &Arc<Outputs>) {
    if let Some(machine) = &board.state().machine {
        match outputs.is_empty() {
            true => machine.trace(None),
            false => machine.trace(Some(Box::new(Feed(Arc::clone(outputs))))),
        }
    }
}

impl Recording {
    fn view(&self) -> RecordingView {
        let end = self.progress.end.borrow().clone();
        RecordingView {
            id: self.id.clone(),
            file: self.file.display().to_string(),
            boards: self.boards.iter().map(|(_, name, _)| name.clone()).collect(),
            state: match &end {
                None => RecordingState::Recording,
                Some(end) if end.failed => RecordingState::Failed,
                Some(_) => RecordingState::Stopped,
            },
            began_ms: self.began_ms,
            seconds: self.progress.newest_ns.load(Ordering::Relaxed) as f64 / 1e9,
            bytes: self.progress.bytes.load(Ordering::Relaxed),
            max_bytes: self.max_bytes,
            lost: self.progress.lost.load(Ordering::Relaxed),
            reason: end.map(|end| end.reason).unwrap_or_default(),
        }
    }
}

/// The recordings of this run and those of the data directory, the oldest first.
pub(crate) async fn list(workbench: &WorkbenchState) -> Vec<RecordingView> {
    let mut all: Vec<RecordingView> = workbench.recordings.lock().iter().map(|it| it.view()).collect();
    let folder = workbench.dir.path().join("recordings");
    // A file that cannot be read is no recording.
    let kept = tokio::task::spawn_blocking(move || kept::read_all(&folder))
        .await
        .unwrap_or_default();
    all.extend(
        kept.into_iter()
            .filter(|view| !all.iter().any(|own| own.file == view.file))
            .collect::<Vec<_>>(),
    );
    all.extend(recent::view(workbench).await);
    all.sort_by_key(|view| view.began_ms);
    all
}

/// Begins to record boards into a file.
pub(crate) async fn start(workbench: &Arc<WorkbenchState>, request: RecordingStart) -> Result<RecordingView, ApiError> {
    let boards = boards(workbench, &request.boards)?;
    let max_bytes = request.max_bytes.unwrap_or(MAX_BYTES);
    if max_bytes < LEAST_BYTES {
        return Err(usage("A recording needs room for 1 MB at least."));
    }
    let goes_on = |it: &&Arc<Recording>| it.progress.end.borrow().is_none();
    if workbench.recordings.lock().iter().filter(goes_on).count() >= AT_ONCE {
        let text = format!("{AT_ONCE} recordings go on already; stop one of them first.");
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let began_ms = now_ms();
    let asked = request.file.map(PathBuf::from);
    let folder = workbench.dir.path().join("recordings");
    let opened = tokio::task::spawn_blocking(move || open(asked, &folder, began_ms, request.overwrite)).await;
    let (file, path) = opened.map_err(|error| ApiError::internal(format!("{error}.")))??;
    let recording = record(workbench, boards, (file, path), (began_ms, max_bytes))?;
    workbench.recordings.lock().push(Arc::clone(&recording));
    let view = recording.view();
    let mut data = Map::new();
    data.insert("recording".into(), json!(view.id));
    data.insert("file".into(), json!(view.file));
    data.insert("boards".into(), json!(view.boards));
    let text = format!("{} is recorded into {}.", view.boards.join(", "), view.file);
    workbench.publish(EventName::RecordingStarted, None, text, data);
    Ok(view)
}

/// The boards with these names, each once.
fn boards(workbench: &WorkbenchState, names: &[String]) -> Result<Vec<Arc<FleetBoard>>, ApiError> {
    let mut boards: Vec<Arc<FleetBoard>> = Vec::new();
    for name in names {
        let board = workbench.board(name)?;
        if !boards.iter().any(|other| other.id == board.id) {
            boards.push(board);
        }
    }
    match boards.len() {
        0 => Err(usage("Name at least one board to record.".to_owned())),
        1..=BOARDS => Ok(boards),
        many => Err(ApiError::new(
            ErrorCode::Refused,
            format!("One recording takes {BOARDS} boards; {many} were named."),
        )),
    }
}

/// Starts the thread of a recording, and tells it from now on what the boards do.
fn record(
    workbench: &Arc<WorkbenchState>,
    boards: Vec<Arc<FleetBoard>>,
    (file, path): (File, PathBuf),
    (began_ms, max_bytes): (u64, u64),
) -> Result<Arc<Recording>, ApiError> {
    let began = Instant::now();
    let writer = Writer::new(file)
        .map_err(|error| ApiError::internal(format!("{} cannot be written: {error}.", path.display())))?;
    let (sender, messages) = recorder::channel();
    let progress = Arc::<Progress>::default();
    let mut named = Vec::new();
    let mut sources = Vec::new();
    for (place, board) in boards.into_iter().enumerate() {
        let output = Arc::new(Output::new(place, (began, began_ms), sender.clone()));
        let name = board.name();
        sources.push(Source {
            lanes: BoardLanes::new(&name, board.description()),
            board: Arc::clone(&board),
            output: Arc::clone(&output),
        });
        named.push((board, name, output));
    }
    let about = json!({ "drydock": env!("CARGO_PKG_VERSION"), "began_ms": began_ms });
    let number = workbench.recordings.numbers.fetch_add(1, Ordering::Relaxed) + 1;
    let recording = Arc::new(Recording {
        id: format!("recording-{number}"),
        file: path,
        boards: named,
        began_ms,
        max_bytes,
        recorder: sender,
        progress: Arc::clone(&progress),
    });
    let recorder = Recorder {
        writer,
        sources,
        messages,
        progress,
        max_bytes,
        joining: Joining::default(),
        about,
        began,
        stopped: false,
    };
    begin(&recording.id, recorder)?;
    let updates = workbench.hub.subscribe();
    for (board, _, output) in &recording.boards {
        sayings::begin(workbench, board, output);
        workbench.recordings.add_output(board, output);
    }
    tokio::spawn(sayings::follow(Arc::clone(workbench), Arc::clone(&recording), updates));
    Ok(recording)
}

/// Starts the thread of a recording.
fn begin(name: &str, recorder: Recorder) -> Result<(), ApiError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread
        .spawn(move || recorder.run())
        .map_err(|error| ApiError::internal(format!("This system gives no thread for a recording: {error}.")))?;
    Ok(())
}

/// Makes the file of a recording.
fn open(asked: Option<PathBuf>, folder: &Path, began_ms: u64, overwrite: bool) -> Result<(File, PathBuf), ApiError> {
    let path = match asked {
        Some(path) => path,
        None => {
            fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
            let name = |number: u32| match number {
                0 => folder.join(format!("{began_ms}.{FILE_ENDING}")),
                number => folder.join(format!("{began_ms}-{number}.{FILE_ENDING}")),
            };
            (0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
        }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // A file that another process has mapped must not shrink under it.
    if overwrite && path.exists() {
        fs::remove_file(&path).map_err(|error| cannot(&path, &error))?;
    }
    match options.create_new(true).open(&path) {
        Ok(file) => Ok((file, path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(ApiError::new(
            ErrorCode::Refused,
            format!(
                "{} exists; name another file, or replace it with `--overwrite`.",
                path.display()
            ),
        )),
        Err(error) => Err(cannot(&path, &error)),
    }
}

fn cannot(path: &Path, error: &io::Error) -> ApiError {
    ApiError::new(
        ErrorCode::Refused,
        format!("{} cannot be written: {error}.", path.display()),
    )
}

/// Ends a recording, and returns when its file is whole.
pub(crate) async fn stop(workbench: &Arc<WorkbenchState>, id: &str) -> Result<RecordingView, ApiError> {
    let found = workbench.recordings.lock().iter().find(|it| it.id == id).cloned();
    let Some(recording) = found else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            format!("There is no recording {id}; `drydock recordings` lists them."),
        ));
    };
    end(&recording.recorder, &recording.progress).await;
    release(workbench, &recording);
    Ok(recording.view())
}

/// Lets a recorder end its file.
async fn end(recorder: &mpsc::SyncSender<Message>, progress: &Progress) {
    let sender = recorder.clone();
    // It waits for a place in the queue. A recorder that has ended takes nothing.
    let _ = tokio::task::spawn_blocking(move || sender.send(Message::Stop)).await;
    progress.ended().await;
}

/// A recording that has ended no longer costs its boards anything, and its end is told, once.
fn release(workbench: &WorkbenchState, recording: &Recording) {
    if recording.progress.told.swap(true, Ordering::AcqRel) {
        return;
    }
    for (board, _, output) in &recording.boards {
        workbench.recordings.remove_output(board, output);
    }
    let view = recording.view();
    let mut data = Map::new();
    data.insert("recording".into(), json!(view.id));
    data.insert("file".into(), json!(view.file));
    data.insert("bytes".into(), json!(view.bytes));
    data.insert("lost".into(), json!(view.lost));
    data.insert("state".into(), json!(view.state));
    data.insert("reason".into(), json!(view.reason));
    let boards = view.boards.join(", ");
    let text = match view.reason.as_str() {
        "" => format!("The recording of {boards} ended; it is in {}.", view.file),
        reason => format!("The recording of {boards} ended. {reason}"),
    };
    workbench.publish(EventName::RecordingEnded, None, text, data);
}

/// A board is no longer in the fleet. Recordings that have no other boards end.
pub(crate) async fn board_removed(workbench: &Arc<WorkbenchState>, board: &str) {
    let all: Vec<Arc<Recording>> = workbench.recordings.lock().clone();
    let is_there = |id: &str| id != board && workbench.fleet.find(id).is_some();
    for recording in all {
        let has_it = recording.boards.iter().any(|(other, ..)| other.id == board);
        if has_it && !recording.boards.iter().any(|(other, ..)| is_there(&other.id)) {
            end(&recording.recorder, &recording.progress).await;
            release(workbench, &recording);
        }
    }
    let mut outputs = workbench
        .recordings
        .outputs
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    outputs.remove(board);
}

/// Ends all recordings.
pub(crate) async fn end_all(workbench: &Arc<WorkbenchState>) {
    recent::end(workbench).await;
    let all: Vec<Arc<Recording>> = workbench.recordings.lock().clone();
    for recording in all {
        end(&recording.recorder, &recording.progress).await;
        release(workbench, &recording);
    }
}
