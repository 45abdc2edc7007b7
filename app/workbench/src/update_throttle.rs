//! Publishes the changes of each board: at once, but at most ten times a second for each board.

use crate::{
    api::Update,
    app_series,
    fleet::{FleetBoard, PendingUpdates},
};
use drydock_client::Hub;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Minimum time between two updates about one board.
const INTERVAL: Duration = Duration::from_millis(100);

/// Minimum time between two rounds. A round goes over all waiting boards, and in a large fleet another board always
/// waits.
const ROUND: Duration = Duration::from_millis(10);

/// Boards with pending updates.
#[derive(Debug, Default)]
pub(crate) struct UpdateThrottle {
    dirty: Mutex<HashMap<String, Arc<FleetBoard>>>,
    wake: Notify,
}

impl UpdateThrottle {
    /// Something of the board's view changed.
    pub(crate) fn touch(&self, board: &Arc<FleetBoard>) {
        board.state().pending.view = true;
        self.post(board);
    }

    /// Lines, samples or LEDs of the board are pending.
    pub(crate) fn post(&self, board: &Arc<FleetBoard>) {
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        if dirty.insert(board.id.clone(), Arc::clone(board)).is_none() {
            self.wake.notify_one();
        }
    }

    /// Publishes until the task is ended. `show` returns the view of a board.
    pub(crate) async fn run(&self, hub: &Hub, show: impl Fn(&FleetBoard) -> Update) {
        let mut published: HashMap<String, Instant> = HashMap::new();
        loop {
            let now = Instant::now();
            let mut due_in = Duration::MAX;
            let mut due = Vec::new();
            self.dirty
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|id, board| {
                    let since = published.get(id).map_or(INTERVAL, |last| now.duration_since(*last));
                    if since >= INTERVAL {
                        due.push(Arc::clone(board));
                        return false;
                    }
                    due_in = due_in.min(INTERVAL - since);
                    true
                });
            for board in due {
                publish(hub, &board, &show);
                published.insert(board.id.clone(), now);
            }
            hub.retry_resync();
            published.retain(|_, last| now.duration_since(*last) < INTERVAL);
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(due_in.min(Duration::from_secs(1))) => {}
            }
            // The first change after a pause is published at once.
            tokio::time::sleep(ROUND.saturating_sub(now.elapsed())).await;
        }
    }
}

/// Publishes the pending changes of a board now.
pub(crate) fn publish(hub: &Hub, board: &FleetBoard, show: impl Fn(&FleetBoard) -> Update) {
    let PendingUpdates {
        view: changed,
        lines,
        samples,
        app_samples,
        leds,
    } = std::mem::take(&mut board.state().pending);
    let id = || board.id.clone();
    if !leds.is_empty() {
        let leds = leds.into_iter().collect();
        hub.publish(&Update::Leds { board: id(), leds });
    }
    if !lines.is_empty() {
        hub.publish(&Update::Logs { board: id(), lines });
    }
    if !samples.is_empty() {
        hub.publish(&Update::Metrics { board: id(), samples });
    }
    if !app_samples.is_empty() {
        let series = app_series::update(&app_samples);
        hub.publish(&Update::AppSamples { board: id(), series });
    }
    if changed {
        hub.publish(&show(board));
    }
}
