//! Updates: what a subscriber is sent. One kind of update is an [`Event`], a named fact in the past tense.

use crate::{
    event::Event,
    view::{BoardView, LogLine, MetricSample},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One message of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Update {
    /// A board was added or anything of its view changed, at most ten times a second and board.
    Board {
        /// Revision of the state that this shows.
        #[ts(type = "number")]
        revision: u64,
        /// The whole view.
        board: Box<BoardView>,
    },
    /// A board was removed.
    BoardRemoved {
        /// Revision of the state.
        #[ts(type = "number")]
        revision: u64,
        /// Id of the board.
        board: String,
    },
    /// Lines of a board's console, in order.
    Logs {
        /// Id of the board.
        board: String,
        /// The lines.
        lines: Vec<LogLine>,
    },
    /// New metrics of a board.
    Metrics {
        /// Id of the board.
        board: String,
        /// The samples, in order.
        samples: Vec<MetricSample>,
    },
    /// LEDs changed: `(index in the board's view, lit)`, the last state of each since the update before.
    Leds {
        /// Id of the board.
        board: String,
        /// Changes.
        leds: Vec<(u32, bool)>,
    },
    /// A named fact, as `drydock … --json` prints it.
    Event(Event),
    /// This subscriber was too slow: ask for the state again.
    Resync,
}
