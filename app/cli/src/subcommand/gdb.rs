//! `drydock gdb`: lets debuggers connect to a board's machine until Ctrl-C.

use super::{
    cancelled, cancelled_by_user,
    target_board::{Target, TargetBoard},
};
use crate::{
    arguments::Gdb,
    connection::{Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{BoardRef, BoardView, GdbOpen, GdbState, GdbView};
use std::{path::Path, time::Duration};

/// Interval of checks whether a debugger connected or disconnected.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn gdb(data: Option<&Path>, arguments: &Gdb, output: &Output) -> Result<Exit, Failure> {
    let target = Target {
        name: arguments.name.as_deref(),
        kind: arguments.board.as_deref(),
        engine: arguments.engine.as_deref(),
        app: arguments.app.as_deref(),
        timeout: arguments.timeout,
    };
    let place = tokio::select! {
        place = TargetBoard::find(data, target, output) => place?,
        () = cancelled() => return Err(cancelled_by_user()),
    };
    let outcome = tokio::select! {
        outcome = serve(&place.connection, &place.board, arguments.port, output) => outcome,
        // That is how it ends.
        () = cancelled() => Ok(Exit::Success),
    };
    let board = place.board.id.clone();
    // The machine may be gone.
    let _ = ask!(place.connection, GdbClose(BoardRef { board }));
    let name = place.board.name.clone();
    place.leave().await;
    outcome.map_err(|failure| failure.about(&name))
}

async fn serve(
    connection: &Connection,
    board: &BoardView,
    port: Option<u16>,
    output: &Output,
) -> Result<Exit, Failure> {
    let open = GdbOpen {
        board: board.id.clone(),
        port,
    };
    let mut known = ask!(connection, GdbOpen(open))?;
    output.object("gdb.ready", &known);
    output.say(format!(
        "{} waits for a debugger at {}; Ctrl-C ends this. For example:\n\n  {}\n",
        known.board,
        known.address.as_deref().unwrap_or_default(),
        known.command.as_deref().unwrap_or_default()
    ));
    loop {
        tokio::time::sleep(LOOK).await;
        let view = ask!(
            connection,
            GdbView(BoardRef {
                board: board.id.clone()
            })
        )?;
        if view.state != known.state {
            tell(&view, output)?;
        }
        known = view;
    }
}

fn tell(view: &GdbView, output: &Output) -> Result<(), Failure> {
    match view.state {
        GdbState::Attached => {
            output.object("gdb.attached", view);
            output.step(
                Ink::Green,
                "A debugger is connected; the board is paused while the debugger holds it.",
            );
        }
        GdbState::Waiting => {
            output.object("gdb.detached", view);
            output.step(Ink::Plain, "The debugger went; the board goes on as before.");
        }
        GdbState::Closed => {
            return Err(Failure::machine(format!(
                "{} no longer takes debuggers; it was switched off.",
                view.board
            )));
        }
    }
    Ok(())
}
