//! The rows of the table, as text for people, as JSON and for README.

use serde_json::json;

use super::{Outcome, Row};

/// For the terminal.
pub(super) fn plain(rows: &[Row]) {
    println!("{:<64} {:>10} {:<5} {:<10} met  note", "what", "value", "unit", "goal");
    for row in rows {
        match &row.outcome {
            Outcome::Measured {
                value,
                unit,
                goal,
                note,
            } => {
                let goal = goal.as_deref().unwrap_or_default();
                let met = meets(*value, goal).map_or("", |met| if met { "yes" } else { "NO" });
                println!(
                    "{:<64} {:>10} {unit:<5} {goal:<10} {met:<4} {}",
                    row.what,
                    rounded(*value),
                    note.as_deref().unwrap_or_default()
                );
            }
            Outcome::Skipped { skipped } => println!("{:<64} not measured: {skipped}", row.what),
        }
    }
    println!("{}", machine());
}

/// One object a line, with `met`.
pub(super) fn json(rows: &[Row]) {
    println!("{}", json!({ "machine": machine() }));
    for row in rows {
        let line = match &row.outcome {
            Outcome::Measured {
                value,
                unit,
                goal,
                note,
            } => json!({
                "what": row.what,
                "value": value,
                "unit": unit,
                "goal": goal,
                "met": goal.as_deref().and_then(|goal| meets(*value, goal)),
                "note": note,
            }),
            Outcome::Skipped { skipped } => json!({ "what": row.what, "skipped": skipped }),
        };
        println!("{line}");
    }
}

/// README's table.
pub(super) fn markdown(rows: &[Row]) {
    println!("From `./x bench`. {}\n", machine());
    println!("| what | goal | measured |\n|---|---|---|");
    for row in rows {
        let (goal, measured) = match &row.outcome {
            Outcome::Measured {
                value,
                unit,
                goal,
                note,
            } => {
                let goal = goal.as_deref().unwrap_or_default();
                let missed = if meets(*value, goal) == Some(false) {
                    ", **missed**"
                } else {
                    ""
                };
                let note = note.as_deref().filter(|note| !note.is_empty());
                let note = note.map_or(String::new(), |note| format!(" ({note})"));
                (
                    with_unit(&goal.replace("<= ", "≤ ").replace(">= ", "≥ "), unit),
                    format!("{}{missed}{note}", with_unit(&rounded(*value), unit)),
                )
            }
            Outcome::Skipped { skipped } => (String::new(), format!("not measured: {skipped}")),
        };
        println!("| {} | {goal} | {measured} |", row.what.replace('|', "\\|"));
    }
}

fn with_unit(text: &str, unit: &str) -> String {
    match (text, unit) {
        ("", _) => String::new(),
        (_, "") => text.to_owned(),
        (_, "%" | "x") => format!("{text} {}", unit.replace('x', "×")),
        _ => format!("{text} {unit}"),
    }
}

/// The machine of the measurement.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(1).unwrap_or("?");
    format!(
        "Measured on {name}, {cores} cores, {}, load of the last 5 minutes {load}; times are noisy, ratios and sizes are not.",
        std::env::consts::OS
    )
}

/// Whether a value meets a goal such as `<= 480` or `>= 375`; `None` if the goal does not have that form.
fn meets(value: f64, goal: &str) -> Option<bool> {
    let number = |text: &str| text.trim().replace([',', '_'], "").parse::<f64>().ok();
    if let Some(most) = goal.strip_prefix("<=").and_then(number) {
        Some(value <= most)
    } else {
        goal.strip_prefix(">=").and_then(number).map(|least| value >= least)
    }
}

/// Four figures, thousands apart.
fn rounded(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let Some(first) = text.find('.').is_none().then_some(text.len() % 3) else {
        return text;
    };
    let mut grouped = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at % 3 == first && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{meets, rounded, with_unit};

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

    #[test]
    fn figures_are_as_many_as_mean_something() {
        for (value, expected) in [
            (0.426, "0.43"),
            (57.61, "57.6"),
            (653.2, "653"),
            (-653.2, "-653"),
            (1_577.0, "1,577"),
            (12_345.6, "12,346"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }

    #[test]
    fn a_goal_has_its_unit() {
        assert_eq!(with_unit("≤ 480", "KiB"), "≤ 480 KiB");
        assert_eq!(with_unit("≤ 27", "x"), "≤ 27 ×");
        assert_eq!(with_unit("", "ms"), "");
    }
}
