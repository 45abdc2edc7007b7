//! `drydock fork`: boards after the model of another.

use super::absolute;
use crate::{
    arguments::Fork as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::{BoardFork, SnapshotSource};
use std::path::Path;

pub(crate) async fn fork(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = make(&connection, arguments, output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn make(connection: &Connection, arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let from = arguments.from.as_deref().map(absolute).transpose()?;
    let fork = BoardFork {
        board: arguments.board.clone(),
        count: Some(arguments.count),
        name: arguments.name.clone(),
        unlinked: arguments.unlinked,
        from: from.map(SnapshotSource::Path),
    };
    for board in ask!(connection, BoardFork(fork))? {
        output.object("board.forked", &board);
        output.say(if arguments.unlinked {
            format!("{} goes on where {} is, without a link.", board.name, arguments.board)
        } else {
            format!("{} was made after the model of {}.", board.name, arguments.board)
        });
    }
    Ok(())
}
