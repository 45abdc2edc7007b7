//! The end of a subcommand: its exit code, and the sentence that explains it.

use drydock_api::{ApiError, ErrorCode};
use std::process::ExitCode;

/// The exit codes (docs/cli.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The app is running at the deadline or ended itself with 0; the request is done.
    Success,
    /// The app failed.
    AppFailed,
    /// A test failed.
    TestFailed,
    /// The command line makes no sense.
    Usage,
    /// Refused, not installed, or not there.
    Refused,
    /// A board, an engine or this machine failed.
    Machine,
    /// Accepted, but not done yet: the board has not reported it.
    Pending,
    /// Cancelled with Ctrl-C.
    Cancelled,
    /// The program of the user's own on a board ended with this code, which is not 0.
    Program(u8),
}

impl Exit {
    /// The exit code of the process.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::AppFailed | Self::TestFailed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Machine => 4,
            Self::Pending => 5,
            Self::Cancelled => 130,
            Self::Program(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
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
            Exit::TestFailed => "test_failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Machine => "machine",
            Exit::Pending => "pending",
            Exit::Cancelled => "cancelled",
            Exit::Program(_) => "program",
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
