//! `./x bench`: one table of all rooms' numbers.
//!
//! A room that measures something has examples whose names start with `bench`. They print one JSON object a line:
//! `{"what": "...", "value": 1.5, "unit": "ms", "goal": "<= 3"}`, or `{"what": "...", "skipped": "why"}`; `goal` and `note` may be
//! left out; other lines are shown as they are. Each takes `--quick`. Beside them stand the sizes of the firmware images and
//! the window's start. A figure is never asserted: what misses its goal is marked, and stands in README's status table.

mod table;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{graph, run, step, ui, workspace};

/// What a line of a bench says.
#[derive(Deserialize)]
struct Row {
    what: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Measured {
        value: f64,
        unit: String,
        #[serde(default)]
        goal: Option<String>,
        #[serde(default)]
        note: Option<String>,
    },
    Skipped {
        skipped: String,
    },
}

impl Row {
    fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            outcome: Outcome::Skipped { skipped: why.into() },
        }
    }
}

/// Something that measures: where it lives, what it is called.
struct Bench {
    /// Folder of the room, from the top.
    room: String,
    name: String,
    source: Source,
}

enum Source {
    /// An example of this package.
    Example { package: String },
    /// The images in `assets/firmware`.
    Images,
    /// A case of the window's own test, which tells how long it took.
    Window,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    Markdown,
}

