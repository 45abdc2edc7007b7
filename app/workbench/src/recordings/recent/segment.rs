//! The segment that is written.

use super::super::{
    Recorded, begin,
    feed::{Output, segment_text},
    lanes::BoardLanes,
    light::Light,
    recorder::{self, Joining, Message, Progress, Recorder, Source},
    sayings,
};
use super::files;
use crate::{
    clock::now_ms,
    fleet::{FleetBoard, HostRecord},
    state::WorkbenchState,
};
use drydock_scope_model::Writer;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, mpsc},
    time::Instant,
};

pub(super) struct Segment {
    /// Its file's name, without the ending.
    name: Arc<str>,
    pub(super) file: PathBuf,
    pub(super) began: Instant,
    began_ms: u64,
    pub(super) members: Vec<Recorded>,
    joining: Joining,
    pub(super) recorder: mpsc::SyncSender<Message>,
    pub(super) progress: Arc<Progress>,
}

impl Segment {
    /// Begins a segment without boards.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn open(folder: &Path, bytes: u64) -> Result<Self, String> {
        let cannot = |error: &dyn std::fmt::Display| format!("{} cannot be written on: {error}.", folder.display());
        let began_ms = now_ms();
        let (name, file, opened) = files::create(folder, began_ms).map_err(|error| cannot(&error))?;
        let writer = Writer::new(opened).map_err(|error| cannot(&error))?;
        let (sender, messages) = recorder::channel();
        let (progress, joining) = (Arc::<Progress>::default(), Joining::default());
        let began = Instant::now();
        let recorder = Recorder {
            writer,
            sources: Vec::new(),
            joining: Arc::clone(&joining),
            messages,
            progress: Arc::clone(&progress),
            // The next segment begins before; only a disk that hangs, or a flood, gets so far.
            max_bytes: bytes.saturating_mul(2),
            about: json!({ "drydock": env!("CARGO_PKG_VERSION"), "began_ms": began_ms, "recent": true }),
            began,
            stopped: false,
        };
        begin("recent", recorder).map_err(|error| error.message)?;
        Ok(Self {
            name: Arc::from(name),
            file,
            began,
            began_ms,
            members: Vec::new(),
            joining,
            recorder: sender,
            progress,
        })
    }

    /// What the segment has of a board.
    pub(super) fn member(&self, id: &str) -> Option<&Arc<Output>> {
        let found = self.members.iter().find(|(board, ..)| board.id == id);
        found.map(|(_, _, output)| output)
    }

    /// Takes a board in, which tells it nothing yet.
    pub(super) fn add(&mut self, workbench: &WorkbenchState, board: &Arc<FleetBoard>) -> Arc<Output> {
        let (name, description) = (board.name(), board.description());
        let is_physical = matches!(board.state().record.host, HostRecord::Physical(_));
        let light = Light::new(&description, is_physical, &self.name);
        let output = Output::new(self.members.len(), (self.began, self.began_ms), self.recorder.clone());
        let output = Arc::new(output.with_light(light));
        let source = Source {
            board: Arc::clone(board),
            output: Arc::clone(&output),
            lanes: BoardLanes::new(&name, description),
        };
        self.joining.lock().unwrap_or_else(PoisonError::into_inner).push(source);
        output.told(None, 0, segment_text(&json!({ "board": board.id })));
        sayings::begin(workbench, board, &output);
        self.members.push((Arc::clone(board), name, Arc::clone(&output)));
        output
    }
}
