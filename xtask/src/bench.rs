//! `./x bench`: one table of all benchmarks.
//!
//! A crate with benchmarks has examples whose names start with `bench`. They print one JSON object a line: `{"what":
//! "...", "value": 1.5, "unit": "ms", "goal": "<= 3"}`, or `{"what": "...", "skipped": "why"}`; `goal` and `note` may
//! be omitted; other lines are shown unchanged. Each accepts `--quick`. The table also has the sizes of the firmware
//! images, the command that runs many boards, the window's start, and its response time while very many machines run. A
//! figure is never asserted: a figure that misses its goal is marked, and docs/benchmarks.md lists it.

mod emulate;
mod table;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::step::Out;
use crate::{graph, run, step, ui, workspace};

/// The example that runs the command line too.
const OWN_FIRMWARE: &str = "own_firmware";

/// A line of a benchmark.
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

/// A benchmark: its location and its name.
struct Bench {
    /// Folder of its crate, from the top.
    folder: String,
    name: String,
    source: Source,
}

enum Source {
    /// An example of this package.
    Example { package: String },
    /// The images in `assets/firmware`.
    Images,
    /// The command `drydock emulate`.
    Emulate,
    /// A case of the window's test that reports its duration.
    Window(&'static Case),
}

/// A case of the window's test whose words hold a figure.
struct Case {
    /// Of the bench.
    name: &'static str,
    /// Part of the case's own name.
    says: &'static str,
    /// The text before the figure, which is in milliseconds.
    before: &'static str,
    what: &'static str,
    goal: &'static str,
    note: &'static str,
    /// Number of machines, for a case that runs many.
    machines: Option<&'static str>,
}

/// With the program as `./x run` builds it.
const WINDOW_CASES: [Case; 3] = [
    Case {
        name: "window",
        says: "opens with a demo board",
        before: "painted after ",
        what: "window, start to painted fleet",
        goal: "<= 1500",
        note: "dev build, rendered in software, the driver's start included",
        machines: None,
    },
    Case {
        name: "filter",
        says: "answers to the filter",
        before: "p95 ",
        what: "filter keystroke to next picture, 1,000 machines running blink, p95",
        goal: "<= 200",
        note: "dev build, rendered in software",
        machines: Some("1000"),
    },
    Case {
        name: "plots",
        says: "eight live plots",
        before: "moving cursor: p99 ",
        what: "window, work of a frame with eight live plots and a moving cursor, p99",
        goal: "<= 16.7",
        note: "dev build, rendered in software",
        machines: None,
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    Markdown,
}

/// Runs the benchmarks with these names or in these folders (all of them if none is given) and prints the table.
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
    // Embedded in the measured programs. Their tables go to the progress output, because a program may read this
    // output.
    let this = std::env::current_exe().context("finding this program")?;
    for subcommand in ["firmware", "apps"] {
        let mut child = step::command(&this.to_string_lossy(), &[subcommand]);
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
        println!("{:<18} {}", bench.name, bench.folder);
    }
    Ok(())
}

fn benches() -> Result<Vec<Bench>> {
    let mut benches = Vec::new();
    for package in graph::host()? {
        let dir = package.dir();
        let folder = dir.strip_prefix(workspace::root()).unwrap_or(&dir);
        for target in &package.targets {
            if target.kind == ["example"]
                && let Some(name) = target.name.strip_prefix("bench_")
            {
                benches.push(Bench {
                    folder: folder.to_string_lossy().into_owned(),
                    name: name.to_owned(),
                    source: Source::Example {
                        package: package.name.clone(),
                    },
                });
            }
        }
    }
    benches.push(Bench {
        folder: "app/cli".to_owned(),
        name: "emulate".to_owned(),
        source: Source::Emulate,
    });
    benches.push(Bench {
        folder: "firmware".to_owned(),
        name: "images".to_owned(),
        source: Source::Images,
    });
    benches.extend(WINDOW_CASES.iter().map(|case| Bench {
        folder: "ui".to_owned(),
        name: case.name.to_owned(),
        source: Source::Window(case),
    }));
    Ok(benches)
}

/// The benchmarks with one of these names, or in one of these folders; `gateway` is enough for `gateway-lib/sim`, and
/// `firmware` for `own_firmware` too.
fn choose(benches: Vec<Bench>, words: &[&str]) -> Result<Vec<Bench>> {
    let meant = |bench: &Bench, word: &str| {
        bench.folder.starts_with(word) || bench.name == word || bench.name.strip_prefix("own_") == Some(word)
    };
    for word in words {
        ensure!(
            benches.iter().any(|bench| meant(bench, word)),
            "there is no folder or benchmark {word}; `./x bench --list` names them"
        );
    }
    let chosen = |bench: &Bench| words.is_empty() || words.iter().any(|word| meant(bench, word));
    Ok(benches.into_iter().filter(chosen).collect())
}

/// Builds all examples at once: built separately, cargo would choose other features for each and compile twice.
fn build(chosen: &[Bench]) -> Result<()> {
    let packages: BTreeSet<String> = benches()?.into_iter().filter_map(|bench| bench.package()).collect();
    let examples = chosen.iter().filter(|bench| bench.package().is_some());
    let names: Vec<String> = examples.map(|bench| format!("bench_{}", bench.name)).collect();
    let is_command_measured = chosen
        .iter()
        .any(|bench| matches!(bench.source, Source::Emulate) || bench.name == OWN_FIRMWARE);
    if names.is_empty() && !is_command_measured {
        return Ok(());
    }
    let mut cargo = step::cargo(&["build", "--release"]);
    for package in &packages {
        cargo.args(["--package", package]);
    }
    for name in &names {
        cargo.args(["--example", name]);
    }
    if is_command_measured {
        cargo.args(["--package", "drydock", "--bin", "drydock"]);
    }
    step::run(&mut cargo)
}

impl Bench {
    fn package(&self) -> Option<String> {
        match &self.source {
            Source::Example { package } => Some(package.clone()),
            Source::Images | Source::Emulate | Source::Window(_) => None,
        }
    }

