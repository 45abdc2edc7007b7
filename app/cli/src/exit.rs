//! The end of a subcommand: its exit code, and the sentence that explains it.

use drydock_api::{ApiError, ErrorCode};
use std::process::ExitCode;

/// The exit codes (docs/cli.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The app is running at the deadline or ended itself with 0; the request is done.
    Success = 0,
    /// The app failed.
    AppFailed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Refused, not installed, or not there.
    Refused = 3,
    /// A board, an engine or this machine failed.
    Machine = 4,
    /// Accepted, but not done yet: the board has not reported it.
    Pending = 5,
    /// Cancelled with Ctrl-C.
    Cancelled = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    /// Name of the board that it is about.
    pub(crate) board: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            detail: None,
            board: None,
        }
    }

    /// The same, about a board.
    pub(crate) fn about(mut self, board: &str) -> Self {
        self.board.get_or_insert_with(|| board.to_owned());
        self
    }

    pub(crate) fn machine(message: impl Into<String>) -> Self {
        Self::new(Exit::Machine, message)
    }

    /// The class of the failure in JSON.
    pub(crate) fn code(&self) -> &'static str {
        match self.exit {
            Exit::Success => "none",
            Exit::AppFailed => "app_failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Machine => "machine",
            Exit::Pending => "pending",
            Exit::Cancelled => "cancelled",
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = match error.code {
            ErrorCode::Usage => Exit::Usage,
            ErrorCode::Refused | ErrorCode::NotFound => Exit::Refused,
            ErrorCode::Board | ErrorCode::Internal => Exit::Machine,
            ErrorCode::Cancelled => Exit::Cancelled,
        };
        Self {
            exit,
            message: error.message,
            detail: error.detail,
            board: None,
        }
    }
}
