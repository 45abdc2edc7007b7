//! Brings a board up and keeps it up: machine, link, first trust, session, telemetry. One task for each board.

mod flash;
mod flash_file;
mod startup_limiter;
mod machine;
mod running;

use crate::{
    api::{EventName, PowerAction},
    state::WorkbenchState,
    fleet::{FleetBoard, Command},
};
use drydock_connector::Noise;
use drydock_emulator::MachineSnapshot;
pub(crate) use startup_limiter::StartupLimiter;
pub(crate) use machine::{Images, runner_pace};
use running::{Left, Running};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Runs a board until it is ended: while it is off it waits to be switched on, and for its turn then.
///
/// With an `origin` its machine goes on from that state, without a link, until it is switched off for the first time.
pub(crate) async fn run(
    workbench: Arc<WorkbenchState>,
    board: Arc<FleetBoard>,
    mut commands: mpsc::Receiver<Command>,
    mut on: bool,
    mut origin: Option<Arc<MachineSnapshot>>,
) {
    loop {
        let command = tokio::select! {
            biased;
            () = workbench.startup.acquire(&board.id), if on => None,
            command = commands.recv() => Some(command),
        };
        let Some(command) = command else {
            match Running::start(&workbench, &board, origin.take()).await {
                Ok(running) => {
                    board.set_starting(false);
                    let left = running.serve(&mut commands).await;
                    workbench.startup.release(&board.id);
                    match left {
                        Left::Off => on = false,
                        Left::Ended => return,
                    }
                }
                Err(fault) => {
                    workbench.startup.release(&board.id);
                    failed_to_start(&workbench, &board, fault);
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
            Some(Command::Power(_, reply) | Command::Button(_, _, reply) | Command::Restore(_, reply)) => {
                let _ = reply.send(Err(board.is_off()));
            }
        }
    }
}

fn failed_to_start(workbench: &WorkbenchState, board: &Arc<FleetBoard>, fault: String) {
    tracing::error!(board = board.name(), fault, "the machine does not start");
    {
        let mut state = board.state();
        state.machine = None;
        state.fault = Some(fault.clone());
        state.phase = "switched off".into();
        state.note("error", fault.clone());
    }
    board.set_starting(false);
    workbench.throttle.touch(board);
    workbench.publish(EventName::MachineFailed, Some(board), fault, serde_json::Map::new());
}

/// Reads link noise, `RATE` or `RATE:SEED`: the share of frames damaged, 0 to 0.5.
pub(crate) fn parse_noise(text: &str) -> Option<Noise> {
    let (rate, seed) = text.split_once(':').unwrap_or((text, "1"));
    let rate: f64 = rate.parse().ok()?;
    let seed = seed.parse().ok()?;
    (0.0..=0.5).contains(&rate).then(|| Noise::of_frames(rate, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_written_as_rate_and_seed() {
        assert_eq!(parse_noise("0.01:7"), Some(Noise::of_frames(0.01, 7)));
        assert_eq!(parse_noise("0"), Some(Noise::of_frames(0.0, 1)));
        for bad in ["", "x", "-0.1", "0.6", "0.01:", "0.01:x", "NaN"] {
            assert_eq!(parse_noise(bad), None, "{bad}");
        }
    }
}
