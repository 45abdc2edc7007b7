//! Embeds what lies in `firmware/*.elf` and `apps/*.wasm`, each with its SHA-256 digest. Both are built by
//! `cargo xtask`, so either may be missing; the program then reports what was not built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    println!("cargo::rerun-if-changed=build.rs");

    let mut code = String::new();
    list(
        &mut code,
        &root,
        &out,
        "firmware",
        "elf",
        ["FirmwareImage", "board", "elf"],
    )?;
    list(&mut code, &root, &out, "apps", "wasm", ["App", "name", "wasm"])?;
    ports(&mut code, &root)?;
    fs::write(out.join("embedded.rs"), code)
}

/// Writes `static PORTS`: the boards that have a firmware in the source tree, built or not.
fn ports(code: &mut String, root: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed=../firmware/boards");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("../firmware/boards"))? {
        let entry = entry?;
        // Beside the boards lie the crates that they share.
        if entry.path().join("src/main.rs").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    writeln!(code, "static PORTS: &[&str] = &{names:?};").map_err(io::Error::other)
}

/// Writes `static <FOLDER>: &[<Type>]` with one entry for each `folder/*.extension`; the bytes are copied beside it, so
/// that the tree may change while the compiler runs.
fn list(
    code: &mut String,
    root: &Path,
    out: &Path,
    folder: &str,
    extension: &str,
    [kind, name_field, bytes_field]: [&str; 3],
) -> io::Result<()> {
    let mut files = Vec::new();
    let path = root.join(folder);
    if path.is_dir() {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(&path)? {
            let file = entry?.path();
            if file.extension().is_some_and(|found| found == extension) {
                files.push(file);
            }
        }
    } else {
        // A folder that is not there yet is looked for with its parent.
        println!("cargo::rerun-if-changed=.");
    }
    files.sort();
    let list = folder.to_uppercase();
    writeln!(code, "static {list}: &[{kind}] = &[").map_err(io::Error::other)?;
    for file in files {
        let Some(name) = file.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let bytes = fs::read(&file)?;
        let digest = Sha256::digest(&bytes);
        fs::write(out.join(format!("{name}.{extension}")), &bytes)?;
        let entry = format!(
            "    {kind} {{ {name_field}: {name:?}, {bytes_field}: include_bytes!({:?}), sha256: {:?} }},",
            format!("{name}.{extension}"),
            digest.as_slice(),
        );
        writeln!(code, "{entry}").map_err(io::Error::other)?;
    }
    writeln!(code, "];").map_err(io::Error::other)
}
