//! `drydock gdb`: lets debuggers connect to a board's machine, or to the board behind a debug probe, until Ctrl-C.

use super::{
    absolute, cancelled, cancelled_by_user,
    target_board::{Target, TargetBoard},
};
use crate::{
    arguments::Gdb,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{BoardRef, GdbOpen, GdbState, GdbView, is_probe_id};
use std::{path::Path, time::Duration};

/// Interval of checks whether a debugger connected or disconnected.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn gdb(data: Option<&Path>, arguments: &Gdb, output: &Output) -> Result<Exit, Failure> {
    if let Some(probe) = &arguments.probe {
        return over_probe(data, probe, arguments, output).await;
    }
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
    let open = GdbOpen {
        board: place.board.id.clone(),
        port: arguments.port,
        kind: None,
        elf: None,
    };
    let outcome = serve_until_ctrl_c(&place.connection, open, output).await;
    let name = place.board.name.clone();
    place.leave().await;
    outcome.map_err(|failure| failure.about(&name))
}

/// Lets debuggers connect to the board behind a probe.
async fn over_probe(data: Option<&Path>, probe: &str, arguments: &Gdb, output: &Output) -> Result<Exit, Failure> {
    let open = GdbOpen {
        board: probe.to_owned(),
        port: arguments.port,
        kind: arguments.board.clone(),
        elf: arguments.elf.as_deref().map(absolute).transpose()?,
    };
    if !is_probe_id(probe) {
        let text =
            format!("{probe} is no id of a debug probe; `drydock probes` lists them, for example 2e8a:000c:E661.");
        return Err(Failure::new(Exit::Usage, text));
    }
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = serve_until_ctrl_c(&connection, open, output).await;
    connection.close().await;
    outcome
}

async fn serve_until_ctrl_c(connection: &Connection, open: GdbOpen, output: &Output) -> Result<Exit, Failure> {
    let board = open.board.clone();
    let mut is_refused = false;
    let outcome = tokio::select! {
        outcome = serve(connection, open, &mut is_refused, output) => outcome,
        // That is how it ends.
        () = cancelled() => Ok(Exit::Success),
    };
    // What was refused may be open for somebody else.
    if !is_refused {
        // The machine may be gone.
        let _ = ask!(connection, GdbClose(BoardRef { board }));
    }
    outcome
}

async fn serve(
    connection: &Connection,
    open: GdbOpen,
    is_refused: &mut bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let board = open.board.clone();
    let mut known = match ask!(connection, GdbOpen(open)) {
        Ok(view) => view,
        Err(error) => {
            *is_refused = true;
            return Err(error.into());
        }
    };
    output.object("gdb.ready", &known);
    output.say(format!(
        "{} waits for a debugger at {}; Ctrl-C ends this. For example:\n\n  {}\n",
        known.board,
        known.address.as_deref().unwrap_or_default(),
        known.command.as_deref().unwrap_or_default()
    ));
    loop {
        tokio::time::sleep(LOOK).await;
        let view = ask!(connection, GdbView(BoardRef { board: board.clone() }))?;
        if view.state != known.state {
            tell(&view, output)?;
        } else if let Some(text) = view.text.as_ref().filter(|_| view.text != known.text) {
            output.object("gdb.failed", &view);
            output.step(
                Ink::Red,
                &format!("A debugger came and could not debug the board. {text}"),
            );
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
            match &view.text {
                None => output.step(Ink::Plain, "The debugger went; the board goes on as before."),
                Some(text) => output.step(Ink::Red, &format!("The debugger went. {text}")),
            }
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
