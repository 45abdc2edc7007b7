//! The pairing that is under way, and what ends it.

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

    /// Notes what ends the pairing that begins now; what would have ended the one before does not.
    pub(crate) fn replace(&self, end: Option<AbortHandle>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), end);
        if let Some(before) = before {
            before.abort();
        }
    }
}
