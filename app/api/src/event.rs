//! Events: small facts in the past tense that the workbench tells its subscribers.

use super::view::{BoardView, LogLine, MetricSample};
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

/// A named fact. Lines of consoles and metrics are no events: they come as [`Update::Logs`] and [`Update::Metrics`], and
/// `drydock … --json` prints them as `app.log`, `board.log` and `device.metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Event {
    /// `machine.started`, `device.enrolled`, `device.connected`, `device.disconnected`, `app.deploying`, `app.running`,
    /// `app.trapped`, `app.exited`, `app.stopped`, `app.removed`, `app.refused`, `machine.crashed`, `error`, …: docs/cli.md.
    pub event: String,
    /// Revision of the store, for facts that are kept.
    #[ts(type = "number | null")]
    pub revision: Option<u64>,
    /// In milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// Name of the board.
    pub board: Option<String>,
    /// Name of the app.
    pub app: Option<String>,
    /// One sentence for people.
    pub text: String,
    /// Further fields of this event, documented in docs/cli.md.
    #[ts(type = "Record<string, unknown>")]
    pub data: serde_json::Map<String, serde_json::Value>,
}
