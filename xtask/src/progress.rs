//! The steps of a long build, as people read them: the step's number, the current crate, the elapsed time. The output
//! of the programs goes to a log file; its last lines are shown when a step fails.
//!
//! On a terminal one line is rewritten. Elsewhere (a CI log) a step reports its start and its end, and its progress
//! twice a minute.

mod cargo_output;

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::step;

/// How often the line on a terminal is written again.
const REDRAW: Duration = Duration::from_millis(250);
/// Interval of progress lines if there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Lines of a failed program that are shown.
const LAST_LINES: usize = 40;

/// The steps of one build. Steps may run at the same time, each in its own thread.
pub(crate) struct Steps {
    started: Instant,
    terminal: bool,
    log_path: PathBuf,
    state: Mutex<State>,
    /// Notified when all steps are done or one has failed.
    ended: Condvar,
}

struct State {
    rows: Vec<Row>,
    log: File,
    /// Programs that run now, by step: ended when another step fails.
    children: HashMap<usize, Child>,
    failed: bool,
}

struct Row {
    title: String,
    started: Option<Instant>,
    /// The current activity, and its progress.
    now: String,
    done: bool,
}

/// A step's program was ended because another step failed.
#[derive(Debug)]
pub(crate) struct WasEnded;

impl fmt::Display for WasEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended, because another step failed")
    }
}

impl std::error::Error for WasEnded {}

/// One running step.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    steps: &'a Steps,
    index: usize,
}

