//! Runs other programs: their commands are shown before they start, and a failure carries the exit code.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::{progress, workspace};

/// Where a build's words go.
#[derive(Clone, Copy)]
pub(crate) enum Out<'a> {
    /// All output goes to the terminal; each command is shown before it starts.
    Terminal,
    /// To the log of a step that is shown as progress.
    Step(progress::Step<'a>),
}

impl Out<'_> {
    /// Runs a command to its end.
    pub(crate) fn run(self, command: &mut Command) -> Result<()> {
        self.run_without(command, |_| false)
    }

    /// As [`Self::run`], without the lines of its error output that are chatter.
    pub(crate) fn run_without(self, command: &mut Command, is_chatter: fn(&str) -> bool) -> Result<()> {
        match self {
            Self::Terminal => run_without(command, is_chatter),
            Self::Step(step) => step.run(command, is_chatter),
        }
    }

    /// A line of a table, or a remark.
    pub(crate) fn line(self, line: &str) {
        match self {
            Self::Terminal => println!("{line}"),
            Self::Step(step) => step.log(line),
        }
    }

    /// Arguments that keep cargo quiet on a terminal; a step reads its progress.
    pub(crate) fn quiet(self) -> &'static [&'static str] {
        match self {
            Self::Terminal => &["--quiet"],
            Self::Step(_) => &[],
        }
    }
}

/// A program ended with another code than 0.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The command, as a person would type it.
    pub(crate) shown: String,
    /// Its exit code; 1 when a signal ended it.
    pub(crate) code: u8,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ended with exit code {}", self.shown, self.code)
    }
}

impl std::error::Error for Ended {}

/// A command that starts at the top of the checkout.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace::root());
    command
}

/// The cargo that runs this, on the host workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
}

/// Runs a command to its end, output and all on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("starting `{shown}`"))?;
    ended(status, shown)
}

pub(crate) fn ended(status: ExitStatus, shown: String) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Ended { shown, code }.into())
}

/// As [`run`], without the lines of its error output that are chatter.
fn run_without(command: &mut Command, is_chatter: fn(&str) -> bool) -> Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let starting = || format!("starting `{shown}`");
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(starting)?;
    if let Some(errors) = child.stderr.take() {
        for line in BufReader::new(errors).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if !is_chatter(&line) {
                eprintln!("{line}");
            }
        }
    }
    ended(child.wait()?, shown)
}

/// Runs a command and returns its output; its error output is part of the failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("what `{shown}` printed is not UTF-8"))
}

/// Whether a program can be started at all.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The command as a person would type it. A wrapper that only prepares its environment (`sh -c SCRIPT NAME`) is
/// omitted.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    if words.len() > 3 && words[0] == "sh" && words[1] == "-c" {
        words.drain(..3);
    }
    if let Some((_, name)) = words[0].rsplit_once("/bin/") {
        words[0] = name.to_owned();
    }
    words.join(" ")
}
