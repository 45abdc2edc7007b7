//! Between the front end and the workbench: one command for requests, one channel for updates.
//!
//! The window opens before the workbench does. Requests wait until the workbench is open; the channel reports its progress.

use crate::{demo, session::WorkbenchSession, update_batcher::UpdateBatcher};
use drydock_api::{ApiError, ErrorCode, Request, Response, Update};
use drydock_client::{DataDir, Updates};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tauri::{State, WebviewWindow, ipc::Channel};
use tokio::{
    sync::{RwLock, watch},
    time::Instant,
};

/// How long closing may take. After this time the window closes in any case.
const CLOSE: Duration = Duration::from_secs(8);

/// A message of the channel.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Notification {
    /// Progress of opening the workbench.
    State(OpenState),
    /// An update of the workbench.
    Update(Update),
}

/// Progress of opening the workbench.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OpenState {
    /// A step is under way.
    Opening { step: String },
    /// The workbench answers. `attached`: another process owns the data directory.
    Ready {
        notice: Option<&'static str>,
        attached: bool,
        /// What the previous run left undone, if this window took over the data directory after an unclean end; one
        /// sentence for each item.
        recovered: Option<Vec<String>>,
    },
    /// It did not open.
    OpenFailed { error: ApiError },
}

/// The page of a window.
struct Front {
    updates: Channel<Vec<Notification>>,
    /// Boards whose log lines, samples and LEDs the window shows. A thousand boards send thousands of those a second.
    watched: HashSet<String>,
}

impl Front {
    fn shows(&self, notification: &Notification) -> bool {
        match notification {
            Notification::Update(
                Update::Leds { board, .. }
                | Update::Logs { board, .. }
                | Update::Metrics { board, .. }
                | Update::AppSamples { board, .. },
            ) => self.watched.contains(board),
            Notification::State(_) | Notification::Update(_) => true,
        }
    }
}

/// The window's end of the workbench.
pub(crate) struct Bridge {
    session: RwLock<Option<WorkbenchSession>>,
    state: watch::Sender<OpenState>,
    /// By the label of their window.
    fronts: Mutex<HashMap<String, Front>>,
    notice: Option<&'static str>,
}

impl Bridge {
    /// `notice` is shown when the workbench is open.
    pub(crate) fn new(notice: Option<&'static str>) -> Self {
        let (state, _) = watch::channel(OpenState::Opening {
            step: "Starting the workbench".into(),
        });
        Self {
            session: RwLock::new(None),
            state,
            fronts: Mutex::default(),
            notice,
        }
    }

    /// Opens the workbench and forwards its updates. If the window is attached and the owner ends, it opens the
    /// workbench again.
    pub(crate) async fn run(self: Arc<Self>, data: DataDir) {
        loop {
            let step = |step: &str| self.publish(OpenState::Opening { step: step.into() });
            match self.open(&data, step).await {
                Ok(updates) => self.forward(updates).await,
                Err(error) => return self.publish(OpenState::OpenFailed { error }),
            }
            let Some(ended) = self.session.write().await.take() else {
                return; // closed by the user
            };
            ended.close().await;
        }
    }

    async fn open(&self, data: &DataDir, step: impl Fn(&str)) -> Result<Updates, ApiError> {
        let session = WorkbenchSession::open(data, &step).await?;
        // Subscribe before the first query, so that no update is lost in between.
        let updates = session.subscribe().await?;
        let attached = matches!(session, WorkbenchSession::Attached(_));
        let recovered = session.recovered();
        if !attached {
            demo::add_if_untouched(&session).await;
        }
        *self.session.write().await = Some(session);
        self.publish(OpenState::Ready {
            notice: self.notice,
            attached,
            recovered,
        });
        Ok(updates)
    }

    async fn forward(&self, mut updates: Updates) {
        let mut batcher = UpdateBatcher::new(Instant::now());
        loop {
            let due = batcher.due();
            tokio::select! {
                update = updates.next() => {
                    let Some(update) = update else { break };
                    batcher.take(update, Instant::now(), |board| self.is_watched(board));
                    continue;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            let message: Vec<Notification> = batcher
                .message(Instant::now())
                .into_iter()
                .map(Notification::Update)
                .collect();
            self.send(&message);
        }
    }

    fn is_watched(&self, board: &str) -> bool {
        self.fronts().values().any(|front| front.watched.contains(board))
    }

    fn publish(&self, state: OpenState) {
        self.state.send_replace(state.clone());
        self.send(&[Notification::State(state)]);
    }

    fn send(&self, batch: &[Notification]) {
        for front in self.fronts().values() {
            let shown: Vec<Notification> = batch
                .iter()
                .filter(|notification| front.shows(notification))
                .cloned()
                .collect();
            if !shown.is_empty() {
                // A page that is being reloaded subscribes again and reads the state.
                let _ = front.updates.send(shown);
            }
        }
    }

    /// Forgets a window that was closed.
    pub(crate) fn forget(&self, label: &str) {
        self.fronts().remove(label);
    }

    fn fronts(&self) -> MutexGuard<'_, HashMap<String, Front>> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the workbench that this process owns.
    pub(crate) async fn close(&self) {
        let end = async {
            if let Some(session) = self.session.write().await.take() {
                session.close().await;
            }
        };
        if tokio::time::timeout(CLOSE, end).await.is_err() {
            eprintln!("drydock-desktop: the workbench did not close in time; the next start tidies up");
        }
    }

    async fn opened(&self) -> Result<(), ApiError> {
        let mut state = self.state.subscribe();
        let state = state
            .wait_for(|state| !matches!(state, OpenState::Opening { .. }))
            .await
            .map_err(|_| closing())?;
        match &*state {
            OpenState::OpenFailed { error } => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

fn closing() -> ApiError {
    ApiError {
        code: ErrorCode::Cancelled,
        message: "Drydock is closing.".into(),
        detail: None,
    }
}

/// Calls a method of the workbench.
#[tauri::command]
pub(crate) async fn call(bridge: State<'_, Arc<Bridge>>, request: Request) -> Result<Response, ApiError> {
    bridge.opened().await?;
    match &*bridge.session.read().await {
        Some(session) => session.call(request).await,
        None => Err(closing()),
    }
}

/// Sends updates over this channel from now on. It replaces the window's previous channel.
#[tauri::command]
pub(crate) fn subscribe(window: WebviewWindow, bridge: State<'_, Arc<Bridge>>, updates: Channel<Vec<Notification>>) {
    let mut fronts = bridge.fronts();
    let state = bridge.state.borrow().clone();
    let _ = updates.send(vec![Notification::State(state)]);
    let watched = HashSet::new();
    fronts.insert(window.label().to_owned(), Front { updates, watched });
}

/// Sends this window log lines, samples and LEDs of these boards only.
#[tauri::command]
pub(crate) fn watch(window: WebviewWindow, bridge: State<'_, Arc<Bridge>>, boards: HashSet<String>) {
    if let Some(front) = bridge.fronts().get_mut(window.label()) {
        front.watched = boards;
    }
}
