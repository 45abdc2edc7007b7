//! `./x torture`: boards on cables are exchanged, pulled and disturbed at random instants while they are programmed.
//! `./x torture usb-guest` has a part of its own.
//!
//! The tests are the ordinary ones, made longer by their environment. Each prints a line with its counts; the lines go to
//! `docs/torture.md`.

mod initramfs;
mod usb_guest;

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{step, workspace};

const OPERATIONS: u64 = 10_000;
const MISHAPS: u64 = 100;
/// What a line with counts begins with.
const MARK: &str = "drydock-torture: ";
const REPORT: &str = "docs/torture.md";

/// Package, target and filter of each test.
const TESTS: [(&str, &[&str], &str); 3] = [
    ("drydock-hardware", &["--test", "probe"], "shuffle::"),
    ("drydock-hardware", &["--test", "flashing"], "shuffle::"),
    ("drydock-workbench", &["--lib"], "cable_torture::"),
];

#[derive(Debug, PartialEq, Eq)]
struct Options<'a> {
    operations: u64,
    mishaps: u64,
    seed: Option<&'a str>,
}

/// Runs the shuffle for `--operations N` and the mishaps of cables for `--mishaps N`, from `--seed HEX` if given, and
/// writes the report again.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    if let Some((&"usb-guest", rest)) = args.split_first() {
        return usb_guest::run(rest);
    }
    let options = options(args)?;
    let this = std::env::current_exe().context("finding this program")?;
    // The boards' firmware and the sample apps are embedded in the tests.
    for subcommand in ["firmware", "apps"] {
        step::run(&mut step::command(&this.to_string_lossy(), &[subcommand]))?;
    }
    let begin = Instant::now();
    let mut lines = Vec::new();
    for (package, target, filter) in TESTS {
        let mut cargo = step::cargo(&["test", "--package", "drydock-unify", "--package", package]);
        cargo.args(target).args(["--", filter, "--nocapture"]);
        cargo.env("DRYDOCK_TORTURE_OPERATIONS", options.operations.to_string());
        cargo.env("DRYDOCK_TORTURE_MISHAPS", options.mishaps.to_string());
        if let Some(seed) = options.seed {
            cargo.env("DRYDOCK_TORTURE_SEED", seed);
        }
        let text = step::output(&mut cargo)?;
        let before = lines.len();
        lines.extend(counts(&text));
        ensure!(lines.len() > before, "{package}, {filter}: no test ran:\n{text}");
    }
    let report = report(&lines, &today()?, begin.elapsed().as_secs() / 60 + 1, args);
    let path = workspace::root().join(REPORT);
    let before = std::fs::read_to_string(&path).with_context(|| format!("reading {REPORT}"))?;
    let kept = &before[before.find(usb_guest::HEADING).unwrap_or(before.len())..];
    let page = [report.as_str(), kept].join(if kept.is_empty() { "" } else { "\n" });
    std::fs::write(&path, page).with_context(|| format!("writing {REPORT}"))?;
    print!("{report}");
    Ok(())
}

/// Writes the last section of the report again.
fn keep(heading: &str, section: &str) -> Result<()> {
    let path = workspace::root().join(REPORT);
    let page = std::fs::read_to_string(&path).with_context(|| format!("reading {REPORT}"))?;
    std::fs::write(&path, with_section(&page, heading, section)).with_context(|| format!("writing {REPORT}"))
}

/// A page with its last section exchanged, or added.
fn with_section(page: &str, heading: &str, section: &str) -> String {
    let before = page.find(heading).map_or(page, |at| &page[..at]);
    format!("{}\n\n{section}", before.trim_end())
}

fn options<'a>(args: &[&'a str]) -> Result<Options<'a>> {
    let mut options = Options {
        operations: OPERATIONS,
        mishaps: MISHAPS,
        seed: None,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = |what: &str| -> Result<u64> {
            let text = args.next().with_context(|| format!("{what} takes a number"))?;
            text.parse().with_context(|| format!("`{text}` is no number"))
        };
        match *arg {
            "--operations" => options.operations = number("--operations")?,
            "--mishaps" => options.mishaps = number("--mishaps")?,
            "--seed" => {
                let seed = args.next().context("--seed takes up to 16 hexadecimal digits")?;
                u64::from_str_radix(seed, 16).with_context(|| format!("`{seed}` is no hexadecimal number"))?;
                options.seed = Some(seed);
            }
            other => bail!("torture takes usb-guest, or --operations, --mishaps and --seed, not {other}"),
        }
    }
    Ok(options)
}

/// The lines with counts in the output of a test; the harness may have begun the line.
fn counts(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .filter_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
}

fn report(lines: &[String], date: &str, minutes: u64, args: &[&str]) -> String {
    let mut text = format!(
        "# Torture of boards on cables\n\n<!-- Written by `./x torture`; do not edit. -->\n\nBoards were exchanged at random \
         instants while they were programmed, and cables were pulled, exchanged, disturbed and cut off from power at every \
         step of provisioning. A wrong write is any changed byte of flash on a board that the operation was not bound to; \
         the whole flash of all boards was compared after each round.\n\n- Date: {date}\n- Command: `{}`\n- Time: {minutes} \
         min\n\n",
        ["./x torture"]
            .iter()
            .chain(args)
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    );
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// Today's date, from the system.
fn today() -> Result<String> {
    let date = step::output(&mut step::command("date", &["-u", "+%Y-%m-%d"]))?;
    Ok(date.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let read = options(&["--operations", "5", "--seed", "a1"]).unwrap();
        assert_eq!((read.operations, read.mishaps, read.seed), (5, MISHAPS, Some("a1")));
        for args in [
            &["--operations"][..],
            &["--mishaps", "x"],
            &["--seed", "x"],
            &["--long"],
        ] {
            assert!(options(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_section_is_exchanged_or_added() {
        assert_eq!(
            with_section("# A\n\ntext\n", "## B\n", "## B\nnew\n"),
            "# A\n\ntext\n\n## B\nnew\n"
        );
        let page = "# A\n\ntext\n\n## B\nold\n";
        assert_eq!(
            with_section(page, "## B\n", "## B\nnew\n"),
            "# A\n\ntext\n\n## B\nnew\n"
        );
    }

    #[test]
    fn counts_are_found_behind_what_the_harness_says() {
        let text = "running 1 test\ntest a ... drydock-torture: by probe: 3 operations\nok\n";
        assert_eq!(counts(text).collect::<Vec<_>>(), ["by probe: 3 operations"]);
    }
}
