//! Updates: the messages to a subscriber. One kind of update is an [`Event`], a named fact in the past tense.

use crate::{
    event::Event,
    hardware::{ConsoleView, Hardware, JobView},
    view::{BoardView, LogLine, MetricSample, Series},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One message of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Update {
    /// A board was added or its view changed. Sent at most ten times a second per board.
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
    /// Numbers that the apps of a board published since the previous update, decimated for display. The whole rate is in
    /// recordings; the answer to `metrics.query` continues further back.
    AppSamples {
        /// Id of the board.
        board: String,
        /// The lines `value:<app>:<name>`, with at most 40 points each.
        series: Vec<Series>,
    },
    /// LEDs changed: `(index in the board's view, lit)`, the last state of each since the previous update.
    Leds {
        /// Id of the board.
        board: String,
        /// Changes.
        leds: Vec<(u32, bool)>,
    },
    /// Ports, probes or virtual boards changed.
    Hardware {
        /// All of them.
        hardware: Box<Hardware>,
    },
    /// A job began, moved or ended. Sent at most ten times a second per job.
    Job {
        /// The whole view.
        job: Box<JobView>,
    },
    /// A terminal received bytes, or was opened or closed.
    Console {
        /// The terminal, with the new chunks only.
        console: Box<ConsoleView>,
    },
    /// A named fact, as `drydock … --json` prints it.
    Event(Event),
    /// This subscriber was too slow and missed updates: it must ask for the state again.
    Resync,
}
