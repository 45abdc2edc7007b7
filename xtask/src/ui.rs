//! The window's front end: npm packages as locked, then Vite's build into `ui/dist`.

use anyhow::{Context, Result};

use crate::step::{self, Out};
use crate::workspace;

/// Builds `ui/dist`; fetches packages only if the lock file changed since the last time. Does nothing if it was built
/// from the current sources, because a new `ui/dist` makes cargo compile the window again.
pub(crate) fn build(out: Out<'_>) -> Result<()> {
    install(out)?;
    let ui = workspace::root().join("ui");
    let (stamp, sources) = (
        ui.join("node_modules/.drydock-dist-sha256"),
        workspace::digest_of(is_source)?,
    );
    if ui.join("dist/index.html").is_file() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    out.run(&mut npm(&["run", "--silent", "build"]))?;
    std::fs::write(&stamp, sources).context("noting what ui/dist was built from")
}

/// Whether `ui/dist` is built from this file.
fn is_source(name: &str) -> bool {
    let is_test = name.starts_with("ui/e2e/") || name.contains(".test.");
    name.starts_with("ui/") && !is_test
}

/// `npm ci`, unless the installed packages came from this lock file.
pub(crate) fn install(out: Out<'_>) -> Result<()> {
    let ui = workspace::root().join("ui");
    let lock = std::fs::read(ui.join("package-lock.json")).context("ui/package-lock.json")?;
    let stamp = ui.join("node_modules/.drydock-lock-sha256");
    let digest = workspace::sha256(&lock);
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(());
    }
    out.run(&mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(&stamp, digest).context("marking node_modules as complete")
}

/// npm in `ui/`.
pub(crate) fn npm(args: &[&str]) -> std::process::Command {
    let mut npm = step::command("npm", args);
    npm.current_dir(workspace::root().join("ui"));
    npm
}

#[cfg(test)]
mod tests {
    use super::is_source;

    #[test]
    fn tests_are_no_sources_of_the_front_end() {
        for (name, expected) in [
            ("ui/src/App.svelte", true),
            ("ui/package-lock.json", true),
            ("ui/vite.config.ts", true),
            ("ui/e2e/drive.ts", false),
            ("ui/src/lib/units.test.ts", false),
            ("app/desktop/src/main.rs", false),
        ] {
            assert_eq!(is_source(name), expected, "{name}");
        }
    }
}
