//! The parts of `./x test`, in the order in which they run.

use std::path::Path;

use anyhow::Result;

use super::Part;
use super::counts::{self, Counts};
use crate::step::Out;
use crate::{apps, codegen, firmware, fuzz, run, step, tidy, ui, workspace};

/// All parts. Earlier parts build what later parts embed (firmware, apps, front end).
pub(super) const ALL: &[Part] = &[
    Part {
        name: "format",
        quick: true,
        run: format,
    },
    Part {
        name: "tidy",
        quick: true,
        run: || passes(tidy::check()),
    },
    Part {
        name: "licences",
        quick: true,
        run: licences,
    },
    Part {
        name: "setup",
        quick: true,
        run: || counts::run(&mut step::command("sh", &["xtask/setup/test.sh"])),
    },
    Part {
        name: "firmware",
        quick: true,
        run: firmware_images,
    },
    Part {
        name: "apps",
        quick: true,
        run: || passes(apps::build(Out::Terminal)),
    },
    Part {
        name: "ui-check",
        quick: true,
        run: ui_check,
    },
    Part {
        name: "ui-unit",
        quick: true,
        run: ui_unit,
    },
    Part {
        name: "ui-build",
        quick: true,
        run: || passes(ui::build(Out::Terminal)),
    },
    Part {
        name: "generated",
        quick: true,
        run: || passes(codegen::check()),
    },
    Part {
        name: "clippy",
        quick: true,
        run: clippy_part,
    },
    Part {
        name: "unit",
        quick: true,
        run: unit,
    },
    Part {
        name: "docs",
        quick: false,
        run: doc_tests,
    },
    Part {
        name: "fuzz",
        quick: false,
        run: fuzz_briefly,
    },
    Part {
        name: "integration",
        quick: false,
        run: integration,
    },
    Part {
        name: "window",
        quick: false,
        run: window,
    },
];

/// Whether something exists completely below a root.
type IsThere = fn(&Path) -> bool;

/// Contents that the tested programs embed: the part that builds each, and whether it exists.
const EMBEDDED: &[(&str, IsThere)] = &[
    ("firmware", has_all_images),
    ("apps", |root| has_file(&root.join("assets/apps"), "wasm")),
    ("ui-build", |root| has_file(&root.join("ui/dist"), "html")),
];
/// Parts that run such programs. Other tests report themselves which of them they skipped without these.
const EMBEDDING: &[&str] = &["integration", "window"];

/// Whether the named parts need this part, and its result is missing: on a clean clone they would otherwise test
/// programs without that content.
pub(super) fn is_missing_for(part: &str, names: &[&str]) -> bool {
    is_missing_in(workspace::root(), part, names)
}

fn is_missing_in(root: &Path, part: &str, names: &[&str]) -> bool {
    let built = EMBEDDED.iter().find(|(name, _)| *name == part);
    names.iter().any(|name| EMBEDDING.contains(name)) && built.is_some_and(|(_, is_there)| !is_there(root))
}

/// Whether every board's image exists: `./x run` starts with the demo board's alone.
fn has_all_images(root: &Path) -> bool {
    let boards = std::fs::read_dir(root.join("firmware/boards"))
        .into_iter()
        .flatten()
        .flatten();
    let mut boards = boards.filter(|board| board.path().join("src/main.rs").is_file());
    has_file(&root.join("assets/firmware"), "elf")
        && boards.all(|board| {
            let image = board.file_name().to_string_lossy().into_owned() + ".elf";
            root.join("assets/firmware").join(image).is_file()
        })
}

fn has_file(folder: &Path, ending: &str) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .any(|file| file.extension().is_some_and(|it| it == ending))
}

/// Clippy on everything for the host. `strict`: warnings are errors.
pub(crate) fn clippy(strict: bool) -> Result<()> {
    let deny: &[&str] = if strict { &["--", "-Dwarnings"] } else { &[] };
    step::run(step::cargo(&["clippy", "--workspace", "--all-targets"]).args(deny))
}

fn passes(outcome: Result<()>) -> Result<Counts> {
    outcome.map(|()| Counts::one())
}

fn format() -> Result<Counts> {
    if step::output(&mut step::cargo(&["fmt", "--version"])).is_err() {
        return Ok(Counts::skip("format: this Rust toolchain has no rustfmt"));
    }
    passes(step::run(&mut step::cargo(&["fmt", "--all", "--check"])))?;
    let mut counts = Counts::one();
    for manifest in own_workspaces()? {
        counts.add(passes(step::run(&mut step::cargo(&[
            "fmt",
            "--all",
            "--check",
            "--manifest-path",
            &manifest,
        ])))?);
    }
    Ok(counts)
}

/// Manifests outside the host workspace, which cargo fmt must be given one by one.
pub(crate) fn own_workspaces() -> Result<Vec<String>> {
    let outside = [
        "firmware/boards/",
        "firmware/guest/",
        "assets/apps/",
        "emulator/tests/guests/",
    ];
    let manifests = workspace::files()?
        .into_iter()
        .filter(|name| name.ends_with("/Cargo.toml"));
    let mut all: Vec<String> = manifests
        .filter(|name| outside.iter().any(|dir| name.starts_with(dir)))
        .collect();
    // a workspace's members are formatted with it
    let workspaces: Vec<String> = all
        .iter()
        .filter(|name| {
            std::fs::read_to_string(workspace::root().join(name)).is_ok_and(|text| text.contains("[workspace]"))
        })
        .filter_map(|name| name.strip_suffix("Cargo.toml").map(str::to_owned))
        .collect();
    all.retain(|name| {
        !workspaces
            .iter()
            .any(|dir| name.starts_with(dir.as_str()) && *name != format!("{dir}Cargo.toml"))
    });
    Ok(all)
}

