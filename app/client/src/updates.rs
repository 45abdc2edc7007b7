//! Subscriptions to updates.
//!
//! Each subscriber has a bounded queue. When the queue is full, updates are dropped until it has space again. The first
//! update after that is [`Update::Resync`]: it tells the subscriber to ask for the whole state.

use drydock_api::Update;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{self, error::TrySendError};

/// Length of a subscriber's queue, in updates.
const QUEUE: usize = 1024;

/// The receiving end of a subscription; ends when the workbench does.
#[derive(Debug)]
pub struct Updates(mpsc::Receiver<Update>);

impl Updates {
    /// The next update; `None` when the workbench has ended.
    pub async fn next(&mut self) -> Option<Update> {
        self.0.recv().await
    }
}

/// Hands each update to all subscribers.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Mutex<Vec<Subscriber>>>);

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<Update>,
    missed: bool,
}

impl Hub {
    /// Updates that are published from now on.
    pub fn subscribe(&self) -> Updates {
        self.subscribe_with(QUEUE)
    }

    fn subscribe_with(&self, queue: usize) -> Updates {
        let (sender, receiver) = mpsc::channel(queue);
        self.lock().push(Subscriber {
            queue: sender,
            missed: false,
        });
        Updates(receiver)
    }

    /// Queues an update for each subscriber, or marks a subscriber whose queue is full.
    pub fn publish(&self, update: &Update) {
        self.lock().retain_mut(|subscriber| subscriber.offer(update));
    }

    /// Sends `Resync` to subscribers that missed updates, if their queue has space again.
    pub fn retry_resync(&self) {
        self.lock()
            .retain_mut(|subscriber| !subscriber.missed || subscriber.resync() != Offer::Gone);
    }

    /// Ends all subscriptions.
    pub fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(PartialEq, Eq)]
enum Offer {
    Taken,
    Full,
    Gone,
}

impl Subscriber {
    /// False when the subscriber has gone.
    fn offer(&mut self, update: &Update) -> bool {
        if self.missed {
            match self.resync() {
                Offer::Taken => {}
                Offer::Full => return true,
                Offer::Gone => return false,
            }
        }
        match self.queue.try_send(update.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed = true;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    fn resync(&mut self) -> Offer {
        match self.queue.try_send(Update::Resync) {
            Ok(()) => {
                self.missed = false;
                Offer::Taken
            }
            Err(TrySendError::Full(_)) => Offer::Full,
            Err(TrySendError::Closed(_)) => Offer::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(revision: u64) -> Update {
        Update::BoardRemoved {
            revision,
            board: "b".into(),
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_to_resync_and_a_fast_one_misses_nothing() {
        let hub = Hub::default();
        let mut slow = hub.subscribe_with(2);
        let mut fast = hub.subscribe_with(10);
        for revision in 1..=4 {
            hub.publish(&removed(revision));
        }
        assert_eq!(slow.next().await, Some(removed(1)));
        assert_eq!(slow.next().await, Some(removed(2)));
        hub.publish(&removed(5));
        assert_eq!(slow.next().await, Some(Update::Resync));
        assert_eq!(slow.next().await, Some(removed(5)));
        for revision in 1..=5 {
            assert_eq!(fast.next().await, Some(removed(revision)));
        }
    }

    #[tokio::test]
    async fn resync_comes_without_a_further_update() {
        let hub = Hub::default();
        let mut slow = hub.subscribe_with(1);
        hub.publish(&removed(1));
        hub.publish(&removed(2));
        hub.retry_resync();
        assert_eq!(slow.next().await, Some(removed(1)));
        hub.retry_resync();
        assert_eq!(slow.next().await, Some(Update::Resync));
        hub.close();
        assert_eq!(slow.next().await, None);
    }
}
