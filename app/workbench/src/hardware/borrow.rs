//! Borrowing a port or a probe. If it belongs to a board of the fleet, the board's task closes it first, and gets it back
//! afterwards, also when borrowing fails.

use super::PortLease;
use crate::{
    fleet::{Command, FleetBoard, PortUser},
    state::WorkbenchState,
};
use std::{sync::Arc, time::Duration};

/// How often a port that its last user has just closed is tried.
const TRIES: u32 = 50;
const INTERVAL: Duration = Duration::from_millis(20);

/// A port or a probe that somebody else than its board uses.
#[must_use = "give it back"]
pub(crate) struct Borrowed {
    lease: PortLease,
    lender: Option<Arc<FleetBoard>>,
}

impl Borrowed {
    /// Takes a port by its path, or a probe by its id.
    ///
    /// # Errors
    /// One sentence: who uses it, and what ends that.
    pub(crate) async fn take(workbench: &WorkbenchState, path: &str, user: PortUser) -> Result<Self, String> {
        let lender = match workbench.hardware.uses.user(path) {
            Some(PortUser::Board(id)) => workbench.fleet.find(&id),
            _ => None,
        };
        if let Some(board) = &lender {
            let user = user.clone();
            let released = board.command(|reply| Command::ReleasePort(user, reply)).await;
            released.map_err(|error| error.message)?;
            closed(workbench, path).await;
        }
        match lease(workbench, path, user).await {
            Ok(lease) => Ok(Self { lease, lender }),
            Err(refusal) => {
                give_back(lender).await;
                Err(refusal)
            }
        }
    }

    /// Lets the board's task open it again.
    pub(crate) async fn give_back(self) {
        drop(self.lease);
        give_back(self.lender).await;
    }
}

/// Waits until the tasks of a link that was dropped have closed its port: another program may open it right away.
async fn closed(workbench: &WorkbenchState, path: &str) {
    let mut tries = 0;
    while workbench.hardware.ports.is_open_here(path) && tries < TRIES {
        tries += 1;
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn lease(workbench: &WorkbenchState, path: &str, user: PortUser) -> Result<PortLease, String> {
    let mut tries = 0;
    loop {
        match workbench.hardware.uses.lease(path, user.clone()) {
            Ok(lease) => return Ok(lease),
            Err(_) if tries < TRIES => tries += 1,
            Err(other) => return Err(other.refusal(path, &workbench.fleet)),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn give_back(lender: Option<Arc<FleetBoard>>) {
    if let Some(board) = lender
        && let Err(error) = board.command(Command::TakePort).await
    {
        tracing::debug!(%error, board = board.name(), "the port was not taken back");
    }
}
