//! The benchmark of `drydock emulate`: a thousand boards by the command that a user types.

use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Outcome, Row};
use crate::{step, workspace};

const BOARDS: &str = "1000";
const QUICK_BOARDS: &str = "100";
/// What the earlier benchmark of the library took.
const GOAL: &str = "<= 139";

/// The last line of the command.
#[derive(Deserialize)]
struct Finished {
    running: u32,
    failed: u32,
    seconds: f64,
}

/// Runs the command, as a release build, at its defaults.
pub(super) fn measure(quick: bool) -> Result<Vec<Row>> {
    let boards = if quick { QUICK_BOARDS } else { BOARDS };
    let mut command = Command::new(workspace::target_dir().join("release/drydock"));
    command.args(["emulate", "--board", "nano33ble", "--count", boards, "--app", "blink"]);
    command.args(["--until", "all-running", "--timeout", "900", "--json"]);
    eprintln!("$ drydock emulate --count {boards}");
    let text = step::output(&mut command)?;
    Ok(vec![row(boards, &text)?])
}

fn row(boards: &str, text: &str) -> Result<Row> {
    let last = text.lines().last().context("the command printed nothing")?;
    let finished: Finished = serde_json::from_str(last).with_context(|| format!("the command's last line: {last}"))?;
    Ok(Row {
        what: format!("`drydock emulate --count {boards}` until blink runs on all"),
        outcome: Outcome::Measured {
            value: finished.seconds,
            unit: "s".to_owned(),
            goal: (boards == BOARDS).then(|| GOAL.to_owned()),
            note: Some(format!("{} run, {} failed", finished.running, finished.failed)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_figure() {
        let text = "{\"event\":\"board.added\"}\n{\"event\":\"emulate.finished\",\"running\":7,\"failed\":0,\"seconds\":1.5}\n";
        let row = row("7", text).unwrap();
        assert!(matches!(
            row.outcome,
            Outcome::Measured {
                value: 1.5,
                goal: None,
                ..
            }
        ));
        assert!(super::row("7", "").is_err());
        assert!(super::row("7", "{\"event\":\"error\"}").is_err());
    }
}