    fn measure(&self, quick: bool) -> Result<Vec<Row>> {
        match self.source {
            Source::Example { .. } => self.example(quick),
            Source::Images => images(),
            Source::Emulate => emulate::measure(quick),
            Source::Window(case) if quick => Ok(vec![Row::skipped(case.what, "not with --quick")]),
            Source::Window(case) => case.measure(),
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

/// The size of each firmware image in its chip's flash.
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

impl Case {
    /// Runs the case on a virtual display.
    fn measure(&self) -> Result<Vec<Row>> {
        if !step::on_path("WebKitWebDriver") || !step::on_path("Xvfb") {
            return Ok(vec![Row::skipped(
                self.what,
                "WebKitWebDriver or Xvfb is not installed",
            )]);
        }
        ui::build(Out::Terminal)?;
        run::window()?;
        let mut npm = ui::npm(&["run", "--silent", "e2e", "--", self.says]);
        npm.env("DRYDOCK_DESKTOP", workspace::built("drydock-desktop"));
        npm.env("DRYDOCK_CLI", workspace::built("drydock"));
        if let Some(machines) = self.machines {
            npm.env("DRYDOCK_E2E_MACHINES", machines);
        }
        let text = step::output(&mut npm)?;
        Ok(vec![Row {
            what: self.what.to_owned(),
            outcome: Outcome::Measured {
                value: self
                    .figure(&text)
                    .with_context(|| format!("the window's test told no time:\n{text}"))?,
                unit: "ms".to_owned(),
                goal: Some(self.goal.to_owned()),
                note: Some(self.note.to_owned()),
            },
        }])
    }

    /// The first figure that the test printed.
    fn figure(&self, text: &str) -> Option<f64> {
        let (_, rest) = text.split_once(self.before)?;
        let (ms, _) = rest.split_once(" ms")?;
        ms.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Row, WINDOW_CASES, benches, choose};

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
    fn the_window_s_figures_are_found_in_the_words_of_its_cases() {
        let words = [
            "ok      opens with a demo board that boots (4.7 s): painted after 1326 ms (software rendering), connected after 2731 ms",
            "ok      answers to the filter (69.1 s): 1000 machines ran blink after 67 s; filter keystroke to next picture: median \
             111 ms, p95 233 ms of 102 while they run, median 70 ms, p95 147 ms of 17 while they boot",
        ];
        let found = WINDOW_CASES.iter().zip(words).map(|(case, words)| case.figure(words));
        assert_eq!(found.collect::<Vec<_>>(), [Some(1326.0), Some(233.0)]);
        assert_eq!(WINDOW_CASES[0].figure("0 passed, 1 failed"), None);
    }

    #[test]
    fn folders_and_names_choose() {
        let names = |words: &[&str]| -> Vec<String> {
            let chosen = choose(benches().unwrap(), words).unwrap();
            chosen.into_iter().map(|bench| bench.name).collect()
        };
        assert_eq!(names(&["gateway"]), ["sessions"]);
        assert_eq!(names(&["programs", "window"]), ["programs", "window"]);
        assert!(names(&["emulator"]).len() >= 4);
        assert!(names(&[]).len() > names(&["emulator"]).len());
        assert!(choose(benches().unwrap(), &["nothing"]).is_err());
    }
}
