//! Waits for a board's report of a request. A report from before the board connected proves nothing: the board may have
//! lost the app since, and the request has not reached it.

use crate::{
    exit::{Exit, Failure},
    output::Output,
    watch::{News, Watch, state_of},
};
use drydock_api::{Badge, BoardView, DeviceState};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The requested state of an app on a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It runs, or ended itself with 0.
    Running,
    /// It is on the board, started or not.
    Installed,
    /// It does not run.
    Stopped,
    /// It is not on the board.
    Gone,
}

/// How a request ended that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The board reported what was asked for.
    Done,
    /// The board has not reported it yet; the gateway sends the request again when the board connects. The sentence
    /// says so.
    Later(String),
}

/// An app on a board, and the requested state.
pub(crate) struct Request<'a> {
    pub(crate) app: &'a str,
    /// `None` accepts any version on the board.
    pub(crate) version: Option<&'a str>,
    pub(crate) wanted: Wanted,
    /// Longest wait in host time.
    pub(crate) timeout: Duration,
}

impl Request<'_> {
    /// Waits until the board has reported the requested state, cannot report it now, or the time is over.
    ///
    /// # Errors
    /// The board or the app failed, or the board refused.
    pub(crate) async fn reported(&self, watch: &mut Watch<'_>) -> Result<Outcome, Failure> {
        let deadline = Instant::now() + self.timeout;
        let mut news = News::Resync;
        loop {
            let looked = news == News::Resync;
            if looked {
                let board = watch.look().await?;
                if is_held_off(&board) {
                    return Ok(self.later(&board));
                }
                news = self.state(&board);
            }
            if let Some(done) = self.judge(news, looked, watch.board_name())? {
                return Ok(done);
            }
            news = match tokio::time::timeout_at(deadline, watch.next(self.app)).await {
                // The board's report after connecting decides; updates missed before do not matter.
                Ok(News::Connected) => News::Resync,
                Ok(news) => news,
                Err(_) => {
                    let board = watch.look().await?;
                    return Ok(self.later(&board));
                }
            };
        }
    }

    /// The app's state in the board's view, if the board is connected.
    fn state(&self, board: &BoardView) -> News {
        let app = board.apps.iter().find(|view| view.name == self.app);
        match app {
            _ if !is_connected(board) => News::None,
            None if self.wanted == Wanted::Gone => News::Removed,
            Some(view) if self.version.is_some_and(|version| view.version != version) => News::None,
            _ => state_of(board, self.app),
        }
    }

    /// The outcome that news leads to. `looked`: the news is the board's state, which may be older than the request.
    fn judge(&self, news: News, looked: bool, board: &str) -> Result<Option<Outcome>, Failure> {
        match (self.wanted, news) {
            (Wanted::Running | Wanted::Installed, News::Running | News::Exited { code: 0 })
            | (Wanted::Installed, News::Installed)
            | (Wanted::Stopped, News::Stopped | News::Installed | News::Exited { .. })
            | (Wanted::Gone, News::Removed) => Ok(Some(Outcome::Done)),
            (Wanted::Running | Wanted::Installed, News::Exited { code }) => {
                let text = format!("{board}: {} ended itself with {code}.", self.app);
                Err(Failure::new(Exit::AppFailed, text))
            }
            (Wanted::Stopped, News::Failed(failure)) if failure.exit == Exit::AppFailed => Ok(Some(Outcome::Done)),
            // A start may follow a failure. Deploying a version that is already on the board does not run it again.
            (Wanted::Running | Wanted::Installed, News::Failed(failure)) if !looked || self.version.is_some() => {
                Err(failure)
            }
            (_, News::Failed(failure)) if failure.exit == Exit::Machine || failure.exit == Exit::Refused => {
                Err(failure)
            }
            _ => Ok(None),
        }
    }

    fn later(&self, board: &BoardView) -> Outcome {
        let (name, app, why) = (&board.name, self.app, &board.badge_detail);
        let what = match self.wanted {
            Wanted::Running => "is started",
            Wanted::Installed => "is installed",
            Wanted::Stopped => "is stopped",
            Wanted::Gone => "is removed",
        };
        let when = if is_connected(board) && !is_held_off(board) {
            format!("as soon as {name} gets to it")
        } else {
            format!("when {name} connects")
        };
        Outcome::Later(format!("Not done yet ({name}: {why}): {app} {what} {when}."))
    }
}

impl Outcome {
    /// Prints that the request is not done yet, and returns the exit code.
    pub(crate) fn show(self, app: &str, board: &str, output: &Output) -> Exit {
        match self {
            Self::Done => Exit::Success,
            Self::Later(text) => {
                let pending = json!({ "board": board, "app": app, "done": false, "text": text });
                output.object("app.pending", &pending);
                output.say(text);
                Exit::Pending
            }
        }
    }
}

fn is_connected(board: &BoardView) -> bool {
    let state = board.device.as_ref().map(|device| device.state);
    state == Some(DeviceState::Connected)
}

/// Whether a board will not connect by itself.
fn is_held_off(board: &BoardView) -> bool {
    use Badge::{Off, Paused, Retired, Unauthenticated, Unlinked};
    matches!(board.badge, Off | Paused | Retired | Unauthenticated | Unlinked)
}
