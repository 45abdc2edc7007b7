//! The board that a subcommand examines: an existing one, or a new emulated one, with an app if the user names one.

use super::{kinds::NamedKind, source};
use crate::{
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
    watch::{News, Watch, state_of},
};
use drydock_api::{AppDeploy, BoardAdd, BoardRef, BoardView, ErrorCode, Pace};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How often the board is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The board to examine: one of the fleet, or a new one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) engine: Option<&'a str>,
    pub(super) app: Option<&'a str>,
    pub(super) timeout: Duration,
}

/// A connection, and the board to be looked into.
pub(super) struct TargetBoard {
    pub(super) connection: Connection,
    pub(super) board: BoardView,
    /// It is to be taken away again.
    new: bool,
}

impl TargetBoard {
    /// Finds the board, or adds it and waits until it is connected and runs its app.
    pub(super) async fn find(data: Option<&Path>, target: Target<'_>, output: &Output) -> Result<Self, Failure> {
        let Some(kind) = target.kind else {
            let name = target.name.unwrap_or_default();
            let connection = Connection::open(data, Boards::Start, output)
                .await?
                .within(target.timeout);
            return match ask!(connection, BoardGet(BoardRef { board: name.into() })) {
                Ok(board) => Ok(Self {
                    connection,
                    board,
                    new: false,
                }),
                Err(error) => {
                    connection.close().await;
                    Err(Failure::from(error).about(name))
                }
            };
        };
        let kind = NamedKind::find(kind, data, output)?;
        let connection = match data {
            Some(_) => Connection::open(data, Boards::LeaveOff, output).await?,
            None => Connection::temporary().await?,
        }
        .within(target.timeout);
        match make(&connection, &kind, target, output).await {
            Ok(board) => Ok(Self {
                connection,
                board,
                new: true,
            }),
            Err(failure) => {
                connection.close().await;
                Err(failure)
            }
        }
    }

    /// Removes a new board again, and closes the connection.
    pub(super) async fn leave(self) {
        if self.new {
            let board = self.board.id;
            // A board that cannot be removed stays in the list, where the user sees it.
            let _ = ask!(self.connection, BoardRemove(BoardRef { board }));
        }
        self.connection.close().await;
    }
}

async fn make(
    connection: &Connection,
    kind: &NamedKind,
    target: Target<'_>,
    output: &Output,
) -> Result<BoardView, Failure> {
    let source = target.app.map(source).transpose()?;
    let updates = connection.subscribe().await?;
    let add = BoardAdd {
        kind: kind.kind.clone(),
        kind_file: kind.file.clone(),
        engine: target.engine.map(Into::into),
        pace: Pace::Max,
        ..BoardAdd::default()
    };
    let board = ask!(connection, BoardAdd(add)).map_err(|error| {
        let is_unknown = error.code == ErrorCode::NotFound;
        let mut failure = Failure::from(error);
        if is_unknown {
            let kinds = failure.message.trim_end_matches('.');
            failure.message = format!("{kinds}; name a board that is there already without --board.");
        }
        failure
    })?;
    let mut watch = Watch::new(connection, output, updates, &board).quiet();
    let app = match source {
        None => String::new(),
        Some(source) => {
            let deploy = AppDeploy {
                source,
                boards: vec![board.id.clone()],
                name: None,
                version: None,
                grant: Vec::new(),
                no_start: false,
            };
            ask!(connection, AppDeploy(deploy))
                .map_err(|error| Failure::from(error).about(&board.name))?
                .app
        }
    };
    let give_up = Instant::now() + target.timeout;
    loop {
        let news = tokio::select! {
            news = watch.next(&app) => news,
            () = tokio::time::sleep(LOOK) => News::Resync,
        };
        if let News::Failed(failure) = news {
            return Err(failure);
        }
        let view = watch.look().await?;
        let connected = view.device.as_ref().is_some_and(|device| device.session.is_some());
        match state_of(&view, &app) {
            News::Running => return Ok(view),
            News::Exited { .. } => return Ok(view),
            News::Failed(failure) => return Err(failure),
            _ if app.is_empty() && connected => return Ok(view),
            _ => {}
        }
        if Instant::now() >= give_up {
            let text = format!(
                "{} is not ready after {} s: {}; give it more time with --timeout.",
                view.name,
                target.timeout.as_secs_f64(),
                view.badge_detail
            );
            return Err(Failure::new(Exit::Machine, text).about(&view.name));
        }
    }
}
