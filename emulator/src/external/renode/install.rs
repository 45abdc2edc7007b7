//! Finds Renode and checks its version.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::values;
use crate::external::process;

/// The oldest version whose commands are used here.
const OLDEST: (u32, u32) = (1, 15);

/// A Renode that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) program: PathBuf,
    /// As reported by Renode, for example `1.16.1`.
    pub(super) version: String,
}

/// Finds Renode and asks for its version, within `limit`; the error is a sentence for the user.
pub(super) fn find(set: Option<&Path>, limit: Duration) -> Result<Installed, String> {
    let program = match set {
        Some(program) if process::is_program(program) => program.to_owned(),
        Some(program) => return Err(format!("{} is no program; set Renode's path anew", program.display())),
        None => process::find_on_path("renode")
            .ok_or("Renode is not on PATH; install Renode 1.15 or newer (https://renode.io) and start Drydock with its folder on PATH")?,
    };
    let shown = program.display();
    let (status, text) = process::output(&program, ["--version"], limit)
        .map_err(|error| format!("`{shown} --version` failed: {error}"))?;
    let (major, minor, patch) = values::version(&text).ok_or_else(|| {
        let first = text.lines().next().unwrap_or("nothing");
        format!("`{shown} --version` ended with {status} and said: {first}")
    })?;
    if (major, minor) < OLDEST {
        let (oldest_major, oldest_minor) = OLDEST;
        return Err(format!(
            "{shown} is Renode {major}.{minor}.{patch}; {oldest_major}.{oldest_minor} or newer is needed"
        ));
    }
    Ok(Installed {
        program,
        version: format!("{major}.{minor}.{patch}"),
    })
}
