//! One job: its view, its switch for cancelling, and how its steps are shown, published and kept.

use super::journal::{self, JobRequest};
use crate::{
    api::{EventName, JobKind, JobState, JobStep, JobView, StepState, Update},
    clock::now_ms,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_client::Hub;
use serde_json::{Map, json};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Minimum time between two updates of one job's progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long closing waits for a job to leave its board.
const LEAVE: Duration = Duration::from_secs(20);

/// A job.
pub(super) struct Job {
    request: JobRequest,
    folder: PathBuf,
    hub: Hub,
    state: Mutex<JobProgress>,
    /// The user or the end of Drydock stops the job.
    pub(super) cancelled: Arc<AtomicBool>,
    interrupted: AtomicBool,
    running: watch::Sender<bool>,
}

struct JobProgress {
    view: JobView,
    published: Instant,
}

/// Why a job ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JobEnd {
    /// The user cancelled.
    Cancelled,
    /// It failed: one sentence, or more, that say what to do.
    Failed(String),
}

impl From<String> for JobEnd {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl Job {
    pub(super) fn new(
        workbench: &WorkbenchState,
        id: u64,
        what: JobKind,
        kind: &str,
        steps: &[&str],
        request: JobRequest,
    ) -> Self {
        let step = |name: &&str| JobStep {
            name: (*name).to_owned(),
            state: StepState::Pending,
            done_bytes: 0,
            total_bytes: 0,
        };
        let view = JobView {
            id,
            what,
            on: request.on(),
            topology: None,
            kind: kind.to_owned(),
            board: None,
            chip: None,
            state: JobState::Running,
            text: "Begins.".into(),
            steps: steps.iter().map(step).collect(),
            started_ms: now_ms(),
            ended_ms: None,
            evidence: None,
        };
        Self::of(
            request,
            view,
            workbench.jobs.folder.clone(),
            workbench.hub.clone(),
            true,
        )
    }

    /// A job of an earlier run.
    pub(super) fn ended(request: JobRequest, view: JobView, folder: PathBuf, hub: Hub) -> Self {
        Self::of(request, view, folder, hub, false)
    }

    fn of(request: JobRequest, view: JobView, folder: PathBuf, hub: Hub, running: bool) -> Self {
        Self {
            request,
            folder,
            hub,
            state: Mutex::new(JobProgress {
                view,
                published: Instant::now(),
            }),
            cancelled: Arc::default(),
            interrupted: AtomicBool::new(false),
            running: watch::Sender::new(running),
        }
    }

    fn state(&self) -> MutexGuard<'_, JobProgress> {
        // The view is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn request(&self) -> &JobRequest {
        &self.request
    }

    pub(super) fn view(&self) -> JobView {
        self.state().view.clone()
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().view.state == JobState::Running
    }

    /// Stops the job at the next instant at which the board can be left. Returns whether it was under way.
    pub(super) fn cancel(&self) -> bool {
        let mut state = self.state();
        if state.view.state != JobState::Running {
            return false;
        }
        self.cancelled.store(true, Ordering::Relaxed);
        state.view.text = "Is being cancelled.".into();
        self.publish(&mut state);
        true
    }

