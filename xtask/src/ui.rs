//! The window's front end: npm packages as locked, then Vite's build into `ui/dist`.

use anyhow::{Context, Result};

use crate::{step, workspace};

/// Builds `ui/dist`, fetching packages only when the lock file changed since the last time.
pub(crate) fn build() -> Result<()> {
    install()?;
    step::run(&mut npm(&["run", "--silent", "build"]))
}

/// `npm ci`, unless what is installed came from this very lock file.
pub(crate) fn install() -> Result<()> {
    let ui = workspace::root().join("ui");
    let lock = std::fs::read(ui.join("package-lock.json")).context("ui/package-lock.json")?;
    let stamp = ui.join("node_modules/.drydock-lock-sha256");
    let digest = workspace::sha256(&lock);
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(());
    }
    step::run(&mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(&stamp, digest).context("marking node_modules as complete")
}

/// npm in `ui/`.
pub(crate) fn npm(args: &[&str]) -> std::process::Command {
    let mut npm = step::command("npm", args);
    npm.current_dir(workspace::root().join("ui"));
    npm
}
