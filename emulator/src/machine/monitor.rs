//! Optional capability: the engine's own command language.

use super::MachineError;

/// Optional capability: lines of the engine's own command language, for experts.
pub trait Monitor {
    /// What stands before the line to be typed.
    fn prompt(&self) -> String;

    /// Executes a line.
    ///
    /// # Errors
    /// The engine failed. A line that the engine refuses is an answer.
    fn execute(&mut self, line: &str) -> Result<MonitorAnswer, MachineError>;

    /// The last lines that were executed, the oldest first.
    fn history(&self) -> Vec<String>;
}

/// What an engine answers to a line in its own language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorAnswer {
    /// It was done; this is what it printed.
    Done(String),
    /// It was refused, and why.
    Refused(String),
}
