//! `docs/conformance/engines.md`: the cases of the suite for each engine, written by a complete run without failures.
//!
//! `DRYDOCK_CONFORMANCE_REPORT=DIR` requests it; `./x conformance builtin --long` sets it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use drydock_emulator::{Availability, Engine};
use libtest_mimic::{Conclusion, Failed, Trial};

use crate::limits;

/// The page names the suite's checks and the engines, no others.
pub(crate) fn trial(checks: Vec<&'static str>) -> Trial {
    Trial::test("the_report_names_every_check", move || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance/engines.md");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let first = |line: &str| Some(line.strip_prefix("| ")?.split(" | ").next()?.to_owned());
        let rows: Vec<String> = text.lines().filter_map(first).collect();
        let expected: Vec<&str> = [&["check"], &checks[..]].concat();
        if rows != expected {
            return Err(Failed::from(
                "docs/conformance/engines.md is stale: renew it with `./x conformance builtin --long`",
            ));
        }
        let head = format!("| check |{} |", engine_names().join(" |"));
        assert!(text.contains(&head), "no head {head:?}");
        Ok(())
    })
}

/// Writes the page, if it is requested and the whole suite ran.
pub(crate) fn write(checks: &[&str], conclusion: &Conclusion) {
    let Some(folder) = std::env::var_os("DRYDOCK_CONFORMANCE_REPORT").map(PathBuf::from) else {
        return;
    };
    // The outdated page itself may be the failure.
    if conclusion.num_failed > 1 || conclusion.num_filtered_out > 0 {
        eprintln!("no report: something failed, or not all of the suite ran");
        return;
    }
    let written =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join("engines.md"), text(checks)));
    if let Err(error) = written {
        eprintln!("no report: {error}");
    }
}

fn text(checks: &[&str]) -> String {
    let engines = drydock_emulator::engines();
    let mut text = String::from(
        "# Engines: what the suite asks of each\n\n<!-- Written by `./x conformance builtin --long`; do not edit. -->\n\n",
    );
    for engine in &engines {
        let state = match engine.availability() {
            Availability::Available { version } => format!("version {version}"),
            Availability::Unavailable { .. } => {
                "not installed where this was written: nothing of it was run".to_owned()
            }
        };
        let _ = writeln!(text, "- `{}`: {state}.", engine.name());
    }
    let dashes = "---|".repeat(engines.len() + 1);
    let _ = write!(text, "\n| check |{} |\n|{dashes}\n", engine_names().join(" |"));
    for check in checks {
        let cells: Vec<String> = engines.iter().map(|engine| cell(&**engine, check)).collect();
        let _ = writeln!(text, "| {check} | {} |", cells.join(" | "));
    }
    text
}

fn engine_names() -> Vec<String> {
    let names = drydock_emulator::engines();
    names.iter().map(|engine| format!(" {}", engine.name())).collect()
}

fn cell(engine: &dyn Engine, check: &str) -> String {
    let board = drydock_assets::board("nano33ble").expect("the board is described");
    if !engine.supports(&board) {
        return "has no model of the board".to_owned();
    }
    match (limits::reason(engine.name(), check), engine.availability()) {
        (Some(reason), _) => format!("not asked: {reason}"),
        (None, Availability::Available { .. }) => "passed".to_owned(),
        (None, Availability::Unavailable { .. }) => "not run".to_owned(),
    }
}
