//! Programs for boards that tests build from their sources.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const TARGET: &str = "thumbv7em-none-eabi";

/// The ELF file of a program for a Cortex-M, built from its source in a folder of the repository; `None` if the target is
/// not installed.
pub(super) fn guest(folder: &str, name: &str) -> Option<PathBuf> {
    // The crate's folder is somewhere in the repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists());
    let source = root.unwrap().join(folder);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output().unwrap();
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if !sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        println!("drydock-skip: the target {TARGET} is not installed");
        return None;
    }
    // target/debug/deps/…
    let test = std::env::current_exe().unwrap();
    let output = test.ancestors().nth(3).unwrap().join("tmp/guests");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // The guest's .cargo/config.toml is found from here.
        .current_dir(&source)
        .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
        .arg(&output)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(output.join(TARGET).join("release").join(name))
}
