//! Builds programs for chips from their sources: for the tests here, and for tests of other crates that include this file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether the compiler has a target.
pub(crate) fn is_installed(target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|output| {
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        sysroot.join("lib/rustlib").join(target).join("lib").is_dir()
    })
}

/// Builds the release image of the package `name` whose source is in a folder of the repository. Returns its ELF file.
pub(crate) fn build(folder: &str, target: &str, name: &str) -> Result<PathBuf, String> {
    // The crate's folder is somewhere in the repository.
    let mut roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = roots
        .find(|folder| folder.join("Cargo.lock").exists())
        .ok_or("there is no repository")?;
    // target/debug/deps/…
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = test
        .ancestors()
        .nth(3)
        .ok_or("the test is in no target folder")?
        .join("tmp/guests");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // The guest's .cargo/config.toml is found from here.
        .current_dir(root.join(folder))
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--target",
            target,
            "--target-dir",
        ])
        .arg(&output)
        // Flags for the host program do not concern the guest.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .map_err(|error| error.to_string())?;
    match built.status.success() {
        true => Ok(output.join(target).join("release").join(name)),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}
