//! Where things are in this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The top of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ is a folder of the checkout")
}

/// The folder of host builds; `CARGO_TARGET_DIR` is respected.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if Path::new(&dir).is_absolute() => dir.into(),
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A program that `cargo build` made.
pub(crate) fn built(name: &str) -> PathBuf {
    target_dir().join("debug").join(name)
}

/// Files that git tracks or would track (new but not ignored), as paths from the top.
pub(crate) fn files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git ls-files")?;
    if !output.status.success() {
        bail!(
            "git ls-files failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty() && root().join(name).is_file())
        .map(str::to_owned)
        .collect())
}

/// A digest of names and contents of the files that git tracks or would track and that `is_wanted` accepts, by name.
pub(crate) fn digest_of(is_wanted: impl Fn(&str) -> bool) -> Result<String> {
    let mut list = String::new();
    for name in files()?.iter().filter(|name| is_wanted(name)) {
        let bytes = std::fs::read(root().join(name)).with_context(|| format!("reading {name}"))?;
        list.push_str(&format!("{} {name}\n", sha256(&bytes)));
    }
    Ok(sha256(list.as_bytes()))
}

/// Writes only if the content differs, so that dependent builds stay up to date. Returns whether it wrote.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    Ok(true)
}

/// The digest by which images and apps are named, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