impl Steps {
    /// Steps with these titles. The programs' output is written to a new file at `log`.
    pub(crate) fn new(titles: &[String], log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let file = File::create(log).with_context(|| format!("writing {}", log.display()))?;
        let row = |title: &String| Row {
            title: title.clone(),
            started: None,
            now: String::new(),
            done: false,
        };
        Ok(Self {
            started: Instant::now(),
            terminal: io::stderr().is_terminal(),
            log_path: log.to_owned(),
            state: Mutex::new(State {
                rows: titles.iter().map(row).collect(),
                log: file,
                children: HashMap::new(),
                failed: false,
            }),
            ended: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `action`, which runs the steps, and shows their progress in the meantime.
    pub(crate) fn shown<T>(&self, action: impl FnOnce() -> Result<T>) -> Result<T> {
        std::thread::scope(|scope| {
            let show = scope.spawn(|| self.show());
            let outcome = action();
            self.finish(outcome.is_err());
            // It only prints.
            let _ = show.join();
            outcome
        })
    }

    fn show(&self) {
        let mut state = self.lock();
        let period = if self.terminal { REDRAW } else { HEARTBEAT };
        loop {
            let waited = self.ended.wait_timeout_while(state, period, |state| {
                !state.failed && !state.rows.iter().all(|row| row.done)
            });
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.failed || state.rows.iter().all(|row| row.done) {
                return;
            }
            self.draw(&state);
        }
    }

    fn draw(&self, state: &State) {
        let line = status_line(&state.rows, self.started.elapsed());
        match self.terminal {
            true => eprint!("\r\x1b[K{}", cut(&line, width())),
            false => eprintln!("{line}"),
        }
    }

    /// Writes a permanent line above the line that is rewritten.
    fn print(&self, line: &str) {
        eprintln!("{}{line}", if self.terminal { "\r\x1b[K" } else { "" });
    }

    fn finish(&self, failed: bool) {
        let mut state = self.lock();
        state.failed |= failed;
        for row in &mut state.rows {
            row.done = true;
        }
        self.ended.notify_all();
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }

    /// Runs step `index`. A failure of one step ends the programs of the others.
    pub(crate) fn run<T>(&self, index: usize, action: impl FnOnce(step::Out<'_>) -> Result<T>) -> Result<T> {
        let count = {
            let mut state = self.lock();
            state.rows[index].started = Some(Instant::now());
            state.rows.len()
        };
        let title = self.lock().rows[index].title.clone();
        if !self.terminal {
            self.print(&format!("[{}/{count}] {title} ...", index + 1));
        }
        let started = Instant::now();
        let outcome = action(step::Out::Step(Step { steps: self, index }));
        let mut state = self.lock();
        match &outcome {
            Ok(_) => {
                state.rows[index].done = true;
                let took = minutes(started.elapsed());
                self.print(&format!("[{}/{count}] {title}: done in {took}", index + 1));
            }
            Err(_) => {
                state.failed = true;
                for child in state.children.values_mut() {
                    // It may have ended already.
                    let _ = child.kill();
                }
            }
        }
        outcome
    }
}

impl Step<'_> {
    /// Says what is done now.
    fn say(&self, now: String) {
        self.steps.lock().rows[self.index].now = now;
    }

    /// Writes a line to the log.
    pub(crate) fn log(&self, line: &str) {
        // A full disk ends the build soon enough, with its own words.
        let _ = writeln!(self.steps.lock().log, "{line}");
    }

    /// Runs a command to its end. Its output goes to the log, without the lines of its error output that are chatter.
    pub(crate) fn run(&self, command: &mut Command, is_chatter: fn(&str) -> bool) -> Result<()> {
        let shown = step::shown(command);
        self.log(&format!("$ {shown}"));
        // Cargo's progress bar contains the number of crates.
        command.env("CARGO_TERM_PROGRESS_WHEN", "always");
        command.env("CARGO_TERM_PROGRESS_WIDTH", "200");
        command.env("CARGO_TERM_COLOR", "never");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting `{shown}`"))?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        {
            let mut state = self.steps.lock();
            if state.failed {
                // Another step failed meanwhile.
                let _ = child.kill();
            }
            state.children.insert(self.index, child);
        }
        let last = Mutex::new(VecDeque::new());
        std::thread::scope(|scope| {
            if let Some(output) = output {
                scope.spawn(|| self.follow(output, |_| false, &last));
            }
            if let Some(errors) = errors {
                self.follow(errors, is_chatter, &last);
            }
        });
        let child = self.steps.lock().children.remove(&self.index);
        let status = child.context("only this step takes its child away")?.wait()?;
        if !status.success() && self.steps.lock().failed {
            return Err(WasEnded.into());
        }
        let ended = step::ended(status, shown);
        if ended.is_err() {
            let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
            for line in &last {
                self.steps.print(&format!("    {line}"));
            }
            self.steps
                .print(&format!("The whole output is in {}.", self.steps.log_path.display()));
        }
        ended
    }

    /// Reads a program's output: cargo's progress is shown, everything else is logged.
    fn follow(&self, output: impl Read, is_chatter: fn(&str) -> bool, last: &Mutex<VecDeque<String>>) {
        let mut reader = BufReader::new(output);
        loop {
            let line = match cargo_output::line(&mut reader) {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(error) => return self.log(&format!("(its output broke off: {error})")),
            };
            if let Some(progress) = cargo_output::progress(&line) {
                self.say(progress);
            } else if !line.trim().is_empty() && !is_chatter(&line) {
                self.log(&line);
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
        }
    }
}

/// The steps that run now, as one line.
fn status_line(rows: &[Row], so_far: Duration) -> String {
    let mut line = String::new();
    for (index, row) in rows.iter().enumerate() {
        if row.done || row.started.is_none() {
            continue;
        }
        // Writing to a String does not fail.
        let _ = write!(line, "[{}/{}] {}", index + 1, rows.len(), row.title);
        if !row.now.is_empty() {
            let _ = write!(line, ": {}", row.now);
        }
        line.push_str(" · ");
    }
    line + &minutes(so_far)
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}

/// Columns of the terminal, if the shell reports them.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.unwrap_or(80)
}

/// The start of `line`: a wrapped line cannot be rewritten.
fn cut(line: &str, columns: usize) -> String {
    match line.chars().count() < columns {
        true => line.to_owned(),
        false => line.chars().take(columns.saturating_sub(2)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(title: &str, started: bool, now: &str, done: bool) -> Row {
        Row {
            title: title.into(),
            started: started.then(Instant::now),
            now: now.into(),
            done,
        }
    }

    #[test]
    fn the_line_names_the_steps_that_run() {
        let rows = [
            row("sample apps", true, "", true),
            row("firmware of nano33ble", true, "wasmi, 31 of 48 crates", false),
            row("command line", false, "", false),
        ];
        assert_eq!(
            status_line(&rows, Duration::from_secs(72)),
            "[2/3] firmware of nano33ble: wasmi, 31 of 48 crates · 1 min 12 s"
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(cut("0123456789", 11), "0123456789");
        assert_eq!(cut("0123456789", 10), "01234567…");
    }

    #[test]
    fn a_failed_step_keeps_its_output_and_ends_the_others() {
        let folder = std::env::temp_dir().join(format!("drydock-steps-{}", std::process::id()));
        let log = folder.join("log");
        let steps = Steps::new(&["one".into(), "two".into()], &log).unwrap();
        let outcome = steps.shown(|| {
            std::thread::scope(|scope| {
                let long = scope.spawn(|| steps.run(0, |out| out.run(&mut step::command("sleep", &["600"]))));
                let failed = steps.run(1, |out| {
                    out.run(&mut step::command("sh", &["-c", "echo said; echo cried >&2; exit 7"]))
                });
                assert!(long.join().unwrap().unwrap_err().is::<WasEnded>());
                failed
            })
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.downcast_ref::<step::Ended>().map(|ended| ended.code), Some(7));
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.contains("said\n") && text.contains("cried\n"), "{text}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
