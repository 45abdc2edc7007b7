//! Terminals on the lines of emulated boards that run programs of the user's own, and how people name them. They stand
//! among the terminals on ports and probes, which have the same requests.

use crate::{
    api::{ApiError, ErrorCode},
    fleet::FleetBoard,
    hardware::Console,
    state::WorkbenchState,
};
use drydock_assets::Board as Description;
use drydock_emulator::{DebugLine, LOG_CHANNELS};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The line of the board's USB device.
pub(crate) const USB: &str = "usb";

/// Opens the terminal of a board's line: a UART, by its number, `usb`, or a [`DebugLine`]. What is typed there is received.
/// One that was closed keeps its text.
pub(crate) fn open(workbench: &WorkbenchState, board: &str, line: &str) -> (Arc<Console>, mpsc::Receiver<Vec<u8>>) {
    let path = path(board, line);
    let earlier = workbench.hardware.consoles.lock().get(&path).cloned();
    match earlier {
        Some(console) => {
            let to_send = console.reopened();
            console.set(workbench, true, None);
            (console, to_send)
        }
        None => {
            let (console, to_send) = Console::opened(&path, None, None);
            workbench.hardware.consoles.lock().insert(path, Arc::clone(&console));
            (console, to_send)
        }
    }
}

/// Closes a terminal until its board is switched on again.
pub(crate) fn close(workbench: &WorkbenchState, console: &Console) {
    console.stop();
    console.set(workbench, false, Some("The board is switched off.".into()));
}

/// Forgets the terminals of a board.
pub(crate) fn forget(workbench: &WorkbenchState, board: &str) {
    let of_board = |path: &str| path.rsplit_once(':').is_some_and(|(id, _)| id == board);
    workbench.hardware.consoles.lock().retain(|path, _| !of_board(path));
}

/// By what name the terminal of a board's line is kept: names of boards change.
pub(crate) fn path(board: &str, line: &str) -> String {
    format!("{board}:{line}")
}

/// The board and the line that people mean: a board alone, for the UART of its link, or with `:` and the line.
fn named(workbench: &WorkbenchState, name: &str) -> Option<(Arc<FleetBoard>, String)> {
    if let Some(board) = workbench.fleet.find(name) {
        let uart = board.description().link.uart;
        return Some((board, uart.to_string()));
    }
    let (board, line) = name.rsplit_once(':')?;
    let board = workbench.fleet.find(board)?;
    let line = canonical(line, &board.description());
    Some((board, line))
}

/// The name by which a line is kept: a UART that the board's file names has its number.
pub(crate) fn canonical(line: &str, board: &Description) -> String {
    let named = board.uarts.iter().find(|uart| uart.name == line);
    named.map_or_else(|| line.to_owned(), |uart| uart.uart.to_string())
}

/// Whether a board of this kind can have a line with this name.
pub(crate) fn is_line(line: &str, board: &Description) -> bool {
    line == USB || (0..board.chip.uarts).any(|uart| line == uart.to_string()) || DebugLine::named(line).is_some()
}

/// A sentence that says which lines a board has instead.
pub(crate) fn no_line(board: &str, line: &str) -> String {
    let last = LOG_CHANNELS - 1;
    format!(
        "{board} has no line {line}; it has UARTs by their number, semihosting, rtt0 to rtt{last}, itm0 to itm{last}, and \
         usb if the board has a USB device."
    )
}

/// The terminal of a board, if a name means one; the error says why the board has none.
pub(crate) fn of_board(workbench: &WorkbenchState, name: &str) -> Result<Option<Arc<Console>>, ApiError> {
    let Some((board, line)) = named(workbench, name) else {
        return Ok(None);
    };
    let refused = |text| Err(ApiError::new(ErrorCode::Refused, text));
    if board.emulated()?.firmware.is_none() {
        return refused(format!(
            "{name} runs Drydock's firmware, whose UART is its link; its log is in `drydock logs {}`.",
            board.name()
        ));
    }
    if let Ok(console) = workbench.hardware.consoles.find(&path(&board.id, &line)) {
        return Ok(Some(console));
    }
    if board.is_starting() {
        return refused(format!(
            "{} is still being switched on; try again when it is there.",
            board.name()
        ));
    }
    if board.state().machine.is_none() {
        return Err(board.is_off());
    }
    refused(no_line(&board.name(), &line))
}
