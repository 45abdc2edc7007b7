//! Why a request was not carried out: the class of the error, and the sentence for the user.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a method did not do what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ApiError {
    /// The class of the error; decides the CLI's exit code.
    pub code: ErrorCode,
    /// One sentence: what happened, to which board or app, and what to do.
    pub message: String,
    /// More for those who want it; folds out.
    pub detail: Option<String>,
}

impl ApiError {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }

    /// A fault of Drydock itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// Classes of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense (exit code 2).
    Usage,
    /// Refused, or not installed (exit code 3).
    Refused,
    /// There is no such board, app or package (exit code 3).
    NotFound,
    /// A board or an engine failed (exit code 4).
    Board,
    /// Cancelled (exit code 130).
    Cancelled,
    /// A fault of Drydock itself (exit code 4).
    Internal,
}
