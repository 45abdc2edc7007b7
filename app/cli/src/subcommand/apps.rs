//! `drydock start`, `stop` and `remove`: requests another state of an app and waits until its board reports it.

use super::{cancelled, cancelled_by_user};
use crate::{
    arguments::App,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
    report::{Request, Wanted},
    watch::Watch,
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
        Wanted::Running | Wanted::Installed => ask!(connection, AppStart(app))?,
        Wanted::Stopped => ask!(connection, AppStop(app))?,
        Wanted::Gone => ask!(connection, AppRemove(app))?,
    };
    let request = Request {
        app: &arguments.app,
        version: None,
        wanted,
        timeout: arguments.timeout,
    };
    let outcome = request.reported(&mut watch).await?;
    Ok(outcome.show(&arguments.app, watch.board_name(), output))
}
