//! Follows an app on a board, and prints its events as they happen.

use crate::{
    connection::{Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::{AppState, BoardRef, BoardView, Event, EventName, LogsQuery, MachineState, Update};
use drydock_client::Updates;

/// Watches one board.
pub(crate) struct Watch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) output: &'a Output,
    updates: Updates,
    board: (String, String),
    /// Sequence of the last line that was printed.
    printed: Option<u64>,
    /// Whether lines and metrics are printed too, not events only.
    telemetry: bool,
    /// Why the board's latest connection was refused; `None` once it has a session.
    refused: Option<String>,
}

/// The meaning of an update for the watched app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// The board has a session now.
    Connected,
    /// It runs.
    Running,
    /// It is on the board and does not run.
    Installed,
    /// It was stopped on request.
    Stopped,
    /// It is no longer on the board.
    Removed,
    /// It ended itself.
    Exited {
        /// Its exit code.
        code: i64,
    },
    /// The device ended it, refused it, or the board failed.
    Failed(Failure),
    /// Something of the board's view changed.
    Changed,
    /// Updates were missed: look at the board.
    Resync,
}

impl<'a> Watch<'a> {
    /// Updates of a board from the moment at which `updates` began.
    pub(crate) fn new(connection: &'a Connection, output: &'a Output, updates: Updates, board: &BoardView) -> Self {
        Self {
            connection,
            output,
            updates,
            board: (board.id.clone(), board.name.clone()),
            printed: None,
            telemetry: true,
            refused: None,
        }
    }

    /// The same, without the board's lines and metrics.
    pub(crate) fn quiet(self) -> Self {
        Self {
            telemetry: false,
            ..self
        }
    }

    pub(crate) fn board_name(&self) -> &str {
        &self.board.1
    }

    /// Why the board has no session, if its latest connection was refused.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The board now.
    pub(crate) async fn look(&self) -> Result<BoardView, Failure> {
        let board = self.board.0.clone();
        Ok(ask!(self.connection, BoardGet(BoardRef { board }))?)
    }

    /// Prints the next update and returns its meaning for the app.
    pub(crate) async fn next(&mut self, app: &str) -> News {
        match self.updates.next().await {
            None => News::Failed(Failure::machine("The running Drydock has ended.")),
            Some(Update::Resync) => News::Resync,
            Some(Update::Board { board, .. }) if board.id == self.board.0 => News::Changed,
            Some(Update::Logs { board, lines }) if self.telemetry && board == self.board.0 => {
                for line in &lines {
                    self.output.log(&self.board.1, line);
                }
                self.printed = lines.last().map(|line| line.sequence).or(self.printed);
                News::None
            }
            Some(Update::Metrics { board, samples }) if self.telemetry && board == self.board.0 => {
                if self.output.is_json() {
                    for sample in &samples {
                        self.output.metrics(&self.board.1, sample);
                    }
                }
                News::None
            }
            Some(Update::AppSamples { board, series }) if self.telemetry && board == self.board.0 => {
                self.output.app_samples(&self.board.1, &series);
                News::None
            }
            Some(Update::Event(event)) if event.board.as_ref().is_none_or(|board| *board == self.board.1) => {
                self.output.event(&event);
                match event.event {
                    // The event names the board by its link, because the peer is not authenticated.
                    EventName::ConnectionRefused if event.text.contains(&self.board.1) => {
                        self.refused = Some(event.text.clone());
                    }
                    EventName::DeviceConnected => self.refused = None,
                    _ => {}
                }
                meaning(&event, app, &self.board.1)
            }
            Some(_) => News::None,
        }
    }

    /// Prints the lines that are not printed yet.
    pub(crate) async fn rest(&mut self) {
        let query = LogsQuery {
            board: self.board.0.clone(),
            after: self.printed,
            ..LogsQuery::default()
        };
        if let Ok(logs) = ask!(self.connection, LogsQuery(query)) {
            for line in &logs.lines {
                self.output.log(&self.board.1, line);
            }
            self.printed = logs.lines.last().map(|line| line.sequence).or(self.printed);
        }
    }
}

/// The meaning of an event for an app on a board.
pub(crate) fn meaning(event: &Event, app: &str, board: &str) -> News {
    let failed = |exit| {
        let names_it = event.text.contains(board);
        let text = if names_it {
            event.text.clone()
        } else {
            format!("{board}: {}", event.text)
        };
        News::Failed(Failure::new(exit, text).about(board))
    };
    let about_app = event.app.as_deref() == Some(app);
    let about_board = event.board.as_deref() == Some(board);
    match &event.event {
        EventName::DeviceConnected if about_board => News::Connected,
        EventName::AppRunning if about_app => News::Running,
        EventName::AppInstalled if about_app => News::Installed,
        EventName::AppStopped if about_app => News::Stopped,
        EventName::AppRemoved if about_app => News::Removed,
        EventName::AppExited if about_app => News::Exited {
            code: event.data.get("exit_code").and_then(|code| code.as_i64()).unwrap_or(0),
        },
        EventName::AppTrapped if about_app => failed(Exit::AppFailed),
        EventName::AppRefused | EventName::AppCancelled | EventName::Error if about_app => failed(Exit::Refused),
        EventName::MachineCrashed | EventName::MachineFailed | EventName::DeviceRefused if about_board => {
            failed(Exit::Machine)
        }
        EventName::Error if about_board && event.app.is_none() => failed(Exit::Machine),
        _ => News::None,
    }
}

/// An app's state from a board's view, for use after missed updates.
pub(crate) fn state_of(board: &BoardView, app: &str) -> News {
    let name = &board.name;
    let machine = board.machine.as_ref();
    if machine.is_some_and(|machine| machine.state == MachineState::Crashed) {
        return News::Failed(Failure::machine(format!("{name}: {}", board.badge_detail)).about(name));
    }
    let Some(view) = board.apps.iter().find(|view| view.name == app) else {
        return News::None;
    };
    let failure = view.failure.as_ref();
    match view.state {
        AppState::Running => News::Running,
        AppState::Installed => News::Installed,
        AppState::Stopped => News::Stopped,
        AppState::Exited => News::Exited { code: 0 },
        AppState::Failed => match failure {
            Some(failure) if failure.reason == "exit-code" => News::Exited {
                code: failure.exit_code.unwrap_or(1).into(),
            },
            Some(failure) if failure.reason == "refused" => {
                News::Failed(Failure::new(Exit::Refused, failure.detail.clone()).about(name))
            }
            _ => {
                let why = failure.map_or(String::new(), |failure| {
                    format!(": {} ({})", failure.reason, failure.detail)
                });
                News::Failed(Failure::new(Exit::AppFailed, format!("{name}: {app} failed{why}")).about(name))
            }
        },
        AppState::Pending | AppState::Deploying | AppState::Starting | AppState::Removing => News::None,
    }
}
