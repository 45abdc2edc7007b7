//! `drydock snapshot`: the state of a board into a file.

use super::absolute;
use crate::{
    arguments::Snapshot as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::SnapshotExport;
use std::path::Path;

pub(crate) async fn snapshot(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = export(&connection, arguments, output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn export(connection: &Connection, arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let export = SnapshotExport {
        board: arguments.board.clone(),
        snapshot: arguments.of.clone(),
        path: absolute(&arguments.out)?,
    };
    let file = ask!(connection, SnapshotExport(export))?;
    output.object("snapshot.saved", &file);
    output.say(format!(
        "{} is in {}: {:.6} s of its time, {} instructions, {} KiB.",
        arguments.board,
        file.path,
        file.virtual_time_s,
        file.instructions,
        file.bytes.div_ceil(1024)
    ));
    Ok(())
}
