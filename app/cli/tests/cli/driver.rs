//! Starts the built `drydock` and reads what it prints. Every event that it prints must be in docs/cli.md.

use serde_json::Value;
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../../docs/cli.md");

/// Time limit of one command; a longer run counts as hung.
const PATIENCE: Duration = Duration::from_secs(180);

/// The output and the exit code of a finished `drydock`.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The events of `--json`, in their order.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(event).collect()
    }

    /// The sentence of the only error.
    pub(crate) fn error(&self) -> String {
        let errors: Vec<Value> = self
            .events()
            .into_iter()
            .filter(|event| event["event"] == "error" && event["code"] != Value::Null)
            .collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        let text = errors[0]["text"].as_str().unwrap().to_owned();
        assert!(text.ends_with(['.', '!', '?']), "no sentence: {text}");
        assert!(
            !text.trim_end_matches('.').contains(". "),
            "more than one sentence: {text}"
        );
        text
    }
}

/// The command, as in an empty environment of its own user.
pub(crate) fn command(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drydock"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    command.args(arguments).env("HOME", &home).env("XDG_DATA_HOME", home);
    command
        .env_remove("DRYDOCK_LOG")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// Runs `drydock` to its end.
pub(crate) fn drydock(arguments: &[impl AsRef<OsStr>]) -> Outcome {
    finish(command(arguments))
}

/// Runs `drydock --data DIR`.
pub(crate) fn drydock_in(data: &Path, arguments: &[&str]) -> Outcome {
    finish(in_directory(data, arguments))
}

fn in_directory(data: &Path, arguments: &[&str]) -> Command {
    let mut all: Vec<&OsStr> = vec!["--data".as_ref(), data.as_ref()];
    all.extend(arguments.iter().map(OsStr::new));
    command(&all)
}

/// Runs a command to its end, or kills it when it hangs.
pub(crate) fn finish(mut command: Command) -> Outcome {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reader = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).unwrap();
            text
        })
    };
    let stdout = reader(Box::new(child.stdout.take().unwrap()));
    let stderr = reader(Box::new(child.stderr.take().unwrap()));
    let (done, waiting) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            signal(id, "-KILL");
        }
    });
    let status = child.wait().unwrap();
    let _ = done.send(());
    Outcome {
        code: status.code().unwrap_or(-1),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

pub(crate) fn signal(process: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &process.to_string()]).status();
}

/// A `drydock` that is still running, line by line.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Running {
    /// Starts a verb with `--json` on a data directory.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::spawn(in_directory(data, &[arguments, &["--json"]].concat()))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout: ChildStdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(event(&line)).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Starts `drydock gateway` and waits until it owns the directory.
    pub(crate) fn gateway(data: &Path) -> Self {
        let gateway = Self::start(data, &["gateway"]);
        gateway.wait_for("gateway.ready");
        gateway
    }

    /// As [`Self::gateway`], with programs in `folder` found before others.
    pub(crate) fn gateway_that_finds(folder: &Path, data: &Path) -> Self {
        let mut command = in_directory(data, &["gateway", "--json"]);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", folder.display()));
        let gateway = Self::spawn(command);
        gateway.wait_for("gateway.ready");
        gateway
    }

    /// Waits for the next event of this name.
    pub(crate) fn wait_for(&self, name: &str) -> Value {
        self.wait_until(|event| event["event"] == name)
    }

    /// Waits for the next event that is meant.
    pub(crate) fn wait_until(&self, is_meant: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            // Other events in the meantime do not extend the time.
            let left = until.saturating_duration_since(Instant::now());
            let event = self.lines.recv_timeout(left).expect("the event comes");
            if is_meant(&event) {
                return event;
            }
        }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// Sends it a signal, as in `kill -STOP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Types a line again and again, until an event of this name comes: a program hears only what is typed once it listens.
    pub(crate) fn type_until(&mut self, line: &str, name: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            self.type_line(line);
            let answered = Instant::now() + Duration::from_secs(1);
            while let Some(left) = answered.checked_duration_since(Instant::now()) {
                match self.lines.recv_timeout(left) {
                    Ok(event) if event["event"] == name => return event,
                    Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it ended by itself"),
                }
            }
        }
        panic!("nothing answers {line}");
    }

    /// Reads and discards its output for this long.
    pub(crate) fn drain(&self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.lines.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Disconnected) {
                panic!("it ended by itself");
            }
        }
    }

    /// Resident memory of the process, in KiB.
    pub(crate) fn resident_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it as Ctrl-C does, and waits; returns its exit code and its remaining output.
    pub(crate) fn end(mut self) -> (i32, Vec<Value>) {
        signal(self.child.id(), "-INT");
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (code, self.lines.iter().collect())
    }

    /// Waits until it ends by itself; returns its exit code and its remaining output.
    pub(crate) fn end_by_itself(mut self) -> (i32, Vec<Value>) {
        let lines = self.lines.iter().collect();
        (self.child.wait().unwrap().code().unwrap_or(-1), lines)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of `--json`.
fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let name = event["event"].as_str().unwrap_or_else(|| panic!("no event: {line}"));
    assert!(
        PAGE.contains(&format!("`{name}`")),
        "docs/cli.md does not tell of {name}"
    );
    event
}

/// An empty directory, and a file in it.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

/// Position of the first event of this name.
pub(crate) fn position(events: &[Value], name: &str) -> usize {
    events
        .iter()
        .position(|event| event["event"] == name)
        .unwrap_or_else(|| panic!("no {name} in {events:#?}"))
}
