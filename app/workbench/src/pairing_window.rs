//! The current pairing, and the task that ends it.

use std::sync::{Mutex, PoisonError};
use tokio::task::AbortHandle;

/// The pairing that is under way.
#[derive(Debug, Default)]
pub(crate) struct PairingWindow(Mutex<Option<AbortHandle>>);

impl PairingWindow {
    /// The workbench closes: nothing switches pairing off later.
    pub(crate) fn end(&self) {
        self.replace(None);
    }

    /// Stores the task that ends the new pairing, and aborts the one of the previous pairing.
    pub(crate) fn replace(&self, end: Option<AbortHandle>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), end);
        if let Some(before) = before {
            before.abort();
        }
    }
}
