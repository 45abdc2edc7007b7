//! QEMU as an engine, for its own thin board. Run control, memory and registers use its GDB stub, resets use QMP, the
//! UART uses a character device, and snapshots use migration. All sockets are Unix sockets in a folder that only this
//! user can enter.
//!
//! Guest time counts instructions (`-icount`), so the guest's behaviour depends on its inputs only. *Where a run
//! stops* is not exact: QEMU is stopped from outside, at the limit or a little later.

mod launch;
mod machine;
mod remote;
mod snapshot;

use std::path::PathBuf;
use std::time::Duration;

use drydock_assets::{Board, qemu_board};

use self::launch::Setup;
use self::machine::QemuMachine;
use crate::external::process;
use crate::machine::OpenError;
use crate::machine::{Availability, Engine, Machine, Seed};

/// The engine's name.
pub const NAME: &str = "qemu";
/// The program.
const PROGRAM: &str = "qemu-system-arm";
/// How long it may take to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// QEMU, if it is installed.
#[derive(Debug, Default)]
pub struct Qemu;

impl Qemu {
    fn find() -> Result<(PathBuf, String), String> {
        let program = process::find_on_path(PROGRAM)
            .ok_or_else(|| format!("{PROGRAM} is not on PATH; install it (Debian: apt install qemu-system-arm)"))?;
        let (_, text) = process::output(&program, ["--version"], VERSION_LIMIT)
            .map_err(|error| format!("`{PROGRAM} --version` failed: {error}"))?;
        let version = text.split_whitespace().nth(3).filter(|version| {
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            major.is_some_and(|major| major >= 7)
        });
        match version {
            Some(version) => Ok((program, version.to_owned())),
            None => Err(format!(
                "{PROGRAM} 7 or newer is needed; it says: {}",
                text.lines().next().unwrap_or("")
            )),
        }
    }
}

impl Engine for Qemu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn availability(&self) -> Availability {
        match Self::find() {
            Ok((_, version)) => Availability::Available { version },
            Err(reason) => Availability::Unavailable { reason },
        }
    }

    fn supports(&self, board: &Board) -> bool {
        board.name == qemu_board().name
    }

    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError> {
        if !self.supports(board) {
            return Err(OpenError::UnknownBoard {
                engine: NAME,
                board: board.name.clone(),
            });
        }
        let (program, version) = Self::find().map_err(|reason| OpenError::Unavailable { engine: NAME, reason })?;
        let setup = Setup {
            program,
            version,
            board: board.clone(),
            seed,
        };
        let machine = QemuMachine::open(setup).map_err(|cause| OpenError::Failed {
            engine: NAME,
            board: board.name.clone(),
            cause,
        })?;
        Ok(Box::new(machine))
    }
}
