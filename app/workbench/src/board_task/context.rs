//! The board of a task and the workbench around it: how a task shows and publishes what happens.

use crate::{api::EventName, fleet::FleetBoard, state::WorkbenchState};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One board and the workbench that it belongs to; clones are the same.
#[derive(Clone)]
pub(super) struct BoardContext {
    pub(super) workbench: Arc<WorkbenchState>,
    pub(super) board: Arc<FleetBoard>,
}

impl BoardContext {
    /// The board's view changed.
    pub(super) fn touch(&self) {
        self.workbench.throttle.touch(&self.board);
    }

    /// Lines, samples or LEDs are to be published.
    pub(super) fn post(&self) {
        self.workbench.throttle.post(&self.board);
    }

    /// Publishes an event about the board.
    pub(super) fn publish(&self, event: EventName, text: impl Into<String>, data: Map<String, Value>) {
        self.workbench.publish(event, Some(&self.board), text, data);
    }

    /// Shows the board's step on the way to a session.
    pub(super) fn set_phase(&self, phase: &str) {
        let mut state = self.board.state();
        if state.phase != phase {
            state.phase = phase.into();
            drop(state);
            self.touch();
        }
    }

    /// Says why the board cannot get a session by itself.
    pub(super) fn refuse(&self, text: impl Into<String>) {
        let text = text.into();
        {
            let mut state = self.board.state();
            if state.refused.as_ref() == Some(&text) {
                return;
            }
            state.refused = Some(text.clone());
            state.note("error", text.clone());
        }
        self.touch();
        self.publish(EventName::DeviceRefused, text, Map::new());
    }
}
