//! Starts the scope, a program of its own, for the CLI and the window.

use crate::DataDir;
use std::{
    io,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

const PROGRAM: &str = "drydock-scope";

/// What the scope shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeOf {
    /// Recordings.
    Files(Vec<PathBuf>),
    /// Boards of a running Drydock, by id or name, recorded while they are shown.
    Boards {
        /// The data directory of that Drydock.
        data: DataDir,
        /// The boards.
        boards: Vec<String>,
    },
}

/// Starts the scope: the program beside this one, otherwise the one on PATH. Its errors are on the child's standard error,
/// which is captured if `captured`.
///
/// # Errors
/// A sentence for people: the program is not there, or cannot be started.
pub fn start_scope(of: &ScopeOf, captured: bool) -> Result<Child, String> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(&name)));
    let program = beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(&name));
    let mut command = Command::new(&program);
    match of {
        ScopeOf::Files(files) => command.args(files),
        ScopeOf::Boards { data, boards } => {
            command.arg("--attach");
            if let DataDir::At(path) = data {
                command.arg("--data").arg(path);
            }
            command.args(boards)
        }
    };
    command.stdin(Stdio::null());
    if captured {
        command.stderr(Stdio::piped());
    }
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!(
                "The scope is not installed: there is no {name} beside this program or on PATH; `./x scope` builds it."
            )
        }
        _ => format!("The scope cannot be started: {error}."),
    })
}
