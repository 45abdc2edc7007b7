//! Counts tests from what their runners print. Nothing is assumed: a runner that prints no counts and fails is one
//! failure, one that prints none and succeeds is an error, since then nothing is known to have run.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// A test that finds that it cannot run here prints this and its reason, and returns. It is counted as skipped.
pub(crate) const SKIP_MARK: &str = "drydock-skip: ";

/// How many tests ended how.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) skip_reasons: Vec<String>,
}

impl Counts {
    /// One check that passed.
    pub(crate) fn one() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    /// One check that could not run here.
    pub(crate) fn skip(reason: impl Into<String>) -> Self {
        Self {
            skipped: 1,
            skip_reasons: vec![reason.into()],
            ..Self::default()
        }
    }

    /// The sum of two.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.skip_reasons.extend(other.skip_reasons);
    }

    fn read_line(&mut self, line: &str) {
        if let Some(at) = line.find(SKIP_MARK) {
            // the runner counts it as passed
            self.passed = self.passed.wrapping_sub(1);
            self.skipped += 1;
            self.skip_reasons.push(line[at + SKIP_MARK.len()..].trim().to_owned());
        } else if let Some(name) = ignored_with_reason(line) {
            // counted by the summary line
            self.skip_reasons.push(name.to_owned());
        } else if let Some(found) = libtest(line)
            .or_else(|| nextest(line))
            .or_else(|| vitest(line))
            .or_else(|| plain(line))
        {
            self.passed = self.passed.wrapping_add(found.passed);
            self.failed += found.failed;
            self.skipped += found.skipped;
        }
    }
}

/// Runs a test runner, shows what it prints, counts it.
pub(crate) fn run(command: &mut Command) -> Result<Counts> {
    let shown = step::shown(command);
    eprintln!("$ {shown}");
    let (reader, writer) = std::io::pipe().context("a pipe")?;
    command
        .env("NO_COLOR", "1")
        .stdout(writer.try_clone().context("a pipe")?)
        .stderr(writer);
    let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    // the command holds the pipe's other end; without this the reading below would never end
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut counts = Counts::default();
    let mut terminal = std::io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("reading what the tests print")?).into_owned();
        writeln!(terminal, "{line}").context("printing")?;
        counts.read_line(&line);
    }
    let status = child.wait().context("waiting for the tests")?;
    counts.passed = counts.passed.min(u64::MAX / 2); // more skip marks than counted tests wraps below zero
    if !status.success() && counts.failed == 0 {
        counts.failed = 1;
    } else if status.success() && counts.passed + counts.failed + counts.skipped == 0 {
        bail!("`{shown}` ran no test");
    }
    Ok(counts)
}

/// `test renode::blinks (skipped: no renode on PATH) ... ignored`: a test that knew beforehand why it cannot run.
fn ignored_with_reason(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix("ignored")?.trim_end();
    let name = name.strip_suffix("...")?.trim_end();
    name.contains("(skipped: ").then_some(name)
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn libtest(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    Some(Counts {
        passed: before(rest, " passed")?,
        failed: before(rest, " failed")?,
        skipped: before(rest, " ignored")?,
        skip_reasons: Vec::new(),
    })
}

/// `     Summary [   0.521s] 12 tests run: 11 passed (1 slow), 1 failed, 1 skipped`
fn nextest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Summary [")?;
    Some(Counts {
        passed: before(rest, " passed").unwrap_or(0),
        failed: before(rest, " failed").unwrap_or(0) + before(rest, " timed out").unwrap_or(0),
        skipped: before(rest, " skipped").unwrap_or(0),
        skip_reasons: Vec::new(),
    })
}

/// `      Tests  1 failed | 5 passed | 1 skipped (7)`
fn vitest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Tests  ")?;
    Some(Counts {
        passed: before(rest, " passed").unwrap_or(0),
        failed: before(rest, " failed").unwrap_or(0),
        skipped: before(rest, " skipped").unwrap_or(0),
        skip_reasons: Vec::new(),
    })
}

/// `7 passed, 0 failed, 1 skipped`, alone on a line: our own scripts.
fn plain(line: &str) -> Option<Counts> {
    let mut parts = line.trim().split(", ");
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    let skipped = parts
        .next()
        .and_then(|part| part.strip_suffix(" skipped")?.parse().ok())
        .unwrap_or(0);
    Some(Counts {
        passed,
        failed,
        skipped,
        skip_reasons: Vec::new(),
    })
}

/// The number right before a word.
fn before(text: &str, word: &str) -> Option<u64> {
    let head = &text[..text.find(word)?];
    let start = head.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    head[start..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], passed: u64, failed: u64, skipped: u64) {
        let mut counts = Counts::default();
        for line in lines {
            counts.read_line(line);
        }
        assert_eq!(
            (counts.passed, counts.failed, counts.skipped),
            (passed, failed, skipped)
        );
    }

    #[test]
    fn each_runners_last_line_is_read() {
        check(
            &["test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s"],
            12,
            0,
            1,
        );
        check(
            &["test result: FAILED. 2 passed; 10 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s"],
            2,
            10,
            0,
        );
        check(
            &["     Summary [   0.521s] 12 tests run: 11 passed (1 slow), 1 failed, 4 skipped"],
            11,
            1,
            4,
        );
        check(&["      Tests  1 failed | 5 passed | 1 skipped (7)"], 5, 1, 1);
        check(&["7 passed, 0 failed, 1 skipped"], 7, 0, 1);
        check(&["they said 7 passed, 0 failed", "running 3 tests"], 0, 0, 0);
    }

    #[test]
    fn a_skip_mark_is_taken_off_the_passed() {
        check(
            &[
                "drydock-skip: qemu is not installed",
                "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured",
            ],
            2,
            0,
            1,
        );
    }

    #[test]
    fn a_reason_in_an_ignored_tests_name_is_kept() {
        let mut counts = Counts::default();
        counts.read_line("test renode::blinks (skipped: no renode on PATH)  ... ignored");
        counts.read_line("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured");
        assert_eq!((counts.passed, counts.skipped), (3, 1));
        assert_eq!(counts.skip_reasons, ["renode::blinks (skipped: no renode on PATH)"]);
    }

    #[test]
    fn a_runner_that_counts_nothing_is_not_a_pass() {
        assert!(run(&mut step::command("true", &[])).is_err());
        assert_eq!(
            run(&mut step::command("false", &[])).map(|counts| counts.failed).ok(),
            Some(1)
        );
    }
}
