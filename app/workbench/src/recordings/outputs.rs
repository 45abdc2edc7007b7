//! The recordings of one board, and what its machine tells them.

use super::feed::Output;
use drydock_emulator::{
    VirtualTime,
    runner::{RunState, Traced, Tracer},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The recordings of one board. Its machine has one tracer, which tells all of them.
#[derive(Default)]
pub(super) struct Outputs(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    active: Vec<Arc<Output>>,
    /// An active output, and the one that takes its place when the machine says what holds now.
    successors: Vec<(Arc<Output>, Arc<Output>)>,
}

impl Listed {
    /// `at` is the machine's time if it runs.
    fn hand_over(&mut self, at: Option<VirtualTime>) {
        for (before, next) in self.successors.drain(..) {
            next.succeed(&before, at);
            self.active.retain(|other| !Arc::ptr_eq(other, &before));
            self.active.push(next);
        }
    }
}

impl Outputs {
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, output: Arc<Output>) {
        self.lock().active.push(output);
    }

    pub(super) fn remove(&self, output: &Arc<Output>) {
        let mut listed = self.lock();
        listed.active.retain(|other| !Arc::ptr_eq(other, output));
        listed
            .successors
            .retain(|(before, next)| !Arc::ptr_eq(before, output) && !Arc::ptr_eq(next, output));
    }

    /// `next` takes the place of `before`, at an instant of the machine: `before` has what comes before it, `next` the rest.
    /// The machine must be traced anew.
    pub(super) fn replace(&self, before: Arc<Output>, next: Arc<Output>) {
        self.lock().successors.push((before, next));
    }

    /// Whether the machine has still to say what holds.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lock().successors.is_empty()
    }

    /// Nothing comes from the machine: successors take over now.
    pub(super) fn hand_over(&self) {
        self.lock().hand_over(None);
    }

    pub(super) fn all(&self) -> Vec<Arc<Output>> {
        self.lock().active.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        let listed = self.lock();
        listed.active.is_empty() && listed.successors.is_empty()
    }

    /// Whether one of them wants what happens inside of the machine.
    fn want_inside(&self) -> bool {
        let listed = self.lock();
        let next = listed.successors.iter().map(|(_, next)| next);
        listed.active.iter().chain(next).any(|output| output.light.is_none())
    }
}

/// A tracer for the recordings of one board.
pub(super) struct Feed(pub(super) Arc<Outputs>);

impl Tracer for Feed {
    fn take(&mut self, what: &Traced<'_>) {
        let mut listed = self.0.lock();
        if let Traced::Begin { at, state, .. } = what {
            listed.hand_over((**state == RunState::Running).then_some(*at));
        }
        for output in &listed.active {
            output.take(what);
        }
    }

    fn wants_inside(&self) -> bool {
        self.0.want_inside()
    }
}
