//! What just happened: the last hour of each board, recorded without being asked for.
//!
//! An owner that stays writes segments, files of the usual format with all of its boards, and deletes the oldest. They have
//! little detail ([`super::light`]), so that this can be on all the time. [`keep`] joins what they have of one board.

mod files;
mod keep;
mod segment;
mod setting;

pub(crate) use keep::keep;

use super::{Recorded, end as end_recorder, sayings, trace};
use crate::{
    api::{ApiError, EventName, RecordingState, RecordingView},
    clock::now_ms,
    errors::usage,
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_client::Updates;
use segment::Segment;
use serde_json::{Map, json};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

/// Its id among the recordings.
const ID: &str = "recent";
/// Boards that it has room for.
const BOARDS: usize = 32;
/// The length of a segment.
const SEGMENT: Duration = Duration::from_secs(300);
/// The size of a segment, if the limit of all of them allows it.
const SEGMENT_BYTES: u64 = 32 << 20;
/// The least limit: four segments with a megabyte each.
const LEAST_BYTES: u64 = 4_000_000;
/// How often it is looked whether a segment is full.
const LOOK: Duration = Duration::from_millis(250);
/// Longest wait for a machine to say what holds when a segment begins.
const HANDOVER: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct Recent {
    state: Mutex<State>,
    /// Segments change one at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// This owner keeps what happens, unless the limit is 0.
    is_on: bool,
    max_bytes: u64,
    segment: Option<Segment>,
    /// A board waits for the next segment.
    wants_next: bool,
    /// Boards that are not in it, because there are too many.
    left_out: usize,
    /// Why it has ended.
    failure: Option<String>,
}

impl State {
    fn goes_on(&self) -> bool {
        self.is_on && self.max_bytes > 0 && self.failure.is_none()
    }

    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES.min(self.max_bytes / 4)
    }
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn folder(workbench: &WorkbenchState) -> PathBuf {
    workbench.dir.path().join("recordings").join("recent")
}

/// Begins to keep what happens. Boards that enter the fleet from now on are in it.
pub(crate) fn begin(workbench: &WorkbenchState) {
    let mut state = workbench.recordings.recent.lock();
    state.max_bytes = setting::read(workbench.dir.path());
    state.is_on = true;
}

/// A board enters the fleet; its machine does not run yet.
pub(crate) fn board_entered(workbench: &Arc<WorkbenchState>, board: &Arc<FleetBoard>) {
    let opened = {
        let mut state = workbench.recordings.recent.lock();
        if !state.goes_on() {
            return;
        }
        join(workbench, &mut state, board)
    };
    if let Err(problem) = opened {
        fail(workbench, problem);
    }
}

fn join(workbench: &Arc<WorkbenchState>, state: &mut State, board: &Arc<FleetBoard>) -> Result<(), String> {
    let bytes = state.segment_bytes();
    let segment = match &mut state.segment {
        Some(segment) => segment,
        none => none.insert(Segment::open(&folder(workbench), bytes)?),
    };
    let name = board.name();
    if segment.members.iter().any(|(other, ..)| other.id == board.id) {
        return Ok(());
    }
    let there = |recorded: &&Recorded| workbench.fleet.find(&recorded.0.id).is_some();
    if segment.members.iter().filter(there).count() >= BOARDS {
        state.left_out += 1;
    } else if segment.members.iter().any(|(_, other, _)| *other == name) {
        // A board that is gone has lanes of this name in the segment.
        state.wants_next = true;
    } else {
        let output = segment.add(workbench, board);
        workbench.recordings.add_output(board, &output);
    }
    Ok(())
}

/// Ends segments that are full and begins others, until the task is ended.
pub(crate) async fn run(workbench: Arc<WorkbenchState>) {
    let updates = workbench.hub.subscribe();
    // What became too old while no owner was there.
    clean_up(&workbench).await;
    tokio::join!(follow(&workbench, updates), watch(&workbench));
}

/// Passes on what boards say about themselves.
async fn follow(workbench: &Arc<WorkbenchState>, mut updates: Updates) {
    while let Some(update) = updates.next().await {
        if let Some(segment) = &workbench.recordings.recent.lock().segment {
            sayings::take(&segment.members, &update);
        }
    }
}

async fn watch(workbench: &Arc<WorkbenchState>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let is_due = {
            let state = workbench.recordings.recent.lock();
            let Some(segment) = &state.segment else { continue };
            let end = segment.progress.end.borrow().clone();
            let is_full = segment.progress.bytes.load(Ordering::Relaxed) >= state.segment_bytes();
            match end {
                Some(end) if end.failed => Err(end.reason),
                end => Ok(end.is_some() || is_full || state.wants_next || segment.began.elapsed() >= SEGMENT),
            }
        };
        match is_due {
            Ok(true) => next_segment(workbench).await,
            Ok(false) => {}
            Err(reason) => fail(workbench, reason),
        }
    }
}

