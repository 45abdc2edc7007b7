//! `drydock boards`: the fleet.

use super::{kinds, own_firmware, run::pace};
use crate::{
    arguments::{Boards as Arguments, BoardsAction, BoardsAdd},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, badge},
};
use drydock_api::{BoardAdd, BoardLabel, BoardPower, BoardRef, BoardRename, BoardView, Empty, PowerAction};
use std::path::Path;

pub(crate) async fn boards(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = act(&connection, arguments.action.as_ref(), output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn act(connection: &Connection, action: Option<&BoardsAction>, output: &Output) -> Result<(), Failure> {
    match action {
        None => list(connection, &[], output).await,
        Some(BoardsAction::List { label }) => list(connection, label, output).await,
        Some(BoardsAction::Kinds(arguments)) => kinds::kinds(connection, arguments, output).await,
        Some(BoardsAction::Add(board)) => add(connection, board, output).await,
        Some(BoardsAction::Remove(board)) => {
            let board = board.board.clone();
            ask!(connection, BoardRemove(BoardRef { board: board.clone() }))?;
            output.object("board.removed", &serde_json::json!({ "board": board }));
            output.say(format!("{board} was removed."));
            Ok(())
        }
        Some(BoardsAction::Firmware(firmware)) => own_firmware::change(connection, firmware, output).await,
        Some(BoardsAction::Rename { board, name }) => {
            let rename = BoardRename {
                board: board.clone(),
                name: name.clone(),
            };
            show(&ask!(connection, BoardRename(rename))?, output);
            Ok(())
        }
        Some(BoardsAction::Label { boards, add, remove }) => {
            let label = BoardLabel {
                boards: boards.clone(),
                add: add.clone(),
                remove: remove.clone(),
            };
            for board in &ask!(connection, BoardLabel(label))? {
                output.object("board", board);
                let labels = match &board.labels[..] {
                    [] => "no labels".to_owned(),
                    labels => labels.join(", "),
                };
                output.say(format!("{}  {labels}", board.name));
            }
            Ok(())
        }
        Some(BoardsAction::On(board)) => power(connection, &board.board, PowerAction::On, output).await,
        Some(BoardsAction::Off(board)) => power(connection, &board.board, PowerAction::Off, output).await,
        Some(BoardsAction::Reset(board)) => power(connection, &board.board, PowerAction::Reset, output).await,
        Some(BoardsAction::PowerCut(board)) => power(connection, &board.board, PowerAction::Cut, output).await,
        Some(BoardsAction::Pause(board)) => power(connection, &board.board, PowerAction::Pause, output).await,
        Some(BoardsAction::Resume(board)) => power(connection, &board.board, PowerAction::Resume, output).await,
    }
}

/// Lists the boards that have all these labels.
async fn list(connection: &Connection, labels: &[String], output: &Output) -> Result<(), Failure> {
    let fleet = ask!(connection, BoardList(Empty {}))?;
    let is_empty = fleet.boards.is_empty();
    let labelled = |board: &BoardView| labels.iter().all(|label| board.labels.contains(label));
    let boards: Vec<BoardView> = fleet.boards.into_iter().filter(labelled).collect();
    for board in &boards {
        output.object("board", board);
    }
    if is_empty {
        output.say("There are no boards yet; `drydock boards add nano33ble` adds one.");
        return Ok(());
    }
    let row = |board: &BoardView| {
        let (ink, word) = badge(board.badge);
        let apps: Vec<String> = board
            .apps
            .iter()
            .map(|app| format!("{} {}", app.name, app.version))
            .collect();
        let engine = board
            .machine
            .as_ref()
            .map_or("cable", |machine| machine.engine.as_str());
        vec![
            (Ink::Bold, board.name.clone()),
            (ink, word.into()),
            (Ink::Plain, board.badge_detail.clone()),
            (Ink::Plain, board.title.clone()),
            (Ink::Plain, engine.into()),
            (Ink::Plain, apps.join(", ")),
            (Ink::Plain, board.labels.join(", ")),
        ]
    };
    if boards.is_empty() {
        output.say(format!("No board has the label {}.", labels.join(" and ")));
        return Ok(());
    }
    let rows: Vec<_> = boards.iter().map(row).collect();
    output.table(&["board", "state", "", "kind", "engine", "apps", "labels"], &rows);
    Ok(())
}

async fn add(connection: &Connection, board: &BoardsAdd, output: &Output) -> Result<(), Failure> {
    let add = BoardAdd {
        kind: board.kind.clone(),
        kind_file: None,
        name: board.name.clone(),
        engine: board.engine.clone(),
        pace: pace(board.pace),
        seed: board.seed.clone(),
        link_noise: None,
        firmware: match &board.firmware {
            Some(path) => Some(own_firmware::file(path, &board.program)?),
            None => None,
        },
        parts: board.part.clone(),
        part_values: None,
        record: None,
    };
    let view = ask!(connection, BoardAdd(add))?;
    output.object("board.added", &view);
    let engine = view.machine.as_ref().map_or("", |machine| machine.engine.as_str());
    output.say(format!("{} was added: {} on {engine}.", view.name, view.title));
    Ok(())
}

async fn power(connection: &Connection, board: &str, action: PowerAction, output: &Output) -> Result<(), Failure> {
    let power = BoardPower {
        board: board.into(),
        action,
    };
    show(&ask!(connection, BoardPower(power))?, output);
    Ok(())
}

fn show(board: &BoardView, output: &Output) {
    output.object("board", board);
    let (ink, word) = badge(board.badge);
    output.say_in_ink(&[
        (Ink::Plain, &format!("{}  ", board.name)),
        (ink, word),
        (Ink::Plain, &format!("  {}", board.badge_detail)),
    ]);
}
