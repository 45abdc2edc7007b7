//! Embeds `assets/firmware/*.elf`, `assets/apps/*.wasm` and `assets/part-programs/*.wasm`, each with its SHA-256 digest. All are outputs of `cargo
//! xtask`. A development build may lack some; asking for a missing one returns an error. A release without all of them
//! does not build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

/// Embedded files of one kind: name (the file's stem) and path, sorted.
type Files = BTreeMap<String, PathBuf>;

fn main() -> io::Result<()> {
    let assets = variable("CARGO_MANIFEST_DIR")?.join("..");
    let out = variable("OUT_DIR")?;
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");

    let boards = boards(&assets.join("../firmware/boards"))?;
    let images = files(&assets.join("firmware"), "elf")?;
    if is_release {
        for board in boards.iter().filter(|board| !images.contains_key(*board)) {
            println!(
                "cargo::error=a release carries every board's firmware; {board}'s is missing: run `cargo xtask firmware`"
            );
        }
    }
    let apps = files(&assets.join("apps"), "wasm")?;
    let parts = files(&assets.join("part-programs"), "wasm")?;

    let mut code = String::new();
    embed(&mut code, &out, "FIRMWARE", &images, ["FirmwareImage", "board", "elf"])?;
    embed(&mut code, &out, "APPS", &apps, ["App", "name", "wasm"])?;
    embed(&mut code, &out, "PARTS", &parts, ["PartModule", "name", "wasm"])?;
    writeln!(code, "static PORTS: &[&str] = &{boards:?};").map_err(io::Error::other)?;
    fs::write(out.join("embedded.rs"), code)
}

fn variable(name: &str) -> io::Result<PathBuf> {
    env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The boards that have a firmware in the source tree, built or not.
fn boards(folder: &Path) -> io::Result<Vec<String>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The crates that the boards share lie beside them.
        if entry.path().join("src/main.rs").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The files of `folder` with this extension.
fn files(folder: &Path, extension: &str) -> io::Result<Files> {
    let mut found = Files::new();
    if !folder.is_dir() {
        // Cargo notices that a missing folder is created only if its parent is watched.
        let parent = folder.parent().unwrap_or(folder);
        println!("cargo::rerun-if-changed={}", parent.display());
        return Ok(found);
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == extension)
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
        {
            found.insert(stem.to_owned(), path);
        }
    }
    Ok(found)
}

/// Writes `static <list>: &[<kind>]` with one entry for each file. The bytes are copied to `out` first, so that the
/// source tree may change while the compiler runs.
fn embed(code: &mut String, out: &Path, list: &str, files: &Files, [kind, name, bytes]: [&str; 3]) -> io::Result<()> {
    writeln!(code, "static {list}: &[{kind}] = &[").map_err(io::Error::other)?;
    for (stem, path) in files {
        let content = fs::read(path)?;
        let copy = format!("{stem}.{bytes}");
        fs::write(out.join(&copy), &content)?;
        let digest = Sha256::digest(&content);
        let digest = digest.as_slice();
        let entry = format!("{kind} {{ {name}: {stem:?}, {bytes}: include_bytes!({copy:?}), sha256: {digest:?} }},");
        writeln!(code, "    {entry}").map_err(io::Error::other)?;
    }
    writeln!(code, "];").map_err(io::Error::other)
}
