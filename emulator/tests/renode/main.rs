//! The Renode driver against a stand-in: this program itself, started by a script called `renode` that sets its
//! behaviour. The conformance suite tests a real Renode if one is installed.

#[path = "../conformance/basics.rs"]
mod basics;
#[path = "../conformance/board.rs"]
mod board;
#[path = "../conformance/guest.rs"]
#[allow(dead_code, reason = "one of its checks is the conformance suite's own")]
mod guest;
#[path = "../conformance/limits.rs"]
mod limits;
mod lives;
#[path = "../conformance/replay.rs"]
mod replay;
#[path = "../conformance/snapshot.rs"]
mod snapshot;
mod standin;
mod troubles;

use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::time::Duration;

use drydock_emulator::Engine;
use drydock_emulator::renode::{Patience, Renode};
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

/// One question to an engine.
pub(crate) type Check = fn(&dyn Engine) -> Result<(), Failed>;

fn main() -> ExitCode {
    if let Ok(mode) = std::env::var(standin::MODE) {
        return standin::play(&mode);
    }
    if let Some(program) = std::env::var_os(lives::OWNER) {
        return lives::own(program.as_ref());
    }
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, check) in [basics::CHECKS, board::CHECKS, replay::CHECKS, snapshot::CHECKS].concat() {
        if limits::reason("renode", name).is_some() {
            continue;
        }
        let name = format!("standin::{name}");
        trials.push(Trial::test(name, move || check(&Standin::new("well").engine)));
    }
    for (name, trial) in [lives::TRIALS, troubles::TRIALS].concat() {
        trials.push(Trial::test(name, trial));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A Renode that is none.
pub(crate) struct Standin {
    pub(crate) engine: Renode,
    /// Path of its script.
    pub(crate) folder: TempDir,
}

impl Standin {
    pub(crate) fn new(mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("renode");
        let program = std::env::current_exe().expect("this program");
        // Like the real one, a script that starts another program.
        let text = format!(
            "#!/bin/sh\n{}='{mode}' '{}' \"$@\" &\necho $! > '{}'\nwait $!\n",
            standin::MODE,
            program.display(),
            folder.path().join("pid").display()
        );
        std::fs::write(&script, text).expect("the script");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is a program");
        let engine = Renode::at(script).with_patience(Patience {
            start: Duration::from_secs(30),
            answer: Duration::from_secs(30),
        });
        Self { engine, folder }
    }

    /// An engine with a short time limit.
    pub(crate) fn hasty(mode: &str) -> Self {
        let Self { engine, folder } = Self::new(mode);
        let engine = engine.with_patience(Patience {
            start: Duration::from_millis(1_500),
            answer: Duration::from_millis(600),
        });
        Self { engine, folder }
    }
}