/// All shipped code, host and firmware, has permissive licences and comes from crates.io (`deny.toml`). Advisories need
/// a database from the network: run `cargo deny check advisories` by hand.
fn licences() -> Result<Counts> {
    if step::output(&mut step::cargo(&["deny", "--version"])).is_err() {
        return Ok(Counts::skip(
            "licences: cargo-deny is not installed (cargo install --locked cargo-deny)",
        ));
    }
    let mut counts = Counts::default();
    for manifest in ["Cargo.toml", "firmware/boards/Cargo.toml"] {
        counts.add(passes(step::run(&mut step::cargo(&[
            "deny",
            "--log-level",
            "error",
            "--manifest-path",
            manifest,
            "--config",
            "deny.toml",
            "check",
            "licenses",
            "bans",
            "sources",
        ])))?);
    }
    Ok(counts)
}

fn firmware_images() -> Result<Counts> {
    let mut counts = Counts::default();
    for image in firmware::build(Out::Terminal)? {
        if image.flash_bytes <= image.flash_budget_bytes {
            counts.add(Counts::one());
        } else {
            eprintln!(
                "{} takes {} bytes of flash, its budget is {}",
                image.board, image.flash_bytes, image.flash_budget_bytes
            );
            counts.failed += 1;
            counts
                .failures
                .push(format!("{} is larger than its budget", image.board));
        }
    }
    Ok(counts)
}

fn ui_check() -> Result<Counts> {
    ui::install(Out::Terminal)?;
    let mut counts = passes(step::run(&mut ui::npm(&["run", "--silent", "check"])))?;
    counts.add(passes(step::run(&mut ui::npm(&["run", "--silent", "lint"])))?);
    Ok(counts)
}

fn ui_unit() -> Result<Counts> {
    ui::install(Out::Terminal)?;
    counts::run(&mut ui::npm(&["run", "--silent", "test"]))
}

fn clippy_part() -> Result<Counts> {
    if step::output(&mut step::cargo(&["clippy", "--version"])).is_err() {
        return Ok(Counts::skip("clippy: this Rust toolchain has none"));
    }
    // errors fail the tests, warnings only `./x lint`
    passes(clippy(false))
}

fn unit() -> Result<Counts> {
    rust_tests(&["--lib", "--bins"])
}

fn doc_tests() -> Result<Counts> {
    counts::run(&mut step::cargo(&["test", "--workspace", "--doc"]))
}

/// A few seconds of every fuzz target; `./x fuzz` gives them more.
fn fuzz_briefly() -> Result<Counts> {
    passes(fuzz::run_briefly(&["--seconds", "24"]))
}

/// All crates' `tests/`: the oracle, firmware in the emulator, the CLI end to end.
fn integration() -> Result<Counts> {
    step::run(&mut step::cargo(&["build", "--workspace"]))?;
    rust_tests(&["--test", "*"])
}

fn rust_tests(which: &[&str]) -> Result<Counts> {
    let nextest = step::output(&mut step::cargo(&["nextest", "--version"])).is_ok();
    let mut cargo = if nextest {
        step::cargo(&[
            "nextest",
            "run",
            "--no-fail-fast",
            "--success-output",
            "final",
            "--status-level",
            "skip",
        ])
    } else {
        step::cargo(&["test", "--no-fail-fast"])
    };
    cargo.arg("--workspace").args(which);
    if !nextest {
        cargo.args(["--", "--show-output"]);
    }
    counts::run(&mut cargo)
}

/// The shipped window on a display of its own, driven by WebDriver and a real drag.
fn window() -> Result<Counts> {
    ui::build(Out::Terminal)?;
    run::window()?;
    // The command line's tests: a case of the window runs one. Same flags as in `integration`, so nothing is built twice.
    step::run(&mut step::cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--test",
        "cli",
        "--no-run",
    ]))?;
    let mut npm = ui::npm(&["run", "--silent", "e2e"]);
    npm.env("DRYDOCK_DESKTOP", workspace::built("drydock-desktop"));
    npm.env("DRYDOCK_CLI", workspace::built("drydock"));
    counts::run(&mut npm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_missed_by_parts_that_run_it_only() {
        let root = std::env::temp_dir().join(format!("drydock-parts-{}", std::process::id()));
        let missing = |names: &[&str]| -> Vec<&str> {
            let all = ALL.iter().map(|part| part.name);
            all.filter(|part| is_missing_in(&root, part, names)).collect()
        };
        assert_eq!(missing(&["format", "window"]), ["firmware", "apps", "ui-build"]);
        assert!(missing(&["format", "unit"]).is_empty());
        let apps = root.join("assets/apps");
        std::fs::create_dir_all(&apps).unwrap();
        std::fs::write(apps.join("spin.wat"), "").unwrap();
        assert_eq!(missing(&["integration"]), ["firmware", "apps", "ui-build"]);
        std::fs::write(apps.join("blink.wasm"), "").unwrap();
        assert_eq!(missing(&["integration"]), ["firmware", "ui-build"]);
        for board in ["one", "two"] {
            let source = root.join("firmware/boards").join(board).join("src");
            std::fs::create_dir_all(&source).unwrap();
            std::fs::write(source.join("main.rs"), "").unwrap();
        }
        let images = root.join("assets/firmware");
        std::fs::create_dir_all(&images).unwrap();
        std::fs::write(images.join("one.elf"), "").unwrap();
        assert_eq!(missing(&["integration"]), ["firmware", "ui-build"]);
        std::fs::write(images.join("two.elf"), "").unwrap();
        assert_eq!(missing(&["integration"]), ["ui-build"]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
