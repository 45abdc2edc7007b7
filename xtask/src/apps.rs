//! Builds the sample apps: `assets/apps/<name>/` → `assets/apps/<name>.wasm`, from Rust, C or WebAssembly text; and virtual
//! parts that are written in WebAssembly, in the same way in `assets/part-programs`.
//!
//! All are linked with a small stack at the bottom of memory (an overflow traps instead of overwriting data) and, where
//! the linker can, with one-byte pages, so that an app of 4 KiB takes 4 KiB of a board's RAM and not 64 KiB.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::step::{self, Out};
use crate::{cross, graph, workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const STACK_BYTES: u64 = 2048;
/// The functions that a board calls; a C function with one of these names is exported automatically.
const ENTRY_POINTS: [&str; 4] = ["_start", "init", "tick", "on_message"];

/// Where an app's source is, by language.
enum Source {
    /// A crate's manifest.
    Rust(PathBuf),
    /// C files that make one program.
    C(Vec<PathBuf>),
    /// WebAssembly's text format.
    Text(PathBuf),
}

/// Builds every app and every part, prints its size and digest.
pub(crate) fn build(out: Out<'_>) -> Result<()> {
    build_all(out, "app", "assets/apps", &link_flags(out)?)?;
    // The emulator has pages of 64 KiB only.
    build_all(out, "part", "assets/part-programs", &["--stack-first".to_owned()])
}

fn build_all(out: Out<'_>, what: &str, folder: &str, linker: &[String]) -> Result<()> {
    let dir = workspace::root().join(folder);
    let apps = find(&dir)?;
    ensure!(!apps.is_empty(), "there is no {what} in {}", dir.display());
    out.line(&format!("{what:<14} {:>8}  sha256", "bytes"));
    for (name, source) in apps {
        let wasm = match &source {
            Source::Rust(manifest) => rust(out, manifest, linker),
            Source::C(files) => c(out, &name, files, linker),
            Source::Text(file) => wat::parse_file(file).map_err(Into::into),
        }
        .with_context(|| format!("{what} {name}"))?;
        workspace::write_if_changed(&dir.join(format!("{name}.wasm")), &wasm)?;
        out.line(&format!("{name:<14} {:>8}  {}", wasm.len(), workspace::sha256(&wasm)));
    }
    Ok(())
}

fn find(dir: &Path) -> Result<Vec<(String, Source)>> {
    let mut apps = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let named_text = path.join(format!("{name}.wat"));
            let c_files = with_extension(&path, "c")?;
            if path.join("Cargo.toml").is_file() {
                apps.push((name, Source::Rust(path.join("Cargo.toml"))));
            } else if named_text.is_file() {
                apps.push((name, Source::Text(named_text)));
            } else if !c_files.is_empty() {
                apps.push((name, Source::C(c_files)));
            }
        } else if path.extension().is_some_and(|it| it == "wat") {
            apps.push((name, Source::Text(path)));
        } else if path.extension().is_some_and(|it| it == "c") {
            apps.push((name, Source::C(vec![path])));
        }
    }
    apps.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = apps.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        bail!("two sources in {} would both make {}.wasm", dir.display(), pair[0].0);
    }
    Ok(apps)
}

fn with_extension(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    Ok(files)
}

fn link_flags(out: Out<'_>) -> Result<Vec<String>> {
    let mut flags = vec!["--stack-first".to_owned()];
    if step::output(&mut cross::wasm_ld(&["--help"]))?.contains("--page-size") {
        flags.push("--page-size=1".into());
    } else {
        out.line("xtask: this linker has no --page-size; each app will take at least 64 KiB of a board's RAM");
    }
    Ok(flags)
}

fn rust(out: Out<'_>, manifest: &Path, linker: &[String]) -> Result<Vec<u8>> {
    let shown = manifest.to_string_lossy();
    let metadata = cross::cargo(&["metadata", "--format-version=1", "--no-deps", "--manifest-path", &shown]);
    let package = graph::packages(metadata)?
        .into_iter()
        .find(|package| package.manifest_path == manifest)
        .context("cargo metadata does not list this crate")?;
    let target = package
        .targets
        .iter()
        .find(|target| target.kind.iter().any(|kind| kind == "cdylib" || kind == "bin"))
        .context("the crate is neither a cdylib nor a program")?;
    let is_program = target.kind.iter().any(|kind| kind == "bin");
    let target_dir = workspace::target_dir().join("apps");

    let mut cargo = cross::cargo(&["rustc", "--release", "--target", TARGET, "--manifest-path", &shown]);
    cargo.args(out.quiet()).arg("--target-dir").arg(&target_dir);
    for flag in cross::no_machine_paths(TARGET) {
        cargo.args(["--config", &flag]);
    }
    if is_program {
        cargo.args(["--bin", &target.name]);
    } else {
        cargo.arg("--lib");
    }
    let stack_bytes = package.number("stack-bytes").unwrap_or(STACK_BYTES);
    cargo.args([
        "--",
        "-Cstrip=debuginfo",
        &format!("-Clink-arg=-zstack-size={stack_bytes}"),
    ]);
    cargo.args(linker.iter().map(|flag| format!("-Clink-arg={flag}")));
    // a .cargo/config.toml beside the app counts
    cargo.current_dir(package.dir());
    out.run(&mut cargo)?;

    let file = if is_program {
        target.name.clone()
    } else {
        target.name.replace('-', "_")
    };
    let wasm = target_dir.join(TARGET).join("release").join(file + ".wasm");
    std::fs::read(&wasm).with_context(|| format!("reading {}", wasm.display()))
}

fn c(out: Out<'_>, name: &str, files: &[PathBuf], linker: &[String]) -> Result<Vec<u8>> {
    let place = workspace::target_dir().join("apps/c").join(name);
    std::fs::create_dir_all(&place)?;
    let include = workspace::root().join("firmware/guest/include");
    let mut objects = Vec::new();
    for file in files {
        let object = place.join(file.with_extension("o").file_name().context("a C file has a name")?);
        let mut clang = step::command(
            "clang",
            &["--target=wasm32", "-Oz", "-std=c17", "-ffreestanding", "-nostdlib"],
        );
        clang.args(["-Wall", "-Wextra", "-Werror", "-mbulk-memory", "-c"]);
        clang.arg("-I").arg(&include).arg(file).arg("-o").arg(&object);
        out.run(&mut clang)?;
        objects.push(object);
    }
    let wasm = place.join("app.wasm");
    let mut ld = cross::wasm_ld(&["--no-entry", "--gc-sections", "--strip-debug"]);
    ld.args(linker)
        .args(ENTRY_POINTS.map(|entry| format!("--export-if-defined={entry}")));
    ld.args(["-z", &format!("stack-size={STACK_BYTES}")])
        .args(&objects)
        .arg("-o")
        .arg(&wasm);
    out.run(&mut ld)?;
    std::fs::read(&wasm).with_context(|| format!("reading {}", wasm.display()))
}
