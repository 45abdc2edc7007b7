//! The thread that writes one recording.

use super::{
    entry::{Batch, What},
    feed::Output,
    lanes::BoardLanes,
};
use crate::fleet::FleetBoard;
use drydock_scope_model::{Lane, LaneKind, WriteError, Writer};
use serde_json::Value;
use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// A recorder that is killed loses no more than this, and what is on its way.
const FLUSH: Duration = Duration::from_millis(400);
/// Batches that wait for the disk.
const WAITING: usize = 128;
/// Time behind the boards up to which a recording is said to be complete: what they say about themselves comes later.
const LATE_NS: u64 = 300_000_000;

pub(super) enum Message {
    Batch(Batch),
    /// Ends the recording.
    Stop,
}

/// How a recording stands, for who looks at it.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) bytes: AtomicU64,
    pub(super) newest_ns: AtomicU64,
    pub(super) lost: AtomicU64,
    /// How it ended, once its file is whole.
    pub(super) end: watch::Sender<Option<End>>,
    /// The end was published.
    pub(super) told: AtomicBool,
}

/// How a recording ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) failed: bool,
    /// Why it ended by itself; empty if it was stopped.
    pub(super) reason: String,
}

impl Progress {
    /// Waits until the recording has ended. Cancel safe.
    pub(super) async fn ended(&self) {
        // The sender is this value's own.
        let _ = self.end.subscribe().wait_for(Option::is_some).await;
    }
}

/// Boards that wait to be part of a recording.
pub(super) type Joining = Arc<Mutex<Vec<Source>>>;

/// A board of a recording.
pub(super) struct Source {
    pub(super) board: Arc<FleetBoard>,
    pub(super) output: Arc<Output>,
    pub(super) lanes: BoardLanes,
}

pub(super) fn channel() -> (mpsc::SyncSender<Message>, mpsc::Receiver<Message>) {
    mpsc::sync_channel(WAITING)
}

/// One recording, on its thread.
pub(super) struct Recorder {
    pub(super) writer: Writer<File>,
    pub(super) sources: Vec<Source>,
    /// Boards that came later, in the order of their places.
    pub(super) joining: Joining,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) progress: Arc<Progress>,
    pub(super) max_bytes: u64,
    /// What the recording says about itself.
    pub(super) about: Value,
    pub(super) began: Instant,
    pub(super) stopped: bool,
}

impl Recorder {
    /// Writes until it is stopped, has its size, or fails. The file is whole then.
    pub(super) fn run(mut self) {
        let written = self.write_all();
        let now_ns = self.now_ns().max(self.progress.newest_ns.load(Ordering::Relaxed));
        let Self { writer, progress, .. } = self;
        let ended = written.and_then(|reason| {
            let file = writer.finish(now_ns)?;
            progress
                .bytes
                .store(file.metadata().map_or(0, |data| data.len()), Ordering::Relaxed);
            Ok(reason)
        });
        let end = match ended {
            Ok(reason) => End { failed: false, reason },
            Err(error) => End {
                failed: true,
                reason: sentence(&error),
            },
        };
        progress.end.send_replace(Some(end));
    }

    fn write_all(&mut self) -> Result<String, WriteError> {
        let about = self.writer.declare(&Lane::new("about", LaneKind::Text))?;
        self.writer.text(about, 0, self.about.to_string().as_bytes())?;
        let mut flushed = Instant::now();
        while !self.stopped {
            let wait = FLUSH.saturating_sub(flushed.elapsed());
            match self.messages.recv_timeout(wait) {
                Ok(Message::Batch(batch)) => self.take(batch)?,
                Ok(Message::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if flushed.elapsed() >= FLUSH {
                self.flush()?;
                flushed = Instant::now();
            }
            if self.writer.bytes() >= self.max_bytes {
                return Ok(format!("The recording has its size of {} bytes.", self.max_bytes));
            }
        }
        // What was gathered when it was stopped.
        for source in &self.sources {
            source.output.send();
        }
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Batch(batch) = message {
                self.take(batch)?;
            }
        }
        self.flush()?;
        Ok(String::new())
    }

    /// Takes in the boards that wait.
    fn admit(&mut self) {
        let mut joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        self.sources.append(&mut joining);
    }

    fn take(&mut self, batch: Batch) -> Result<(), WriteError> {
        if batch.board >= self.sources.len() {
            self.admit();
        }
        let Some(source) = self.sources.get_mut(batch.board) else {
            return Ok(());
        };
        for entry in batch.entries {
            let at_ns = entry.at_ns;
            if let What::Gap { lost, .. } = &entry.what {
                self.progress.lost.fetch_add(*lost, Ordering::Relaxed);
            }
            self.progress.newest_ns.fetch_max(at_ns, Ordering::Relaxed);
            match source.lanes.write(&mut self.writer, entry) {
                Ok(()) => {}
                Err(error @ WriteError::Io(_)) => return Err(error),
                // One entry that does not fit, such as a lane too many, does not end the recording.
                Err(error) => tracing::debug!(%error, "an entry was not recorded"),
            }
        }
        Ok(())
    }

    /// The time that all boards have reached.
    fn now_ns(&self) -> u64 {
        let each = self.sources.iter().map(|source| {
            let machine = source
                .board
                .state()
                .machine
                .as_ref()
                .map(|machine| machine.status().virtual_time);
            source.output.now_ns(machine)
        });
        each.min()
            .unwrap_or_else(|| u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.admit();
        for source in &self.sources {
            source.output.send();
        }
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Batch(batch) => self.take(batch)?,
                Message::Stop => self.stopped = true,
            }
        }
        let now_ns = self.now_ns().saturating_sub(LATE_NS);
        for source in &mut self.sources {
            source.lanes.flush(&mut self.writer, now_ns)?;
        }
        self.writer.flush(now_ns)?;
        self.progress.bytes.store(self.writer.bytes(), Ordering::Relaxed);
        self.progress.newest_ns.fetch_max(now_ns, Ordering::Relaxed);
        Ok(())
    }
}

fn sentence(error: &WriteError) -> String {
    match error {
        WriteError::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            "The disk is full; the file has what was recorded before.".to_owned()
        }
        WriteError::Io(error) => format!("The file cannot be written on: {error}."),
        error => format!("It cannot be recorded on: {error}."),
    }
}