    /// Stops the job because Drydock ends; it can be resumed.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) async fn ended_or_timeout(&self) {
        let mut running = self.running.subscribe();
        let _ = tokio::time::timeout(LEAVE, running.wait_for(|running| !running)).await;
    }

    /// Whether the job was cancelled.
    pub(super) fn check(&self) -> Result<(), JobEnd> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(JobEnd::Cancelled),
            false => Ok(()),
        }
    }

    /// Sets an ended job under way again.
    pub(super) fn reopen(&self) {
        self.cancelled.store(false, Ordering::Relaxed);
        self.interrupted.store(false, Ordering::Relaxed);
        self.running.send_replace(true);
        self.change(|view| {
            view.state = JobState::Running;
            view.ended_ms = None;
            view.text = "Goes on.".into();
            for step in &mut view.steps {
                if step.state != StepState::Done && step.state != StepState::Skipped {
                    step.state = StepState::Pending;
                }
                (step.done_bytes, step.total_bytes) = (0, 0);
            }
        });
    }

    pub(super) fn begun(&self, workbench: &WorkbenchState) {
        let view = self.view();
        let mut data = Map::new();
        data.insert("job".into(), json!(view.id));
        data.insert("what".into(), json!(view.what));
        data.insert("kind".into(), json!(view.kind));
        let text = format!("Job {} began: {}.", view.id, purpose(&view));
        workbench.publish(EventName::JobStarted, None, text, data);
        self.keep();
    }

    /// Begins a step, by its place in the list; the earlier ones are done.
    pub(super) fn step(&self, workbench: &WorkbenchState, index: usize, text: impl Into<String>) -> Result<(), JobEnd> {
        self.check()?;
        let text = text.into();
        self.change(|view| {
            for (place, step) in view.steps.iter_mut().enumerate() {
                match step.state {
                    StepState::Running if place < index => step.state = StepState::Done,
                    _ if place == index => step.state = StepState::Running,
                    _ => {}
                }
            }
            view.text.clone_from(&text);
        });
        let view = self.view();
        let mut data = Map::new();
        data.insert("job".into(), json!(view.id));
        data.insert("step".into(), json!(view.steps.get(index).map(|step| &step.name)));
        workbench.publish(EventName::JobStep, None, format!("Job {}: {text}", view.id), data);
        self.keep();
        Ok(())
    }

    /// Whether a step was done, in this run of the job or before it was resumed.
    pub(super) fn has_done(&self, index: usize) -> bool {
        let state = self.state();
        state
            .view
            .steps
            .get(index)
            .is_some_and(|step| step.state == StepState::Done)
    }

    /// A step that has nothing to do.
    pub(super) fn skip(&self, index: usize) {
        self.change(|view| {
            if let Some(step) = view.steps.get_mut(index) {
                step.state = StepState::Skipped;
            }
        });
    }

    /// Progress of the step that is under way.
    pub(super) fn progress(&self, text: Option<&str>, done: u32, total: u32) {
        let mut state = self.state();
        if let Some(step) = state
            .view
            .steps
            .iter_mut()
            .find(|step| step.state == StepState::Running)
        {
            (step.done_bytes, step.total_bytes) = (done, total);
        }
        if let Some(text) = text
            && state.view.text != text
        {
            state.view.text = text.to_owned();
        }
        if state.published.elapsed() >= INTERVAL || done == total {
            self.publish(&mut state);
        }
    }

    /// Changes the view and publishes it.
    pub(super) fn change(&self, change: impl FnOnce(&mut JobView)) {
        let mut state = self.state();
        change(&mut state.view);
        self.publish(&mut state);
    }

    fn publish(&self, state: &mut JobProgress) {
        state.published = Instant::now();
        let job = Box::new(state.view.clone());
        self.hub.publish(&Update::Job { job });
    }

    /// The board of the fleet that the job is about.
    pub(super) fn is_about(&self, board: &FleetBoard) {
        let name = board.name();
        self.change(|view| view.board = Some(name));
        self.keep();
    }

    /// Writes the job to the journal.
    pub(super) fn keep(&self) {
        if let Err(error) = journal::write(&self.folder, &self.request, &self.view()) {
            tracing::warn!(%error, "a job could not be written to its journal");
        }
    }

    pub(super) fn end(&self, workbench: &WorkbenchState, outcome: Result<String, JobEnd>) {
        let interrupted = self.interrupted.load(Ordering::Relaxed);
        self.change(|view| {
            let (state, text) = match outcome {
                Ok(text) => (JobState::Done, text),
                Err(JobEnd::Cancelled) if interrupted => (
                    JobState::Interrupted,
                    "Drydock ended during this job; resume it to go on.".into(),
                ),
                Err(JobEnd::Cancelled) => (JobState::Cancelled, "Cancelled; it can be resumed.".into()),
                Err(JobEnd::Failed(text)) => (JobState::Failed, text),
            };
            for step in &mut view.steps {
                if step.state == StepState::Running {
                    step.state = match state {
                        JobState::Done => StepState::Done,
                        JobState::Failed => StepState::Failed,
                        _ => StepState::Pending,
                    };
                }
            }
            view.state = state;
            view.text = text;
            view.ended_ms = Some(now_ms());
        });
        self.keep();
        self.running.send_replace(false);
        let view = self.view();
        let mut data = Map::new();
        data.insert("job".into(), json!(view.id));
        data.insert("what".into(), json!(view.what));
        data.insert("state".into(), json!(view.state));
        data.insert("evidence".into(), json!(view.evidence));
        let text = format!("Job {} ended: {}", view.id, view.text);
        workbench.publish(EventName::JobEnded, None, text, data);
    }
}

/// What a job does, in a few words.
fn purpose(view: &JobView) -> String {
    let what = match view.what {
        JobKind::Flash => "write firmware to",
        JobKind::Backup => "back up",
        JobKind::Erase => "erase",
        JobKind::Provision => "provision",
    };
    let place = view
        .on
        .port
        .as_deref()
        .or(view.on.probe.as_deref())
        .unwrap_or("a board");
    format!("{what} the {} at {place}", view.kind)
}
