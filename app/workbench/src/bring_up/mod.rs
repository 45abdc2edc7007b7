//! Brings a board up and keeps it up: machine, link, first trust, session, telemetry. One task for each board.

mod machine;
mod running;

use crate::{
    api::{ApiError, ErrorCode, PowerAction},
    bench::Bench,
    fleet::{Board, Command},
};
use drydock_connector::Noise;
pub(crate) use machine::{Images, runner_pace};
use running::{Left, Running};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Runs a board until it is ended: while it is off it waits to be switched on.
pub(crate) async fn run(bench: Arc<Bench>, board: Arc<Board>, mut commands: mpsc::Receiver<Command>, mut on: bool) {
    loop {
        if on {
            match Running::start(&bench, &board).await {
                Ok(running) => match running.serve(&mut commands).await {
                    Left::Off => on = false,
                    Left::Ended => return,
                },
                Err(fault) => {
                    failed_to_start(&bench, &board, fault);
                    on = false;
                }
            }
            continue;
        }
        match commands.recv().await {
            None => return,
            Some(Command::End(reply)) => {
                let _ = reply.send(Ok(()));
                return;
            }
            Some(Command::Power(PowerAction::On, reply)) => {
                on = true;
                let _ = reply.send(Ok(()));
            }
            Some(Command::Power(PowerAction::Off, reply)) => {
                let _ = reply.send(Ok(()));
            }
            Some(Command::Power(_, reply) | Command::Button(_, _, reply)) => {
                let text = format!("{} is switched off; switch it on first.", board.name());
                let _ = reply.send(Err(ApiError::new(ErrorCode::Refused, text)));
            }
        }
    }
}

fn failed_to_start(bench: &Bench, board: &Arc<Board>, fault: String) {
    tracing::error!(board = board.name(), fault, "the machine does not start");
    {
        let mut state = board.state();
        state.machine = None;
        state.fault = Some(fault.clone());
        state.phase = "switched off".into();
        state.note("error", fault.clone());
    }
    bench.outbox.touch(board);
    bench.tell("machine.failed", Some(board), fault, serde_json::Map::new());
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