/// Ends the segment, when its file is whole, and begins the next.
async fn next_segment(workbench: &Arc<WorkbenchState>) {
    let _turn = workbench.recordings.recent.turn.lock().await;
    let (before, opened) = {
        let mut state = workbench.recordings.recent.lock();
        if !state.goes_on() {
            return;
        }
        let before = state.segment.take();
        let opened = begin_segment(workbench, &mut state, before.as_ref());
        (before, opened)
    };
    if let Some(before) = before {
        end_segment(workbench, before).await;
    }
    if let Err(problem) = opened {
        fail(workbench, problem);
    }
    clean_up(workbench).await;
}

/// Begins a segment with the boards of the fleet.
fn begin_segment(workbench: &Arc<WorkbenchState>, state: &mut State, before: Option<&Segment>) -> Result<(), String> {
    state.wants_next = false;
    let mut boards = workbench.fleet.all();
    let member = |board: &FleetBoard| before.and_then(|before| before.member(&board.id));
    // Boards that are in it stay in it.
    boards.sort_by_key(|board| member(board).is_none());
    state.left_out = boards.len().saturating_sub(BOARDS);
    boards.truncate(BOARDS);
    if boards.is_empty() {
        return Ok(());
    }
    let mut segment = Segment::open(&folder(workbench), state.segment_bytes())?;
    for board in &boards {
        let output = segment.add(workbench, board);
        let outputs = workbench.recordings.outputs(&board.id);
        match (member(board), outputs) {
            (Some(before), Some(outputs)) => {
                outputs.replace(Arc::clone(before), output);
                trace(board, &outputs);
                if board.state().machine.is_none() {
                    outputs.hand_over();
                }
            }
            _ => workbench.recordings.add_output(board, &output),
        }
    }
    state.segment = Some(segment);
    Ok(())
}

