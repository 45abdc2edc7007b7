//! One Renode process and its connection: one command at a time, each with a time limit. A Renode that hangs, exits
//! or answers nonsense is killed, and every later command reports why.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use super::http::{self, HttpError};
use super::xmlrpc::{self, Answer};
use crate::external::process::{ProcessGroup, wait_until};

/// The log line with the port.
const LISTENING: &str = "Robot Framework remote server is listening on port ";
/// Log lines in a report of its end.
const LAST_LINES: usize = 6;
/// How long a process that closed its connection may take to exit, before its end is reported without a status.
const END_WAIT: Duration = Duration::from_millis(500);

/// How long things may take on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the start of the process to its readiness, and for reporting its version.
    pub start: Duration,
    /// For the answer to a command.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            answer: Duration::from_secs(30),
        }
    }
}

/// A command was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CommandError {
    /// Renode said no, and lives on.
    #[error("Renode refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// What Renode said.
        reason: String,
    },
    /// Renode exited, or was killed because it no longer answers; with the last lines of its log.
    #[error("{0}")]
    Gone(String),
}

/// A running Renode.
#[derive(Debug)]
pub(super) struct Session {
    process: ProcessGroup,
    server: SocketAddr,
    patience: Patience,
    gone: Option<String>,
    next_log_line: u64,
}

impl Session {
    /// Starts `program` without a window in `folder`, and waits until it accepts commands.
    pub(super) fn start(program: &Path, folder: &Path, patience: Patience) -> Result<Self, CommandError> {
        // The monitor's own port stays closed, because Renode's ports listen on all interfaces. Port 0 is any free one.
        let arguments = ["--disable-gui", "--robot-server-port", "0", "--pid-file", "renode.pid"];
        let process = ProcessGroup::spawn(program, arguments, folder)
            .map_err(|error| CommandError::Gone(format!("{} could not be started: {error}", program.display())))?;
        let mut session = Self {
            process,
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            patience,
            gone: None,
            next_log_line: 0,
        };
        let deadline = Instant::now() + patience.start;
        let mut seen = 0;
        let port = wait_until(deadline, || {
            let lines = session.process.printed().since(&mut seen);
            match lines.iter().find_map(|line| listening_port(line)) {
                Some(port) => Some(Some(port)),
                None => session.process.ended().map(|_| None),
            }
        });
        match port {
            Some(Some(port)) => session.server.set_port(port),
            Some(None) => return Err(session.end("Renode ended while it started")),
            None => {
                let limit_s = patience.start.as_secs_f32();
                return Err(session.end(&format!("Renode was not ready within {limit_s} s")));
            }
        }
        session.command("version")?;
        Ok(session)
    }

    /// Executes a line of the monitor's language and returns its output.
    pub(super) fn command(&mut self, command: &str) -> Result<String, CommandError> {
        self.line(command, command)
    }

    /// Executes a line of several commands; errors name only `command`.
    fn line(&mut self, line: &str, command: &str) -> Result<String, CommandError> {
        if let Some(gone) = &self.gone {
            return Err(CommandError::Gone(gone.clone()));
        }
        let body = xmlrpc::run_keyword("ExecuteCommand", &[line]);
        let answer = match http::post(self.server, &body, self.patience.answer) {
            Ok(answer) => answer,
            Err(HttpError::Hang { limit_s }) => {
                return Err(self.end(&format!("Renode did not answer `{command}` within {limit_s} s")));
            }
            Err(error @ (HttpError::Connection(_) | HttpError::Half { .. })) => {
                let what = match self.process.wait(END_WAIT) {
                    Some(status) => format!("Renode ended ({status}) during `{command}`"),
                    None => format!("Renode does not talk any more, at `{command}`: {error}"),
                };
                return Err(self.end(&what));
            }
            Err(error) => return Err(self.end(&format!("Renode answered `{command}` with nonsense: {error}"))),
        };
        let refused = |reason: String| CommandError::Refused {
            command: command.to_owned(),
            reason,
        };
        match xmlrpc::answer(&answer) {
            Ok(Answer::Pass { value }) => Ok(value),
            Ok(Answer::Fail { error }) => Err(refused(plain(&error).to_owned())),
            Ok(Answer::Fault { code, text }) => Err(refused(format!("{text} (fault {code})"))),
            Err(nonsense) => Err(self.end(&format!("Renode answered `{command}` with nonsense: {nonsense}"))),
        }
    }

    /// As [`Self::command`], with the output parsed as a value.
    pub(super) fn value<T>(&mut self, command: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, CommandError> {
        self.values(&[command.to_owned()], parse)
    }

    /// As [`Self::value`], for several commands in one line; errors name only the first.
    pub(super) fn values<T>(
        &mut self,
        commands: &[String],
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CommandError> {
        let command = commands.first().map_or("", String::as_str);
        let text = self.line(&commands.join("; "), command)?;
        parse(&text).ok_or_else(|| {
            let excerpt: String = text.trim().chars().take(60).collect();
            self.end(&format!("Renode answered `{command}` with nonsense: {excerpt:?}"))
        })
    }

    /// What Renode logged since the last call.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        self.process.printed().since(&mut self.next_log_line)
    }

    /// Whether it is gone.
    pub(super) fn gone(&self) -> Option<&str> {
        self.gone.as_deref()
    }

    /// It cannot be used any more: ends it.
    pub(super) fn end(&mut self, what: &str) -> CommandError {
        self.process.kill();
        self.process.printed().wait_for_end(END_WAIT);
        let lines = self.process.printed().last(LAST_LINES);
        let log = if lines.is_empty() {
            "; it logged nothing".to_owned()
        } else {
            format!("; its log ends with:\n{}", lines.join("\n"))
        };
        let gone = format!("{what}{log}");
        self.gone = Some(gone.clone());
        CommandError::Gone(gone)
    }
}

fn listening_port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once(LISTENING)?;
    port.trim().parse().ok()
}

/// The reason without the name of Renode's exception.
fn plain(error: &str) -> &str {
    error.trim().strip_prefix("KeywordException: ").unwrap_or(error.trim())
}
