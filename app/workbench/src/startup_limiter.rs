//! Limits how many boards start at the same time, in the order in which they were switched on. If a thousand boards
//! start at once, they wait for each other, and their links time out and repeat everything. If only a few start at a
//! time, all run sooner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Boards that start at one time: enough to keep all cores busy while some of them wait for their flash or the
/// gateway.
const PERMITS: usize = 16;
/// A board that has not connected after this time releases its permit for others; it continues to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hands out permits to start.
#[derive(Debug)]
pub(crate) struct StartupLimiter {
    permits: Arc<Semaphore>,
    /// Boards that are starting, by id.
    held: Mutex<HashMap<String, Permit>>,
}

#[derive(Debug)]
struct Permit {
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Default for StartupLimiter {
    fn default() -> Self {
        Self::with_permits(PERMITS)
    }
}

impl StartupLimiter {
    fn with_permits(permits: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            held: Mutex::default(),
        }
    }

    /// Waits for a permit, and takes it for a board.
    pub(crate) async fn acquire(&self, board: &str) {
        // The semaphore is never closed.
        if let Ok(semaphore_permit) = Arc::clone(&self.permits).acquire_owned().await {
            let permit = Permit {
                since: Instant::now(),
                _permit: semaphore_permit,
            };
            self.held().insert(board.to_owned(), permit);
        }
    }

    /// The board has connected, or is no longer to start.
    pub(crate) fn release(&self, board: &str) {
        self.held().remove(board);
    }

    /// As [`Self::release`], but only if the board has taken too long.
    pub(super) fn release_if_slow(&self, board: &str) {
        let mut held = self.held();
        if held.get(board).is_some_and(|permit| permit.since.elapsed() > PATIENCE) {
            held.remove(board);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Permit>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn boards_come_in_as_others_leave() {
        let limiter = StartupLimiter::with_permits(2);
        limiter.acquire("a").await;
        limiter.acquire("b").await;
        let mut waiting = Box::pin(limiter.acquire("c"));
        assert!(ready_now(&mut waiting).await.is_none());
        limiter.release_if_slow("a");
        assert!(ready_now(&mut waiting).await.is_none(), "it has time yet");
        limiter.release("a");
        limiter.release("a");
        waiting.await;
        let mut waiting = Box::pin(limiter.acquire("d"));
        assert!(ready_now(&mut waiting).await.is_none());
    }

    /// The future's result if it is ready now.
    async fn ready_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}
