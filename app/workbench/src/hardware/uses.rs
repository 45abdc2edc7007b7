//! Who uses which port or probe: one user at a time, whether a board of the fleet, a terminal, a job or another program.

use crate::{
    api::{ApiError, ErrorCode},
    fleet::{Fleet, PortUser},
    state::WorkbenchState,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The users of ports and probes, by path or id.
#[derive(Debug, Clone)]
pub(crate) struct Uses {
    users: Arc<Mutex<HashMap<String, PortUser>>>,
    /// Told of each lease that begins or ends.
    changed: watch::Sender<()>,
}

impl PortUser {
    /// Its name in the API: a board's name, `console`, `debugger`, `lent`, `profile`, `read`, or a job and its number.
    pub(crate) fn name(&self, fleet: &Fleet) -> String {
        match self {
            Self::Board(id) => fleet.find(id).map_or_else(|| id.clone(), |board| board.name()),
            Self::Console => "console".into(),
            Self::Job(number) => format!("job {number}"),
            Self::Lent => "lent".into(),
            Self::Profile => "profile".into(),
            Self::Debugger => "debugger".into(),
            Self::Read => "read".into(),
        }
    }

    /// That it uses a port or a probe, and what ends that.
    pub(crate) fn refusal(&self, path: &str, fleet: &Fleet) -> String {
        match self {
            Self::Board(_) => format!("{path} is used by {}; switch that board off first.", self.name(fleet)),
            Self::Console => format!("There is a terminal on {path} already; close it first."),
            Self::Job(number) => format!("{path} is used by job {number}; wait for it or cancel it."),
            Self::Lent => format!("{path} is lent to another program; take it back first."),
            Self::Profile => format!("A profile is being sampled over {path}; wait until it ends."),
            Self::Debugger => format!("{path} waits for a debugger, or has one; close its port for GDB first."),
            Self::Read => format!("Memory or registers are being read over {path} just now; try again."),
        }
    }
}

/// The right to use a port or a probe; dropping it gives the right back.
#[derive(Debug)]
pub(crate) struct PortLease {
    uses: Uses,
    path: String,
}

impl PortLease {
    /// Path of the port, or id of the probe.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.uses.lock().remove(&self.path);
        self.uses.changed.send_replace(());
    }
}

impl Uses {
    /// Nobody uses anything yet.
    pub(crate) fn new(changed: watch::Sender<()>) -> Self {
        Self {
            users: Arc::default(),
            changed,
        }
    }

    /// Takes a port or a probe for a user.
    ///
    /// # Errors
    /// The user that has it.
    pub(crate) fn lease(&self, path: &str, user: PortUser) -> Result<PortLease, PortUser> {
        let mut uses = self.lock();
        if let Some(user) = uses.get(path) {
            return Err(user.clone());
        }
        uses.insert(path.to_owned(), user);
        drop(uses);
        self.changed.send_replace(());
        Ok(PortLease {
            uses: self.clone(),
            path: path.to_owned(),
        })
    }

    /// The user of a port or a probe.
    pub(crate) fn user(&self, path: &str) -> Option<PortUser> {
        self.lock().get(path).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PortUser>> {
        // The map is consistent between any two statements that touch it.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a port or a probe for a request.
///
/// # Errors
/// Somebody else has it: who, and what ends that.
pub(crate) fn lease(workbench: &WorkbenchState, path: &str, user: PortUser) -> Result<PortLease, ApiError> {
    let lease = workbench.hardware.uses.lease(path, user);
    lease.map_err(|user| ApiError::new(ErrorCode::Refused, user.refusal(path, &workbench.fleet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_one_user_until_the_lease_ends() {
        let changed = watch::Sender::new(());
        let mut changes = changed.subscribe();
        let uses = Uses::new(changed);
        let lease = uses.lease("/dev/ttyACM0", PortUser::Board("b-1".into())).unwrap();
        assert!(changes.has_changed().unwrap());
        let board = PortUser::Board("b-1".into());
        assert_eq!(uses.lease("/dev/ttyACM0", PortUser::Console).unwrap_err(), board);
        assert!(uses.lease("/dev/ttyACM1", PortUser::Console).is_ok());
        assert_eq!(uses.user("/dev/ttyACM0"), Some(board));
        assert_eq!(lease.path(), "/dev/ttyACM0");
        changes.mark_unchanged();
        drop(lease);
        assert!(changes.has_changed().unwrap());
        assert_eq!(uses.user("/dev/ttyACM0"), None);
    }
}
