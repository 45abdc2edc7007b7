//! Renode as an engine: found on PATH or set by the user, one process for each machine, driven by monitor commands
//! over XML-RPC, with UARTs on socket terminals.
//!
//! Renode's sockets bind all interfaces and have no authentication. As far as Renode allows, exposure is limited: the
//! monitor's own port stays closed, ports are random and connected to at once, and a terminal accepts one client
//! only. The robot server's port remains reachable from the network while a machine runs.

mod http;
mod install;
mod log;
mod machine;
mod platform;
mod session;
mod snapshot;
mod terminal;
mod values;
mod xmlrpc;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use drydock_assets::{Board, renode_chip};

use self::install::Installed;
use self::machine::{RenodeMachine, Setup};
pub use self::session::Patience;
use crate::machine::OpenError;
use crate::machine::{Availability, Engine, Machine, Seed};

/// The engine's name.
pub const NAME: &str = "renode";

/// Renode, if it is installed.
#[derive(Debug, Default)]
pub struct Renode {
    program: Option<PathBuf>,
    patience: Patience,
    /// Found once; while no Renode is found, each call searches again.
    installed: Mutex<Option<Installed>>,
}

impl Renode {
    /// The Renode at `program`, not the one on PATH.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: Some(program.into()),
            ..Self::default()
        }
    }

    /// The same with other limits of patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    fn installed(&self) -> Result<Installed, String> {
        // Stored values are written in one step.
        let mut kept = self.installed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = &*kept {
            return Ok(installed.clone());
        }
        let found = install::find(self.program.as_deref(), self.patience.start)?;
        Ok(kept.insert(found).clone())
    }
}

impl Engine for Renode {
    fn name(&self) -> &'static str {
        NAME
    }

    fn availability(&self) -> Availability {
        match self.installed() {
            Ok(installed) => Availability::Available {
                version: installed.version,
            },
            Err(reason) => Availability::Unavailable { reason },
        }
    }

    fn supports(&self, board: &Board) -> bool {
        renode_chip(&board.chip.name).is_some()
    }

    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError> {
        let chip = renode_chip(&board.chip.name).ok_or_else(|| OpenError::UnknownBoard {
            engine: NAME,
            board: board.name.clone(),
        })?;
        let installed = self
            .installed()
            .map_err(|reason| OpenError::Unavailable { engine: NAME, reason })?;
        let setup = Setup {
            program: installed.program,
            version: installed.version,
            patience: self.patience,
            board: board.clone(),
            chip,
            seed,
        };
        let machine = RenodeMachine::open(setup).map_err(|cause| OpenError::Failed {
            engine: NAME,
            board: board.name.clone(),
            cause,
        })?;
        Ok(Box::new(machine))
    }
}
