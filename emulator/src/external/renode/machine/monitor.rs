//! Renode's own command language, for experts.

use super::super::session::CommandError;
use super::RenodeMachine;
use crate::machine::MachineError;
use crate::machine::{Monitor, MonitorAnswer};

/// Lines of the monitor kept in its history.
const HISTORY_LINES: usize = 100;

impl Monitor for RenodeMachine {
    fn prompt(&self) -> String {
        format!("({}) ", self.info.board)
    }

    fn execute(&mut self, line: &str) -> Result<MonitorAnswer, MachineError> {
        if self.history.len() == HISTORY_LINES {
            self.history.pop_front();
        }
        self.history.push_back(line.to_owned());
        let answer = match self.session.command(line) {
            Ok(text) => MonitorAnswer::Done(text),
            Err(CommandError::Refused { reason, .. }) => MonitorAnswer::Refused(reason),
            Err(gone) => return Err(self.failed(gone)),
        };
        // The machine may have run, or its state may have been replaced.
        match self.refresh() {
            Ok(()) | Err(CommandError::Refused { .. }) => Ok(answer),
            Err(gone) => Err(self.failed(gone)),
        }
    }

    fn history(&self) -> Vec<String> {
        self.history.iter().cloned().collect()
    }
}
