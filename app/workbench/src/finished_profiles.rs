//! Profiles of boards that have ended, kept to be looked at.

use drydock_emulator::profile::Profile;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Finished profiles of boards, by id; the last of each.
#[derive(Default)]
pub(crate) struct FinishedProfiles(Mutex<HashMap<String, Arc<Profile>>>);

impl FinishedProfiles {
    pub(crate) fn get(&self, board: &str) -> Option<Arc<Profile>> {
        let profiles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        profiles.get(board).map(Arc::clone)
    }

    /// The board was removed.
    pub(crate) fn forget(&self, board: &str) {
        self.set(board, None);
    }

    pub(crate) fn set(&self, board: &str, profile: Option<Arc<Profile>>) {
        let mut profiles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match profile {
            Some(profile) => profiles.insert(board.to_owned(), profile),
            None => profiles.remove(board),
        };
    }
}
