//! Counts tests from the output of their runners. Nothing is assumed: a runner that prints no counts and fails is one
//! failure; a runner that prints none and succeeds is an error, because it is not known whether anything ran.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// A test that cannot run on this machine prints this and its reason, and returns. It is counted as skipped.
pub(crate) const SKIP_MARK: &str = "drydock-skip: ";

/// How many tests ended how.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) skip_reasons: Vec<String>,
    /// The runners' names for the failed tests, as far as they print any.
    pub(crate) failures: Vec<String>,
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
        self.failures.extend(other.failures);
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
        } else if let Some(name) = failure(line) {
            // likewise; a runner may name it twice
            if !self.failures.iter().any(|known| known == name) {
                self.failures.push(name.to_owned());
            }
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

/// Runs a test runner, shows its output, counts its tests.
pub(crate) fn run(command: &mut Command) -> Result<Counts> {
    let shown = step::shown(command);
    eprintln!("$ {shown}");
    let (reader, writer) = std::io::pipe().context("a pipe")?;
    command
        .env("NO_COLOR", "1")
        .stdout(writer.try_clone().context("a pipe")?)
        .stderr(writer);
    let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
    // the command holds the pipe's other end; without the drop the loop below would never end
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut counts = Counts::default();
    let mut terminal = std::io::stdout().lock();
    let mut passed_test_speaks = PassedTestSpeaks::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("reading what the tests print")?).into_owned();
        counts.read_line(&line);
        if !passed_test_speaks.goes_on(&line) {
            writeln!(terminal, "{line}").context("printing")?;
        }
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

/// Whether a line belongs to nextest's repeated output of a passed test. It is read for skip marks, but not shown,
/// because it would hide the output of failed tests.
#[derive(Default)]
struct PassedTestSpeaks(bool);

impl PassedTestSpeaks {
    fn goes_on(&mut self, line: &str) -> bool {
        let text = line.trim_start();
        let is_status = text.split_once(" [").is_some_and(|(word, _)| is_status(word)) || text.starts_with("────");
        if is_status {
            self.0 = text.starts_with("PASS ");
            return false;
        }
        self.0 && (text.is_empty() || line.starts_with("  "))
    }
}

/// `PASS`, `FAIL`, `TIMEOUT`, `SIGABRT`: nextest's status before the time.
fn is_status(word: &str) -> bool {
    let word = word.trim_end();
    word == "Summary" || (!word.is_empty() && word.bytes().all(|it| it.is_ascii_uppercase() || it == b' '))
}

/// `        FAIL [   0.004s] (3/12) drydock-emulator::runner a_crash_stays`, or what ends in `TIMEOUT` or a signal;
/// ` FAIL  src/plot.test.ts > draws` of vitest; `FAILED  drops a file (3.1 s): Error` of the window's.
fn failure(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some((word, rest)) = line.split_once(" [")
        && is_status(word)
    {
        let harmless = ["PASS", "SLOW", "LEAK", "SKIP", "START", "Summary"];
        if harmless.contains(&word.trim_end()) || word.ends_with("PASS") {
            return None;
        }
        let name = rest.split_once("] ")?.1;
        return Some(match name.split_once(") ") {
            Some((count, name)) if count.starts_with('(') => name,
            _ => name,
        });
    }
    line.strip_prefix("FAIL  ").or_else(|| line.strip_prefix("FAILED  "))
}

/// A test that is skipped for a known reason: libtest's `test renode::blinks (skipped: no renode on PATH) ... ignored`,
/// nextest's `SKIP [         ] (───) the-crate::its_tests renode::blinks (skipped: no renode on PATH)`.
fn ignored_with_reason(line: &str) -> Option<&str> {
    let name = match line.trim_start().strip_prefix("SKIP [") {
        Some(rest) => rest.split_once("] ")?.1.trim_start_matches("(───) ").split_once(' ')?.1,
        None => {
            let name = line.strip_prefix("test ")?.strip_suffix("ignored")?.trim_end();
            name.strip_suffix("...")?.trim_end()
        }
    };
    name.contains("(skipped: ").then_some(name)
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn libtest(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    Some(Counts {
        passed: before(rest, " passed")?,
        failed: before(rest, " failed")?,
        skipped: before(rest, " ignored")?,
        ..Counts::default()
    })
}

/// `     Summary [   0.521s] 12 tests run: 11 passed (1 slow), 1 failed, 1 skipped`
fn nextest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Summary [")?;
    Some(Counts {
        passed: before(rest, " passed").unwrap_or(0),
        failed: before(rest, " failed").unwrap_or(0) + before(rest, " timed out").unwrap_or(0),
        skipped: before(rest, " skipped").unwrap_or(0),
        ..Counts::default()
    })
}

/// `      Tests  1 failed | 5 passed | 1 skipped (7)`
fn vitest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Tests  ")?;
    Some(Counts {
        passed: before(rest, " passed").unwrap_or(0),
        failed: before(rest, " failed").unwrap_or(0),
        skipped: before(rest, " skipped").unwrap_or(0),
        ..Counts::default()
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
        ..Counts::default()
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
    fn nextest_tells_the_reason_too() {
        let mut counts = Counts::default();
        for line in [
            "        SKIP [         ] (───) the-crate::tests renode::blinks (skipped: no renode on PATH)",
            "        SKIP [         ] the-crate::tests renode::waits (skipped: no renode on PATH)",
            "        SKIP [         ] (───) the-crate::tests takes_long",
            "     Summary [   0.002s] 4 tests run: 4 passed, 3 skipped",
        ] {
            counts.read_line(line);
        }
        assert_eq!((counts.passed, counts.skipped), (4, 3));
        let told = ["renode::blinks", "renode::waits"].map(|name| format!("{name} (skipped: no renode on PATH)"));
        assert_eq!(counts.skip_reasons, told);
    }

    #[test]
    fn what_failed_is_named_once() {
        let mut counts = Counts::default();
        for line in [
            "        PASS [   0.029s] (1/4) drydock-emulator::runner a_sleeper",
            "        SLOW [> 60.000s] (─────) drydock::cli hostile::a_stolen_identity",
            "        FAIL [   0.004s] (2/4) drydock-emulator::runner a_crash_stays",
            "     TIMEOUT [ 300.010s] (3/4) drydock::cli boards::blink_runs",
            "     SIGABRT [   0.010s] (4/4) drydock-firmware session::aborts",
            "     Summary [ 301.000s] 4 tests run: 1 passed, 3 failed, 0 skipped",
            "        FAIL [   0.004s] (2/4) drydock-emulator::runner a_crash_stays",
            " FAIL  src/plot.test.ts > draws",
            "FAILED  drops a file (3.1 s): Error: no board",
        ] {
            counts.read_line(line);
        }
        assert_eq!(
            counts.failures,
            [
                "drydock-emulator::runner a_crash_stays",
                "drydock::cli boards::blink_runs",
                "drydock-firmware session::aborts",
                "src/plot.test.ts > draws",
                "drops a file (3.1 s): Error: no board",
            ]
        );
    }

    #[test]
    fn only_what_a_passed_test_says_is_left_out() {
        let mut speaks = PassedTestSpeaks::default();
        let shown: Vec<&str> = [
            "        PASS [   0.789s] (205/335) runner a_crash_stays",
            "  stdout ───",
            "",
            "    running 1 test",
            "    [1] text",
            "        FAIL [   0.789s] (206/335) runner another",
            "  stdout ───",
            "    said",
            "        PASS [   0.789s] (207/335) runner a_third",
            "  stderr ───",
            "    said too",
            "────────────",
            "     Summary [   0.521s] 2 tests run: 1 passed, 1 failed",
            "error: test run failed",
        ]
        .into_iter()
        .filter(|line| !speaks.goes_on(line))
        .collect();
        let expected = [
            "        PASS [   0.789s] (205/335) runner a_crash_stays",
            "        FAIL [   0.789s] (206/335) runner another",
            "  stdout ───",
            "    said",
            "        PASS [   0.789s] (207/335) runner a_third",
            "────────────",
            "     Summary [   0.521s] 2 tests run: 1 passed, 1 failed",
            "error: test run failed",
        ];
        assert_eq!(shown, expected);
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
