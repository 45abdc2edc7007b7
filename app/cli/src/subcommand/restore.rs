//! `drydock restore`: a board back to the state that a file holds.

use super::absolute;
use crate::{
    arguments::Restore as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::{SnapshotRestore, SnapshotSource};
use std::path::Path;

pub(crate) async fn restore(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = go_back(&connection, arguments, output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn go_back(connection: &Connection, arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let restore = SnapshotRestore {
        board: arguments.board.clone(),
        from: SnapshotSource::Path(absolute(&arguments.file)?),
    };
    let board = ask!(connection, SnapshotRestore(restore))?;
    output.object("snapshot.restored", &board);
    let seconds = board.machine.map_or(0.0, |machine| machine.virtual_time_s);
    output.say(format!("{} is back at {seconds:.6} s of its time.", board.name));
    Ok(())
}
