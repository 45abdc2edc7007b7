//! `drydock logs`: a board's console.

use super::cancelled;
use crate::{
    arguments::Logs,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::{BoardRef, LogsQuery, Update};
use std::path::Path;

pub(crate) async fn logs(data: Option<&Path>, arguments: &Logs, output: &Output) -> Result<Exit, Failure> {
    let boards = if arguments.follow {
        Boards::Start
    } else {
        Boards::LeaveOff
    };
    let connection = Connection::open(data, boards, output).await?;
    let outcome = tokio::select! {
        outcome = show(&connection, arguments, output) => outcome,
        // Ctrl-C is the normal end of following, not a failure.
        () = cancelled() => Ok(Exit::Success),
    };
    connection.close().await;
    outcome.map_err(|failure| failure.about(&arguments.board))
}

async fn show(connection: &Connection, arguments: &Logs, output: &Output) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let board = ask!(
        connection,
        BoardGet(BoardRef {
            board: arguments.board.clone()
        })
    )?;
    let mut query = LogsQuery {
        board: board.id.clone(),
        after: None,
        source: arguments.app.clone(),
        limit: Some(arguments.lines),
    };
    let mut missed = false;
    loop {
        let logs = ask!(connection, LogsQuery(query.clone()))?;
        if missed && logs.dropped > 0 {
            output.say(format!("… {} lines are no longer kept …", logs.dropped));
        }
        for line in &logs.lines {
            output.log(&board.name, line);
            query.after = Some(line.sequence);
        }
        if !arguments.follow {
            return Ok(Exit::Success);
        }
        query.limit = None;
        // Lines are queried instead of taken from the update, so that no line is shown twice or left out.
        missed = loop {
            match updates.next().await {
                Some(Update::Logs { board: of, .. }) if of == board.id => break false,
                Some(Update::Resync) => break true,
                Some(Update::BoardRemoved { board: gone, .. }) if gone == board.id => return Ok(Exit::Success),
                Some(_) => {}
                None => return Err(Failure::machine("The running Drydock has ended.")),
            }
        };
    }
}
