//! Who is brought up now: so many boards at a time, in the order in which they were switched on. A thousand that begin at
//! once would all wait for each other, and their links would say everything twice meanwhile; one after the other they are
//! there sooner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Boards that are brought up at one time: enough to keep all cores busy while some of them wait for their flash or the
/// gateway.
const PLACES: usize = 16;
/// A board that has not connected after this time makes room for others; it goes on with its own bring-up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate through which boards come up.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    /// Boards that are being brought up, by id.
    inside: Mutex<HashMap<String, Place>>,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Default for Gate {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl Gate {
    fn with_places(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            inside: Mutex::default(),
        }
    }

    /// Waits for a place, and takes it for a board.
    pub(crate) async fn enter(&self, board: &str) {
        // The semaphore is never closed.
        if let Ok(permit) = Arc::clone(&self.places).acquire_owned().await {
            let place = Place {
                since: Instant::now(),
                _permit: permit,
            };
            self.inside().insert(board.to_owned(), place);
        }
    }

    /// The board is there, or is not to be any more.
    pub(crate) fn leave(&self, board: &str) {
        self.inside().remove(board);
    }

    /// As [`Self::leave`], if it takes too long.
    pub(super) fn leave_if_slow(&self, board: &str) {
        let mut inside = self.inside();
        if inside.get(board).is_some_and(|place| place.since.elapsed() > PATIENCE) {
            inside.remove(board);
        }
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn boards_come_in_as_others_leave() {
        let gate = Gate::with_places(2);
        gate.enter("a").await;
        gate.enter("b").await;
        let mut waiting = Box::pin(gate.enter("c"));
        assert!(ready_now(&mut waiting).await.is_none());
        gate.leave_if_slow("a");
        assert!(ready_now(&mut waiting).await.is_none(), "it has time yet");
        gate.leave("a");
        gate.leave("a");
        waiting.await;
        let mut waiting = Box::pin(gate.enter("d"));
        assert!(ready_now(&mut waiting).await.is_none());
    }

    /// What the future gives if it is ready now.
    async fn ready_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}
