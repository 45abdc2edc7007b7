//! `./x test`: every part in order, cheap ones first; one table, and one true total at the end.

mod conformance;
mod counts;
mod parts;

use std::time::Instant;

use anyhow::{Result, bail};

pub(crate) use conformance::conformance;
use counts::Counts;
pub(crate) use parts::clippy;

/// One kind of test.
pub(crate) struct Part {
    /// Its name on the command line and in the table.
    name: &'static str,
    /// Whether `--quick` has it.
    quick: bool,
    run: fn() -> Result<Counts>,
}

/// Runs the requested parts and prints the total as the last line.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    if args.contains(&"--list") {
        for part in parts::ALL {
            println!("{}{}", part.name, if part.quick { "" } else { "  (not with --quick)" });
        }
        return Ok(());
    }
    let chosen = choose(args)?;
    let started = Instant::now();
    let mut rows = Vec::new();
    let mut sum = Counts::default();
    for part in chosen {
        eprintln!("\n== {} ==", part.name);
        let part_started = Instant::now();
        let counts = (part.run)().unwrap_or_else(|error| {
            eprintln!("{}: {error:#}", part.name);
            Counts {
                failed: 1,
                failures: vec![format!("{error:#}")],
                ..Counts::default()
            }
        });
        rows.push((part.name, counts.clone(), part_started.elapsed()));
        sum.add(counts);
    }
    println!(
        "\n{:<14} {:>7} {:>7} {:>8} {:>9}",
        "part", "passed", "failed", "skipped", "seconds"
    );
    for (name, counts, took) in &rows {
        println!(
            "{name:<14} {:>7} {:>7} {:>8} {:>9.1}",
            counts.passed,
            counts.failed,
            counts.skipped,
            took.as_secs_f64()
        );
    }
    for reason in &sum.skip_reasons {
        println!("skipped: {reason}");
    }
    for (name, counts, _) in &rows {
        for failure in &counts.failures {
            println!("failed: {name}: {failure}");
        }
    }
    println!(
        "{} minutes in all",
        (started.elapsed().as_secs_f64() / 6.0).round() / 10.0
    );
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    if sum.failed > 0 || sum.passed == 0 {
        bail!(
            "failed: {}",
            rows.iter()
                .filter(|row| row.1.failed > 0)
                .map(|row| row.0)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    Ok(())
}

fn choose(args: &[&str]) -> Result<Vec<&'static Part>> {
    let quick = args.contains(&"--quick");
    let names: Vec<&str> = args.iter().copied().filter(|arg| *arg != "--quick").collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| !parts::ALL.iter().any(|part| part.name == **name))
    {
        bail!("there is no part `{unknown}`; `./x test --list` names them");
    }
    Ok(parts::ALL
        .iter()
        .filter(|part| {
            if names.is_empty() {
                part.quick || !quick
            } else {
                names.contains(&part.name) || parts::is_missing_for(part.name, &names)
            }
        })
        .collect())
}
