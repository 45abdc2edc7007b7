//! `./x bench`: one table of all rooms' numbers.
//!
//! A room that measures something has examples whose names start with `bench`. They print one JSON object a line:
//! `{"what": "...", "value": 1.5, "unit": "ms", "goal": "<= 3"}`; `goal` and `note` may be left out; other lines are shown as they are.
//! A figure is never asserted: what misses its goal is marked, and stands in README's status table.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{graph, run, step};

#[derive(Deserialize)]
struct Line {
    what: String,
    value: f64,
    unit: String,
    #[serde(default)]
    goal: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// Runs each room's benches in release mode and prints the table. Arguments go to each bench as they are.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    run::embedded()?;
    let mut rows = Vec::new();
    for (room, bench) in benches()? {
        let mut cargo = step::cargo(&[
            "run",
            "--quiet",
            "--release",
            "--package",
            &room,
            "--example",
            &bench,
            "--",
        ]);
        cargo.args(args);
        eprintln!("$ {}", step::shown(&cargo));
        let text = step::output(&mut cargo).with_context(|| format!("{bench} of {room}"))?;
        for line in text.lines() {
            if line.starts_with('{') {
                rows.push(
                    serde_json::from_str::<Line>(line)
                        .with_context(|| format!("a line of {room}'s {bench}: {line}"))?,
                );
            } else {
                println!("{line}");
            }
        }
    }
    println!("{:<58} {:>14} {:<12} {:<12} met  note", "what", "value", "unit", "goal");
    for row in &rows {
        let goal = row.goal.as_deref().unwrap_or_default();
        let met = meets(row.value, goal).map_or("", |met| if met { "yes" } else { "NO" });
        println!(
            "{:<58} {:>14} {:<12} {goal:<12} {met:<4} {}",
            row.what,
            rounded(row.value),
            row.unit,
            row.note.as_deref().unwrap_or_default()
        );
    }
    Ok(())
}

fn benches() -> Result<Vec<(String, String)>> {
    let mut benches = Vec::new();
    for room in graph::host()? {
        for target in room
            .targets
            .iter()
            .filter(|it| it.kind == ["example"] && it.name.starts_with("bench"))
        {
            benches.push((room.name.clone(), target.name.clone()));
        }
    }
    Ok(benches)
}

/// Whether a value meets a goal such as `<= 480` or `>= 375`; `None` when the goal is not of that form.
fn meets(value: f64, goal: &str) -> Option<bool> {
    let number = |text: &str| text.trim().replace([',', '_'], "").parse::<f64>().ok();
    if let Some(most) = goal.strip_prefix("<=").and_then(number) {
        Some(value <= most)
    } else {
        goal.strip_prefix(">=").and_then(number).map(|least| value >= least)
    }
}

fn rounded(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::meets;

    #[test]
    fn goals_are_compared_in_their_direction() {
        for (value, goal, expected) in [
            (1.4, "<= 1.5", Some(true)),
            (1.6, "<= 1.5", Some(false)),
            (375.0, ">= 375", Some(true)),
            (2_000.0, ">= 10,000", Some(false)),
            (1.0, "reported", None),
            (1.0, "", None),
        ] {
            assert_eq!(meets(value, goal), expected, "{value} {goal}");
        }
    }
}