/// Measures what was asked for (rooms or names; everything when none is), and prints the table.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (mut quick, mut form, mut words) = (false, Form::Plain, Vec::new());
    for arg in args {
        match *arg {
            "--quick" => quick = true,
            "--json" => form = Form::Json,
            "--markdown" => form = Form::Markdown,
            "--list" => return list(),
            option if option.starts_with('-') => {
                bail!("bench takes --quick, --json, --markdown and --list, not {option}")
            }
            word => words.push(word),
        }
    }
    let chosen = choose(benches()?, &words)?;
    // Embedded in what is measured. Their tables go where progress goes: what is printed here may be read by a program.
    let this = std::env::current_exe().context("finding this program")?;
    for verb in ["firmware", "apps"] {
        let mut child = step::command(&this.to_string_lossy(), &[verb]);
        step::run(child.stdout(std::io::stderr()))?;
    }
    build(&chosen)?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for bench in &chosen {
        match bench.measure(quick) {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                eprintln!("{}: {error:#}", bench.name);
                rows.push(Row::skipped(&bench.name, "it failed"));
                failed.push(bench.name.as_str());
            }
        }
    }
    match form {
        Form::Plain => table::plain(&rows),
        Form::Json => table::json(&rows),
        Form::Markdown => table::markdown(&rows),
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn list() -> Result<()> {
    for bench in benches()? {
        println!("{:<18} {}", bench.name, bench.room);
    }
    Ok(())
}

fn benches() -> Result<Vec<Bench>> {
    let mut benches = Vec::new();
    for package in graph::host()? {
        let dir = package.dir();
        let room = dir.strip_prefix(workspace::root()).unwrap_or(&dir);
        for target in &package.targets {
            if target.kind == ["example"]
                && let Some(name) = target.name.strip_prefix("bench_")
            {
                benches.push(Bench {
                    room: room.to_string_lossy().into_owned(),
                    name: name.to_owned(),
                    source: Source::Example {
                        package: package.name.clone(),
                    },
                });
            }
        }
    }
    benches.push(Bench {
        room: "firmware".to_owned(),
        name: "images".to_owned(),
        source: Source::Images,
    });
    benches.push(Bench {
        room: "ui".to_owned(),
        name: "window".to_owned(),
        source: Source::Window,
    });
    Ok(benches)
}

/// Those whose name, or the folder of whose room, is asked for; `gateway` is enough for `gateway-lib/sim`.
fn choose(benches: Vec<Bench>, words: &[&str]) -> Result<Vec<Bench>> {
    let meant = |bench: &Bench, word: &str| bench.name == word || bench.room.starts_with(word);
    for word in words {
        ensure!(
            benches.iter().any(|bench| meant(bench, word)),
            "there is no room or bench {word}; `./x bench --list` names them"
        );
    }
    let chosen = |bench: &Bench| words.is_empty() || words.iter().any(|word| meant(bench, word));
    Ok(benches.into_iter().filter(chosen).collect())
}

/// Builds all examples at once: one after the other, cargo would choose other features for each and compile twice.
fn build(chosen: &[Bench]) -> Result<()> {
    let packages: BTreeSet<String> = benches()?.into_iter().filter_map(|bench| bench.package()).collect();
    let examples = chosen.iter().filter(|bench| bench.package().is_some());
    let names: Vec<String> = examples.map(|bench| format!("bench_{}", bench.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut cargo = step::cargo(&["build", "--release"]);
    for package in &packages {
        cargo.args(["--package", package]);
    }
    for name in &names {
        cargo.args(["--example", name]);
    }
    step::run(&mut cargo)
}

impl Bench {
    fn package(&self) -> Option<String> {
        match &self.source {
            Source::Example { package } => Some(package.clone()),
            Source::Images | Source::Window => None,
        }
    }

    fn measure(&self, quick: bool) -> Result<Vec<Row>> {
        match self.source {
            Source::Example { .. } => self.example(quick),
            Source::Images => images(),
            Source::Window if quick => Ok(vec![Row::skipped("window", "not with --quick")]),
            Source::Window => window(),
        }
    }

    fn example(&self, quick: bool) -> Result<Vec<Row>> {
        let program = workspace::target_dir()
            .join("release/examples")
            .join(format!("bench_{}", self.name));
        let mut command = Command::new(program);
        command.current_dir(workspace::root());
        if quick {
            command.arg("--quick");
        }
        eprintln!("$ bench_{}{}", self.name, if quick { " --quick" } else { "" });
        let text = step::output(&mut command)?;
        let mut rows = Vec::new();
        for line in text.lines() {
            if line.starts_with('{') {
                rows.push(serde_json::from_str(line).with_context(|| format!("a line of {}: {line}", self.name))?);
            } else {
                eprintln!("{line}");
            }
        }
        Ok(rows)
    }
}

/// What each firmware image takes of its chip's flash.
fn images() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let folder = workspace::root().join("assets/firmware");
    for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let (Some(board), Some("bin")) = (path.file_stem(), path.extension().and_then(|it| it.to_str())) else {
            continue;
        };
        let board = board.to_string_lossy();
        rows.push(Row {
            what: format!("flash of the image for {board}"),
            outcome: Outcome::Measured {
                value: path.metadata()?.len() as f64 / 1024.0,
                unit: "KiB".to_owned(),
                goal: (board == "nano33ble").then(|| "<= 480".to_owned()),
                note: None,
            },
        });
    }
    rows.sort_by(|a, b| a.what.cmp(&b.what));
    Ok(rows)
}

/// The case of the window's test that opens it on an empty data directory, with the program as `./x run` builds it.
const WINDOW_CASE: &str = "opens with a demo board";

/// How long the window takes from its start to the fleet on the screen of a virtual display.
fn window() -> Result<Vec<Row>> {
    if !step::on_path("WebKitWebDriver") || !step::on_path("Xvfb") {
        return Ok(vec![Row::skipped(
            "window, start to painted fleet",
            "WebKitWebDriver or Xvfb is not installed",
        )]);
    }
    ui::build()?;
    run::window()?;
    let mut npm = ui::npm(&["run", "--silent", "e2e", "--", WINDOW_CASE]);
    npm.env("DRYDOCK_DESKTOP", workspace::built("drydock-desktop"));
    npm.env("DRYDOCK_CLI", workspace::built("drydock"));
    let text = step::output(&mut npm)?;
    let painted = text
        .split_once("painted after ")
        .and_then(|(_, rest)| rest.split_once(" ms"))
        .and_then(|(ms, _)| ms.parse().ok())
        .with_context(|| format!("the window's test told no time:\n{text}"))?;
    Ok(vec![Row {
        what: "window, start to painted fleet".to_owned(),
        outcome: Outcome::Measured {
            value: painted,
            unit: "ms".to_owned(),
            goal: Some("<= 1500".to_owned()),
            note: Some("dev build, rendered in software, the driver's start included".to_owned()),
        },
    }])
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Row, benches, choose};

    #[test]
    fn a_line_is_a_measurement_or_says_why_there_is_none() {
        let row: Row = serde_json::from_str(r#"{"what": "a", "value": 2, "unit": "ms", "goal": null}"#).unwrap();
        assert!(matches!(
            row.outcome,
            Outcome::Measured {
                value: 2.0,
                goal: None,
                ..
            }
        ));
        let row: Row = serde_json::from_str(r#"{"what": "a", "skipped": "not installed"}"#).unwrap();
        assert!(matches!(row.outcome, Outcome::Skipped { .. }));
        assert!(serde_json::from_str::<Row>(r#"{"what": "a", "value": "2"}"#).is_err());
    }

    #[test]
    fn rooms_and_names_choose() {
        let names = |words: &[&str]| -> Vec<String> {
            let chosen = choose(benches().unwrap(), words).unwrap();
            chosen.into_iter().map(|bench| bench.name).collect()
        };
        assert_eq!(names(&["gateway"]), ["sessions"]);
        assert_eq!(names(&["integer", "window"]), ["integer", "window"]);
        assert!(names(&["emulator"]).len() >= 4);
        assert!(names(&[]).len() > names(&["emulator"]).len());
        assert!(choose(benches().unwrap(), &["nothing"]).is_err());
    }
}
