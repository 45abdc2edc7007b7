//! The task of one board: switches it on and keeps it running.
//!
//! `session` is the part that every board has: link, first trust, the connection to the gateway, logs and metrics.
//! `emulated` hosts a board on a machine of the emulator, `physical` over a serial port of this host; `host` is the
//! interface between a session and its host.

mod context;
mod emulated;
mod host;
mod physical;
mod running;
mod session;

use crate::{
    api::{EventName, PowerAction},
    fleet::{Command, FleetBoard},
    own_kinds,
    state::WorkbenchState,
};
use context::BoardContext;
use drydock_emulator::MachineSnapshot;
use running::{Left, Running};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Runs a board until its task is ended. A board that is off waits for its switch, and then for its turn to start.
///
/// With an `origin` its machine continues from that state, without a link, until it is switched off for the first time.
pub(crate) async fn run(
    workbench: Arc<WorkbenchState>,
    board: Arc<FleetBoard>,
    mut commands: mpsc::Receiver<Command>,
    mut on: bool,
    mut origin: Option<Arc<MachineSnapshot>>,
) {
    let context = BoardContext {
        workbench: Arc::clone(&workbench),
        board: Arc::clone(&board),
    };
    loop {
        let command = tokio::select! {
            biased;
            () = workbench.startup.acquire(&board.id), if on => None,
            command = commands.recv() => Some(command),
        };
        let Some(command) = command else {
            let described = match origin {
                // It goes on with the state of a machine of this description.
                Some(_) => Ok(()),
                None => own_kinds::refresh(&workbench, &board),
            };
            let started = match described {
                Ok(()) => Running::start(&context, origin.take()).await,
                Err(problem) => Err(problem),
            };
            match started {
                Ok(running) => {
                    board.set_starting(false);
                    let left = running.serve(&mut commands).await;
                    workbench.startup.release(&board.id);
                    match left {
                        Left::Off => on = false,
                        Left::Again => board.set_starting(true),
                        Left::Ended => return,
                    }
                }
                Err(fault) => {
                    workbench.startup.release(&board.id);
                    failed_to_start(&context, fault);
                    on = false;
                }
            }
            continue;
        };
        match command {
            None => {
                board.set_starting(false);
                return;
            }
            Some(Command::End(reply)) => {
                board.set_starting(false);
                let _ = reply.send(Ok(()));
                return;
            }
            Some(Command::Power(PowerAction::On, reply)) => {
                on = true;
                board.set_starting(true);
                let _ = reply.send(Ok(()));
            }
            Some(Command::Power(PowerAction::Off, reply)) => {
                on = false;
                board.set_starting(false);
                let _ = reply.send(Ok(()));
            }
            // The port of a board that is off is free.
            Some(Command::ReleasePort(_, reply) | Command::TakePort(reply)) => {
                let _ = reply.send(Ok(()));
            }
            Some(Command::Power(_, reply) | Command::Button(_, _, reply) | Command::Restore(_, reply)) => {
                let _ = reply.send(Err(board.is_off()));
            }
        }
    }
}

fn failed_to_start(context: &BoardContext, fault: String) {
    let board = &context.board;
    tracing::error!(board = board.name(), fault, "the machine does not start");
    {
        let mut state = board.state();
        state.machine = None;
        state.fault = Some(fault.clone());
        state.phase = "switched off".into();
        state.note("error", fault.clone());
    }
    board.set_starting(false);
    context.touch();
    context.publish(EventName::MachineFailed, fault, serde_json::Map::new());
}
