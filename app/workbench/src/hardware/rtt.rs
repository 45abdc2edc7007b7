//! Terminals over a debug probe: what a program writes to RTT's channel 0 up, and what it reads from channel 0 down. The chip
//! is never halted.

use super::{console::Console, incoming::Incoming, probed::look};
use crate::state::WorkbenchState;
use drydock_assets::Board as Description;
use drydock_hardware::probe::{LiveChip, ProbeError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const CHANNEL: u32 = 0;
/// How often the program is asked for bytes.
const POLL: Duration = Duration::from_millis(20);
/// How often all of RAM is searched for a control block that was not there yet, and a probe that is away is tried.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How long the program may take to make room for what is sent.
const TAKES: Duration = Duration::from_secs(2);

const NO_CONSOLE: &str = "Waits for the program: it has set up no RTT console yet.";
const NOT_SENT: &str = "Waits for the program: it has set up no RTT console yet; nothing was sent.";

/// What is to be sent, and until when the program may take it.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    until: Option<Instant>,
    /// Why the last bytes were not sent, until the next ones are.
    text: Option<String>,
    /// Something was to be sent before there was a console.
    too_early: bool,
}

/// Passes bytes both ways until the terminal closes, and opens the probe again when it comes back. It blocks.
pub(super) fn serve(
    workbench: &WorkbenchState,
    console: &Console,
    (chip, board): (LiveChip, &Description),
    mut to_send: mpsc::Receiver<Vec<u8>>,
    mut incoming: Incoming,
) {
    let mut chip = Some(chip);
    let mut unsent = Unsent::default();
    let mut wait = Duration::ZERO;
    loop {
        let until = Instant::now() + wait;
        loop {
            if to_send.is_closed() {
                return;
            }
            if unsent.bytes.is_empty()
                && let Ok(bytes) = to_send.try_recv()
            {
                unsent = Unsent {
                    bytes,
                    until: Some(Instant::now() + TAKES),
                    ..Unsent::default()
                };
                break;
            }
            if Instant::now() >= until {
                break;
            }
            // Not a timer of the runtime: the runtime may end before this does.
            std::thread::sleep(POLL.min(until.saturating_duration_since(Instant::now())));
        }
        let Some(open) = &mut chip else {
            unsent.bytes.clear();
            wait = TRY_AGAIN;
            match look(workbench, console.path(), board) {
                Ok(opened) => {
                    chip = Some(opened);
                    wait = Duration::ZERO;
                    incoming.restart();
                    console.set(workbench, true, None);
                }
                Err(error) => console.set(workbench, false, Some(format!("Waits for the board: {error}."))),
            }
            continue;
        };
        wait = POLL;
        match exchange(open, &mut unsent) {
            Ok(Exchange {
                bytes,
                text,
                has_console,
                is_anew,
            }) => {
                if !has_console {
                    wait = TRY_AGAIN;
                }
                if is_anew {
                    incoming.restart();
                }
                if !bytes.is_empty() {
                    console.take(workbench, &bytes, &mut incoming);
                }
                console.set(workbench, true, text.or_else(|| incoming.text()));
            }
            // The program may be setting it up just now.
            Err(error @ ProbeError::Garbled(_)) => {
                console.set(workbench, true, Some(format!("Waits for the program: {error}.")));
            }
            Err(error) => {
                chip = None;
                wait = TRY_AGAIN;
                console.set(workbench, false, Some(format!("Waits for the board: {error}.")));
            }
        }
    }
}

/// What came, and what there is to say.
struct Exchange {
    bytes: Vec<u8>,
    text: Option<String>,
    has_console: bool,
    /// The program set its console up again before the bytes.
    is_anew: bool,
}

fn exchange(chip: &mut LiveChip, unsent: &mut Unsent) -> Result<Exchange, ProbeError> {
    if !chip.has_rtt()? {
        unsent.too_early |= !unsent.bytes.is_empty();
        unsent.bytes.clear();
        let text = if unsent.too_early { NOT_SENT } else { NO_CONSOLE };
        return Ok(Exchange {
            bytes: Vec::new(),
            text: Some(text.to_owned()),
            has_console: false,
            is_anew: true,
        });
    }
    unsent.too_early = false;
    let bytes = chip.read_rtt(CHANNEL)?;
    let is_anew = chip.take_rtt_restart();
    if !unsent.bytes.is_empty() {
        let taken = chip.write_rtt(CHANNEL, &unsent.bytes)?;
        unsent.bytes.drain(..taken.unwrap_or(0));
        let left = unsent.bytes.len();
        let is_late = unsent.until.is_none_or(|until| Instant::now() >= until);
        unsent.text = match taken {
            None => Some("The program takes no input: it has no RTT channel down; nothing was sent.".to_owned()),
            Some(_) if left > 0 && is_late => Some(format!(
                "The program does not read its input: {left} bytes were not sent."
            )),
            Some(_) => None,
        };
        if unsent.text.is_some() {
            unsent.bytes.clear();
        }
    }
    let text = unsent.text.clone();
    Ok(Exchange {
        bytes,
        text,
        has_console: true,
        is_anew,
    })
}
