//! The profiles that are being sampled over debug probes, so that they can be ended before their time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// By the id of the probe.
#[derive(Default)]
pub(crate) struct Samplings(Mutex<HashMap<String, Weak<AtomicBool>>>);

/// Held by what takes the samples.
pub(crate) struct StillAsked(Weak<AtomicBool>);

impl Samplings {
    /// Begins a sampling over a probe that nothing else uses. Who waits for the samples holds the first value; sampling
    /// ends when it is gone.
    pub(crate) fn begin(&self, probe: &str) -> (Arc<AtomicBool>, StillAsked) {
        let stopped = Arc::default();
        let mut samplings = self.lock();
        samplings.retain(|_, other| other.strong_count() > 0);
        samplings.insert(probe.to_owned(), Arc::downgrade(&stopped));
        let still_asked = StillAsked(Arc::downgrade(&stopped));
        (stopped, still_asked)
    }

    /// Ends the sampling over a probe. Whether there was one.
    pub(crate) fn stop(&self, probe: &str) -> bool {
        let sampling = self.lock().get(probe).and_then(Weak::upgrade);
        sampling
            .inspect(|stopped| stopped.store(true, Ordering::Relaxed))
            .is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<AtomicBool>>> {
        // The map is consistent between any two statements that touch it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StillAsked {
    /// Whether somebody waits for the samples, and has not stopped them.
    pub(crate) fn goes_on(&self) -> bool {
        self.0.upgrade().is_some_and(|stopped| !stopped.load(Ordering::Relaxed))
    }
}
