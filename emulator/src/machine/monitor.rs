//! Optional capability: the engine's own command language.

use super::MachineError;

/// Optional capability: lines of the engine's own command language, for experts.
pub trait Monitor {
    /// The prompt before the line to type.
    fn prompt(&self) -> String;

    /// Executes a line.
    ///
    /// # Errors
    /// The engine failed. A refused line is an answer, not an error.
    fn execute(&mut self, line: &str) -> Result<MonitorAnswer, MachineError>;

    /// The last lines that were executed, the oldest first.
    fn history(&self) -> Vec<String>;
}

/// An engine's answer to a line in its own language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorAnswer {
    /// It was executed and printed this.
    Done(String),
    /// It was refused, for this reason.
    Refused(String),
}
