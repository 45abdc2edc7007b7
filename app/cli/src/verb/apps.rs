//! `drydock start`, `stop` and `remove`: changes what is wished for an app and waits until its board reports it.

use super::{cancelled, cancelled_by_user};
use crate::{
    arguments::App,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
    watch::{News, Watch, state_of},
};
use drydock_api::{AppRef, BoardRef};
use std::path::Path;

pub(crate) async fn start(data: Option<&Path>, app: &App, output: &Output) -> Result<Exit, Failure> {
    change(data, app, output, Wanted::Running).await
}

pub(crate) async fn stop(data: Option<&Path>, app: &App, output: &Output) -> Result<Exit, Failure> {
    change(data, app, output, Wanted::Stopped).await
}

pub(crate) async fn remove(data: Option<&Path>, app: &App, output: &Output) -> Result<Exit, Failure> {
    change(data, app, output, Wanted::Gone).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Running,
    Stopped,
    Gone,
}

async fn change(data: Option<&Path>, arguments: &App, output: &Output, wanted: Wanted) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::Start, output)
        .await?
        .within(arguments.timeout);
    let outcome = tokio::select! {
        outcome = change_on(&connection, arguments, output, wanted) => outcome,
        () = cancelled() => Err(cancelled_by_user()),
    };
    connection.close().await;
    outcome.map_err(|failure| failure.about(&arguments.board))
}

async fn change_on(connection: &Connection, arguments: &App, output: &Output, wanted: Wanted) -> Result<Exit, Failure> {
    let updates = connection.subscribe().await?;
    let board = ask!(
        connection,
        BoardGet(BoardRef {
            board: arguments.board.clone()
        })
    )?;
    let mut watch = Watch::new(connection, output, updates, &board).quiet();
    let app = AppRef {
        board: board.id,
        app: arguments.app.clone(),
    };
    match wanted {
        Wanted::Running => ask!(connection, AppStart(app))?,
        Wanted::Stopped => ask!(connection, AppStop(app))?,
        Wanted::Gone => ask!(connection, AppRemove(app))?,
    };
    let waited = tokio::time::timeout(arguments.timeout, reported(&mut watch, &arguments.app, wanted)).await;
    match waited {
        Ok(outcome) => outcome.map(|()| Exit::Success),
        Err(_) => {
            let board = watch.look().await?;
            let text = format!(
                "{} did not answer after {} s: {}. What you asked for stays wanted and is done when it is connected.",
                board.name,
                arguments.timeout.as_secs_f64(),
                board.badge_detail
            );
            Err(Failure::machine(text))
        }
    }
}

/// Waits until the board reports what is wanted.
async fn reported(watch: &mut Watch<'_>, app: &str, wanted: Wanted) -> Result<(), Failure> {
    let mut news = News::Resync;
    loop {
        let board = if news == News::Resync {
            Some(watch.look().await?)
        } else {
            None
        };
        if let Some(board) = &board {
            if wanted == Wanted::Gone && board.apps.iter().all(|view| view.name != app) {
                return Ok(());
            }
            news = state_of(board, app);
        }
        match (wanted, news) {
            (Wanted::Running, News::Running | News::Exited { code: 0 })
            | (Wanted::Stopped, News::Stopped | News::Installed | News::Exited { .. })
            | (Wanted::Gone, News::Removed) => return Ok(()),
            (Wanted::Running, News::Exited { code }) => {
                let text = format!("{}: {app} ended itself with {code}.", watch.board_name());
                return Err(Failure::new(Exit::AppFailed, text));
            }
            // The state before the start, or an app that failed and is now to be stopped or removed.
            (Wanted::Running, News::Failed(failure)) if board.is_none() => return Err(failure),
            (Wanted::Stopped, News::Failed(failure)) if failure.exit == Exit::AppFailed => return Ok(()),
            (_, News::Failed(failure)) if failure.exit == Exit::Machine || failure.exit == Exit::Refused => {
                return Err(failure);
            }
            _ => {}
        }
        news = watch.next(app).await;
    }
}