/// Ends a segment whose boards have another one, or none.
async fn end_segment(workbench: &WorkbenchState, segment: Segment) {
    let late = tokio::time::Instant::now() + HANDOVER;
    for (board, ..) in &segment.members {
        let Some(outputs) = workbench.recordings.outputs(&board.id) else {
            continue;
        };
        while outputs.is_waiting() && tokio::time::Instant::now() < late {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The machine is gone, or somebody holds it.
        outputs.hand_over();
    }
    release(workbench, &segment);
    end_recorder(&segment.recorder, &segment.progress).await;
}

/// The boards of a segment tell it nothing more.
fn release(workbench: &WorkbenchState, segment: &Segment) {
    for (board, _, output) in &segment.members {
        let has_it = |outputs: &Arc<super::Outputs>| outputs.all().iter().any(|other| Arc::ptr_eq(other, output));
        if workbench
            .recordings
            .outputs(&board.id)
            .is_some_and(|outputs| has_it(&outputs))
        {
            workbench.recordings.remove_output(board, output);
            output.retire();
        }
    }
}

/// It cannot go on; the boards do. This is told once.
fn fail(workbench: &WorkbenchState, reason: String) {
    let segment = {
        let mut state = workbench.recordings.recent.lock();
        if state.failure.is_some() {
            return;
        }
        state.failure = Some(reason.clone());
        state.segment.take()
    };
    let mut data = Map::new();
    if let Some(segment) = &segment {
        release(workbench, segment);
        data.insert("bytes".into(), json!(segment.progress.bytes.load(Ordering::Relaxed)));
        data.insert("lost".into(), json!(segment.progress.lost.load(Ordering::Relaxed)));
    }
    data.insert("recording".into(), json!(ID));
    data.insert("file".into(), json!(folder(workbench).display().to_string()));
    data.insert("state".into(), json!(RecordingState::Failed));
    data.insert("reason".into(), json!(reason));
    let text = format!(
        "What boards do is no longer kept. {reason} The boards go on; what was kept stays. `drydock recordings --recent-size SIZE` begins anew."
    );
    workbench.publish(EventName::RecordingEnded, None, text, data);
}

/// Deletes what is too old or too much.
async fn clean_up(workbench: &WorkbenchState) {
    let (max_bytes, current, reserved) = {
        let state = workbench.recordings.recent.lock();
        let current = state.segment.as_ref().map(|segment| segment.file.clone());
        let reserved = if current.is_some() { state.segment_bytes() } else { 0 };
        (state.max_bytes, current, reserved)
    };
    let folder = folder(workbench);
    // A file that cannot be deleted is no reason to fail.
    let _ = tokio::task::spawn_blocking(move || {
        files::drop_old(&folder, max_bytes.saturating_sub(reserved), current.as_deref());
    })
    .await;
}

/// Ends it with its owner.
pub(crate) async fn end(workbench: &WorkbenchState) {
    let _turn = workbench.recordings.recent.turn.lock().await;
    let segment = {
        let mut state = workbench.recordings.recent.lock();
        state.is_on = false;
        state.segment.take()
    };
    if let Some(segment) = segment {
        end_segment(workbench, segment).await;
    }
}

/// Sets how much of the disk it may use, also for later owners. 0 switches it off and deletes what it has.
pub(crate) async fn set_size(workbench: &Arc<WorkbenchState>, max_bytes: u64) -> Result<RecordingView, ApiError> {
    if max_bytes != 0 && max_bytes < LEAST_BYTES {
        return Err(usage(
            "What just happened needs room for 4 MB at least; 0 keeps nothing.",
        ));
    }
    setting::write(workbench.dir.path(), max_bytes)?;
    {
        let _turn = workbench.recordings.recent.turn.lock().await;
        let segment = {
            let mut state = workbench.recordings.recent.lock();
            state.max_bytes = max_bytes;
            state.failure = None;
            if max_bytes == 0 { state.segment.take() } else { None }
        };
        if let Some(segment) = segment {
            end_segment(workbench, segment).await;
        }
    }
    next_segment(workbench).await;
    clean_up(workbench).await;
    Ok(view(workbench).await.unwrap_or_else(|| row(workbench, Vec::new())))
}

/// It as one of the recordings, if it has or keeps anything.
pub(super) async fn view(workbench: &WorkbenchState) -> Option<RecordingView> {
    let folder = folder(workbench);
    let found = tokio::task::spawn_blocking(move || files::list(&folder)).await;
    let found = found.unwrap_or_default();
    let has_news = {
        let state = workbench.recordings.recent.lock();
        state.goes_on() || state.failure.is_some()
    };
    (has_news || !found.is_empty()).then(|| row(workbench, found))
}

fn row(workbench: &WorkbenchState, found: Vec<files::SegmentFile>) -> RecordingView {
    let state = workbench.recordings.recent.lock();
    let mut boards: Vec<String> = found.iter().flat_map(|file| file.boards.clone()).collect();
    let members = state.segment.iter().flat_map(|segment| &segment.members);
    boards.extend(members.map(|(_, name, _)| name.clone()));
    boards.sort();
    boards.dedup();
    let began_ms = found.first().map_or_else(now_ms, |first| first.began_ms);
    let until_ms = match &state.segment {
        Some(_) => now_ms(),
        None => found.iter().map(|file| file.until_ms).max().unwrap_or(began_ms),
    };
    let mut reasons: Vec<String> = state.failure.clone().into_iter().collect();
    if state.left_out > 0 {
        reasons.push(format!(
            "It has room for {BOARDS} boards; {} are not in it.",
            state.left_out
        ));
    }
    RecordingView {
        id: ID.to_owned(),
        file: folder(workbench).display().to_string(),
        boards,
        state: match (&state.failure, state.goes_on()) {
            (Some(_), _) => RecordingState::Failed,
            (None, true) => RecordingState::Recording,
            (None, false) => RecordingState::Stopped,
        },
        began_ms,
        seconds: until_ms.saturating_sub(began_ms) as f64 / 1e3,
        bytes: found.iter().map(|file| file.bytes).sum(),
        max_bytes: if state.is_on {
            state.max_bytes
        } else {
            setting::read(workbench.dir.path())
        },
        lost: state
            .segment
            .as_ref()
            .map_or(0, |segment| segment.progress.lost.load(Ordering::Relaxed)),
        reason: reasons.join(" "),
    }
}
