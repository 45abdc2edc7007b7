//! Tells subscribers what changed of each board: at once, but at most ten times a second and board.

use crate::{
    api::Update,
    fleet::{FleetBoard, PendingUpdates},
};
use drydock_client::Hub;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Least time between two tellings about one board.
const INTERVAL: Duration = Duration::from_millis(100);

/// Least time between two rounds. Each goes over all boards that wait, and in a large fleet there is always one more.
const ROUND: Duration = Duration::from_millis(10);

/// Boards of which something is to be told.
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

    /// There are lines, samples or LEDs to tell.
    pub(crate) fn post(&self, board: &Arc<FleetBoard>) {
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        if dirty.insert(board.id.clone(), Arc::clone(board)).is_none() {
            self.wake.notify_one();
        }
    }

    /// Tells for ever. `show` says how a board is now.
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
            // The first after a pause is told at once.
            tokio::time::sleep(ROUND.saturating_sub(now.elapsed())).await;
        }
    }
}

/// Tells now what is to be told of a board.
pub(crate) fn publish(hub: &Hub, board: &FleetBoard, show: impl Fn(&FleetBoard) -> Update) {
    let PendingUpdates {
        view: changed,
        lines,
        samples,
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
    if changed {
        hub.publish(&show(board));
    }
}
