//! `drydock monitor`: executes lines in the command language of a board's engine.

use crate::{
    arguments::Monitor as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_api::{BoardRef, MonitorLine};
use serde_json::json;
use std::path::Path;

pub(crate) async fn monitor(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = execute_all(&connection, arguments, output).await;
    connection.close().await;
    outcome
}

async fn execute_all(connection: &Connection, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    if arguments.lines.is_empty() {
        // An unknown board is reported at once, not with the first line.
        let board = BoardRef {
            board: arguments.board.clone(),
        };
        ask!(connection, MonitorView(board))?;
        while let Some(line) = next_line().await? {
            if !line.trim().is_empty() {
                execute(connection, &arguments.board, line, output).await?;
            }
        }
    }
    for line in &arguments.lines {
        execute(connection, &arguments.board, line.clone(), output).await?;
    }
    Ok(Exit::Success)
}

/// The next line of standard input, as soon as it arrives.
async fn next_line() -> Result<Option<String>, Failure> {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().lines().next().transpose());
    let unreadable = |error: std::io::Error| Failure::machine(format!("Standard input cannot be read: {error}."));
    read.await
        .map_err(|error| unreadable(error.into()))?
        .map_err(unreadable)
}

async fn execute(connection: &Connection, board: &str, line: String, output: &Output) -> Result<(), Failure> {
    let request = MonitorLine {
        board: board.to_owned(),
        line: line.clone(),
    };
    let reply = ask!(connection, MonitorExecute(request))?;
    let answer = json!({ "board": board, "line": line, "answer": reply.text, "refused": reply.refused });
    output.object("monitor.answered", &answer);
    let text = reply.text.trim();
    if reply.refused {
        let refused = Failure::new(Exit::Refused, format!("The engine of {board} refused `{line}`."));
        return Err(Failure {
            detail: Some(text.to_owned()),
            ..refused.about(board)
        });
    }
    if !text.is_empty() {
        output.say(text);
    }
    Ok(())
}
